"""Reads of households."""

from collections.abc import Set
from uuid import UUID

from pydantic import TypeAdapter

from contracts.members import HouseholdSpell
from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page
from services.chassis.reach import Reach
from services.members.households.schemas import HouseholdOut
from services.members.units.queries import page_in

TIMELINE = TypeAdapter(list[HouseholdSpell])


def out(row: Row) -> HouseholdOut:
    """A `household` row as the door shows it."""
    spells = TIMELINE.validate_json(row["timeline"])
    return HouseholdOut.model_validate({**dict(row), "timeline": spells}, extra="ignore")


async def get(conn: Connection, reach: Reach, household_id: UUID) -> HouseholdOut:
    """One household inside `reach`, or 404."""
    row = await conn.fetchrow("select * from household where id = $1", household_id)
    if row is None or not reach.covers(row["unit"], row["branch"]):
        raise NotFound
    return out(row)


async def find(
    conn: Connection, reach: Reach, unit: str | None, branch: UUID | None, limit: int, cursor: str | None
) -> Page[HouseholdOut]:
    """Households of `unit` (or of all of `reach`) and of `branch`, by unit and id."""
    page, following = await page_in(conn, "household", reach, unit, branch, limit, cursor)
    return Page(items=[out(row) for row in page], next_cursor=following)


async def branches(conn: Connection, reach: Reach, ids: Set[UUID]) -> dict[UUID, Row]:
    """Open branches inside `reach` by id, locked against being closed until the transaction ends."""
    rows = await conn.fetch(
        """
        select id, unit, opened_on, timeline from branch
        where id = any($1) and unit = any($2) and ($3::uuid is null or id = $3) and closed_on is null
        order by id for share
        """,
        list(ids),
        list(reach.units),
        reach.branch,
    )
    return {row["id"]: row for row in rows}
