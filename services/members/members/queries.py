"""Reads of members."""

from collections.abc import Sequence, Set
from uuid import UUID

from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, fold, page_of
from services.members.members.schemas import MemberOut, Status


def out(row: Row) -> MemberOut:
    """A `member` row as the door shows it."""
    return MemberOut.model_validate(dict(row), extra="ignore")


async def get(conn: Connection, reach: Set[str], member_id: UUID) -> MemberOut:
    """One member inside `reach`, or 404."""
    row = await conn.fetchrow("select * from member where id = $1 and unit = any($2)", member_id, list(reach))
    if row is None:
        raise NotFound
    return out(row)


async def find(
    conn: Connection,
    reach: Set[str],
    *,
    unit: str | None,
    branch: UUID | None,
    status: Status | None,
    q: str | None,
    limit: int,
    cursor: str | None,
) -> Page[MemberOut]:
    """Members of `unit` (or of all of `reach`), narrowed by branch, status and folded name, by unit and id."""
    start = after(cursor, str, UUID)
    rows = await conn.fetch(
        """
        select * from member
        where unit = any($1)
          and ($2::uuid is null or branch = $2)
          and ($3::text is null or status = $3)
          and ($4::text is null or strpos(name_folded, $4) > 0)
          and ($5::text is null or (unit, id) > ($5, $6::uuid))
        order by unit, id
        limit $7
        """,
        [unit] if unit in reach else [] if unit else list(reach),
        branch,
        status,
        fold(q) if q else None,
        *(start or (None, None)),
        limit + 1,
    )
    page, following = page_of(rows, limit, lambda row: (row["unit"], row["id"]))
    return Page(items=[out(row) for row in page], next_cursor=following)


async def places(
    conn: Connection, reach: Set[str], branches: Sequence[UUID], households: Sequence[UUID]
) -> tuple[dict[UUID, Row], dict[UUID, Row]]:
    """The branches (unit, closed_on) and households (unit, poverty_status) inside `reach`, by id; one round trip.

    Branches are locked against being closed until the transaction ends.
    """
    rows = await conn.fetch(
        """
        with found as (select id, unit, closed_on from branch where id = any($1) order by id for share)
        select true as is_branch, id, unit, closed_on, null as poverty_status from found
        union all
        select false, id, unit, null,
               (select status from household_poverty where household = household.id order by year desc limit 1)
        from household where id = any($2)
        """,
        branches,
        households,
    )
    inside = [row for row in rows if row["unit"] in reach]
    return (
        {row["id"]: row for row in inside if row["is_branch"]},
        {row["id"]: row for row in inside if not row["is_branch"]},
    )
