"""HTTP door of the portfolio as communes and the province supervise it."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from contracts.calendars import Day
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.context import context
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import Reading, noun
from services.loans.borrowers.schemas import UnitCode
from services.loans.entries.interest import MONTHS, months_after
from services.loans.groups.schemas import Month
from services.loans.portfolio import queries
from services.loans.portfolio.queries import Scope
from services.loans.portfolio.schemas import (
    CollectionBy,
    CollectionOut,
    MoneyMigrationOut,
    OverdueAgeingOut,
    WarningOut,
)

router = noun("portfolio")
Reader = Annotated[Caller, Depends(needs("loans:read"))]


async def scope(
    caller: Reader,
    unit: Annotated[UnitCode | None, Query()] = None,
    branch: Annotated[UUID | None, Query(description="Of households of this branch")] = None,
    group: Annotated[UUID | None, Query(description="Of members of this group on that day")] = None,
    as_of: Annotated[Day | None, Query(description="At its end; default today")] = None,
) -> Scope:
    """What of the caller's reach is asked about, and on which day."""
    return Scope(caller.reach.within(unit, branch), group, as_of or today())


Inside = Annotated[Scope, Depends(scope)]


@router.get("/ageing")
async def read_overdue(conn: Reading, inside: Inside) -> OverdueAgeingOut:
    """Overdue debt by how long it has been overdue, by programme."""
    return await queries.ageing(conn, inside)


@router.get("/migration")
async def read_migration(conn: Reading, inside: Inside, month: Annotated[Month, Query()]) -> MoneyMigrationOut:
    """How much debt went from which state into which in a month, and what came in and went out."""
    return await queries.migration(conn, inside, date.fromisoformat(f"{month}-01"))


@router.get("/expected-collections")
async def list_expected(
    conn: Reading,
    inside: Inside,
    first: Annotated[Day | None, Query(alias="from", description="Default `as_of`")] = None,
    last: Annotated[Day | None, Query(alias="to", description="Default a year, the first day included")] = None,
    by: CollectionBy = "programme",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[CollectionOut]:
    """Principal that falls due and interest that runs, by month and programme or group."""
    first = first or inside.as_of
    last = last or months_after(first, MONTHS) - timedelta(days=1)
    return await queries.expected(conn, inside, by, first, last, limit, cursor)


@router.get("/warnings")
async def list_warnings(conn: Reading, inside: Inside, limit: Limit = 100, cursor: Cursor = None) -> Page[WarningOut]:
    """Loans on which a rule of early warning fires, and which, by unit and id."""
    return await queries.warnings(conn, inside, context().language, limit, cursor)
