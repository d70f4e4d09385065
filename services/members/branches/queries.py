"""Reads of branches."""

from uuid import UUID

from pydantic import TypeAdapter

from contracts.members import BranchSpell
from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, fold, page_of
from services.chassis.reach import Reach
from services.members.branches.schemas import BranchOut
from services.members.units.queries import on_last_day, there, within

TIMELINE = TypeAdapter(list[BranchSpell])


def out(row: Row) -> BranchOut:
    """A `branch` row as the door shows it."""
    spells = TIMELINE.validate_json(row["timeline"])
    return BranchOut.model_validate({**dict(row), "timeline": spells}, extra="ignore")


async def get(conn: Connection, reach: Reach, branch_id: UUID) -> BranchOut:
    """One branch inside `reach`, or 404."""
    row = await conn.fetchrow("select * from branch where id = $1", branch_id)
    if row is None or not reach.covers(row["unit"], row["id"]):
        raise NotFound
    return out(row)


async def find(
    conn: Connection, reach: Reach, unit: str | None, q: str | None, limit: int, cursor: str | None
) -> Page[BranchOut]:
    """Branches of `unit` (or of all of `reach`) whose folded name contains `q`, by unit and id."""
    start, inside = after(cursor, str, UUID), reach.within()
    rows = await conn.fetch(
        f"""
        select * from branch
        where unit = any($1)
          and ($2::text is null or strpos(name_folded, $2) > 0)
          and ($3::text is null or (unit, id) > ($3, $4::uuid))
          and ($6::text is null or {there("$6", "$7")})
          and ($8::uuid is null or id = $8)
        order by unit, id
        limit $5
        """,  # noqa: S608  # own text
        within(inside.units, unit),
        fold(q) if q else None,
        *(start or (None, None)),
        limit + 1,
        *on_last_day(unit),
        inside.branch,
    )
    page, following = page_of(rows, limit, lambda row: (row["unit"], row["id"]))
    return Page(items=[out(row) for row in page], next_cursor=following)


async def has_active_members(conn: Connection, branch_id: UUID) -> bool:
    """Whether anybody is an active member of the branch, or is to be; from now on nobody can become one.

    The lock is asked for first, so that whoever was just being placed in the branch is seen.
    """
    await conn.execute("select from branch where id = $1 for update", branch_id)
    return bool(
        await conn.fetchval(
            """
            select exists (select from member where branch = $1::uuid and status = 'active')
                or exists (
                    select from member, json_array_elements(timeline) as spell
                    where due_on is not null and (spell ->> 'since')::date >= due_on
                      and spell ->> 'branch' = $1::text and spell ->> 'status' = 'active')
            """,
            branch_id,
        )
    )
