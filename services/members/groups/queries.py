"""Reads of groups."""

from uuid import UUID

from pydantic import TypeAdapter

from contracts.members import GroupSpell
from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.members.groups.schemas import GroupOut
from services.members.units.queries import on_last_day, there, within

TIMELINE = TypeAdapter(list[GroupSpell])


def out(row: Row) -> GroupOut:
    """A `member_group` row as the door shows it."""
    return GroupOut.model_validate({**dict(row), "timeline": TIMELINE.validate_json(row["timeline"])}, extra="ignore")


async def get(conn: Connection, reach: Reach, group_id: UUID) -> GroupOut:
    """One group inside `reach`, or 404."""
    row = await conn.fetchrow("select * from member_group where id = $1", group_id)
    if row is None or not reach.covers(row["unit"], row["branch"]):
        raise NotFound
    return out(row)


async def find(
    conn: Connection, reach: Reach, unit: str | None, branch: UUID | None, limit: int, cursor: str | None
) -> Page[GroupOut]:
    """Groups of `unit` (or of all of `reach`) and of `branch`, by unit and id."""
    start, inside = after(cursor, str, UUID), reach.within(branch=branch)
    rows = await conn.fetch(
        f"""
        select * from member_group
        where unit = any($1)
          and ($2::uuid is null or branch = $2)
          and ($3::text is null or (unit, id) > ($3, $4::uuid))
          and ($6::text is null or {there("$6", "$7")})
        order by unit, id
        limit $5
        """,  # noqa: S608  # own text
        within(inside.units, unit),
        inside.branch,
        *(start or (None, None)),
        limit + 1,
        *on_last_day(unit),
    )
    page, following = page_of(rows, limit, lambda row: (row["unit"], row["id"]))
    return Page(items=[out(row) for row in page], next_cursor=following)


async def has_active_members(conn: Connection, group_id: UUID) -> bool:
    """Whether anybody is an active member of the group."""
    return bool(
        await conn.fetchval("""select exists (select from member where "group" = $1 and status = 'active')""", group_id)
    )
