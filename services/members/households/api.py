"""HTTP door of households."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Response

from services.chassis.auth import Caller, needs
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, IfMatch, Recorded, Writing, etag, noun
from services.members.access_log.api import Viewing
from services.members.access_log.commands import show
from services.members.branches.schemas import UnitKey
from services.members.households import commands, queries
from services.members.households.schemas import (
    HouseholdIn,
    HouseholdOut,
    HouseholdPatch,
    HouseholdsIn,
    HouseholdsOut,
    PovertyStatusIn,
)

router = noun("households")
Reader = Annotated[Caller, Depends(needs("members:read"))]
Writer = Annotated[Caller, Depends(needs("members:write"))]


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def register_household(body: HouseholdIn, conn: Writing, caller: Writer, response: Response) -> HouseholdOut:
    """Register a household in a branch."""
    (household,) = await commands.register(conn, caller.reach, [body])
    etag(response, household.version)
    response.headers["location"] = f"/v1/households/{household.id}"
    return household.masked()


@router.post("/batch", status_code=201, openapi_extra=IDEMPOTENT)
async def register_households(body: HouseholdsIn, conn: Writing, caller: Writer) -> HouseholdsOut:
    """Register up to 1,000 households, all or none."""
    households = await commands.register(conn, caller.reach, body.items, "/items/{}")
    return HouseholdsOut(items=[household.masked() for household in households])


@router.get("")
async def list_households(
    conn: Recorded,
    caller: Reader,
    viewer: Viewing,
    unit: Annotated[UnitKey | None, Query()] = None,
    branch: Annotated[UUID | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[HouseholdOut]:
    """Households inside the caller's reach."""
    page = await queries.find(conn, caller.reach, unit, branch, limit, cursor)
    return Page(items=await show(conn, viewer, page.items), next_cursor=page.next_cursor)


@router.get("/{household_id}")
async def read_household(
    household_id: UUID, conn: Recorded, caller: Reader, viewer: Viewing, response: Response
) -> HouseholdOut:
    """One household with its poverty status by year."""
    (household,) = await show(conn, viewer, [await queries.get(conn, caller.reach, household_id)])
    etag(response, household.version)
    return household


@router.patch("/{household_id}")
async def correct_household(
    household_id: UUID, body: HouseholdPatch, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> HouseholdOut:
    """Correct what was recorded wrongly."""
    household = await commands.correct(conn, caller.reach, household_id, version, body)
    etag(response, household.version)
    return household.masked()


@router.put("/{household_id}/poverty-status/{year}")
async def set_poverty_status(
    household_id: UUID,
    year: Annotated[int, Path(ge=1990, le=2100)],
    body: PovertyStatusIn,
    version: IfMatch,
    conn: Writing,
    caller: Writer,
    response: Response,
) -> HouseholdOut:
    """Record a household's poverty status of one year."""
    household = await commands.set_poverty_status(conn, caller.reach, household_id, version, year, body)
    etag(response, household.version)
    return household.masked()
