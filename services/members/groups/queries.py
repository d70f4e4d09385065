"""Reads of groups."""

from uuid import UUID

from pydantic import TypeAdapter

from contracts.members import GroupSpell
from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page
from services.chassis.reach import Reach
from services.members.groups.schemas import GroupOut
from services.members.units.queries import page_in

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
    page, following = await page_in(conn, "member_group", reach, unit, branch, limit, cursor)
    return Page(items=[out(row) for row in page], next_cursor=following)


async def has_active_members(conn: Connection, group_id: UUID) -> bool:
    """Whether anybody is an active member of the group."""
    return bool(
        await conn.fetchval("""select exists (select from member where "group" = $1 and status = 'active')""", group_id)
    )
