"""Reads on today's map: what it adds to the units of then, and takes from them."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.chassis.db import Connection
from services.chassis.errors import NotFound


async def restated(
    conn: Connection,
    scopes: Sequence[str],
    stocks: Sequence[str],
    flows: Sequence[str],
    start: date,
    end: date,
    *,
    by: str = "",
    known_at: datetime | None = None,
    branch: UUID | None = None,
) -> list[tuple[str, str, str, int]]:
    """Scope, measure, category and how much more it is on today's map: stocks on `end`, flows until it.

    Categories are those of the dimension `by`, months (their first days) or branches; '' of what has none. A row of the
    log counts where its branch is now. A province is the same on both maps. If `branch` is given, of that alone.
    """
    rows = await conn.fetch(
        """
        with rows as not materialized (
            select unit, branch, measure, day, previous, known_at, dims, value, false as inherited from contribution
            where unit = any(array(select unit from carried where unit_now = any($1) or unit = any($1)))
            union all
            select unit, branch, measure, day, null, known_at, dims, value, true from inherited
        ), moved as (
            select s.scope, rows.*, s.sign from rows join carried k using (branch, unit)
            cross join lateral (values (k.unit_now, 1), (k.unit, -1)) as s (scope, sign)
            union all
            select unit, rows.*, 1 from rows where inherited
        )
        select scope, measure, case $6 when '' then '' when 'month' then date_trunc('month', day)::date::text
                   when 'branch' then coalesce(branch::text, '') else coalesce(dims ->> $6, '') end as category,
               sum(sign * value) as value
        from moved
        where scope = any($1)
          and (measure = any($2) and day <= $5
               or measure = any($3) and day between $4 and $5 and (previous is null or previous < $4))
          and ($7::timestamptz is null or known_at <= $7)
          and ($8::uuid is null or branch = $8)
        group by 1, 2, 3
        """,
        scopes,
        stocks,
        flows,
        start,
        end,
        by,
        known_at,
        branch,
    )
    return [(row["scope"], row["measure"], row["category"], int(row["value"])) for row in rows]


async def check(conn: Connection, unit: str, branch: UUID, *, now: bool) -> None:
    """404 for a branch that never was in the unit or, on today's map, is in it no longer."""
    found = await conn.fetchval(
        """
        select exists (select from entity where subject = $1 and kind = 'members.branch' and unit = $2)
            or not $3 and exists (select from carried where branch = $1 and unit = $2)
        """,
        branch,
        unit,
        now,
    )
    if not found:
        raise NotFound


async def gone(conn: Connection, unit: str) -> set[UUID]:
    """The branches of then that are in another unit now."""
    return {row["branch"] for row in await conn.fetch("select branch from carried where unit = $1", unit)}
