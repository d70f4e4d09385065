"""HTTP door of use-of-funds checks."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from contracts.calendars import Day
from services.chassis.auth import Caller, needs
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, IfMatch, Reading, Writing, etag, noun
from services.loans.borrowers.schemas import UnitCode
from services.loans.checks import commands, queries
from services.loans.checks.queries import Wanted
from services.loans.checks.schemas import CheckOut, FollowUpIn, ResultIn, ResultPatch, State

router = noun("checks")
Reader = Annotated[Caller, Depends(needs("loans:read"))]
Writer = Annotated[Caller, Depends(needs("loans:write"))]


@router.get("")
async def list_checks(
    conn: Reading,
    caller: Reader,
    unit: Annotated[UnitCode | None, Query()] = None,
    branch: Annotated[UUID | None, Query(description="Of households of this branch")] = None,
    loan: Annotated[UUID | None, Query()] = None,
    state: Annotated[State | None, Query()] = None,
    due_before: Annotated[Day | None, Query(description="Something has to be done before this day")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[CheckOut]:
    """The work list: what has to be looked after first, first; what is done stands last."""
    wanted = Wanted(loan, state, due_before)
    return await queries.find(conn, caller.reach.within(unit, branch), wanted, limit, cursor)


@router.get("/{check_id}")
async def read_check(check_id: UUID, conn: Reading, caller: Reader, response: Response) -> CheckOut:
    """The check of a disbursement."""
    return _tagged(response, await queries.get(conn, caller.reach, check_id))


@router.post("/{check_id}/result", openapi_extra=IDEMPOTENT)
async def record_check(
    check_id: UUID, body: ResultIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> CheckOut:
    """Record what a check found. Misuse opens a follow-up."""
    return _tagged(response, await commands.record(conn, caller.reach, check_id, version, body))


@router.patch("/{check_id}")
async def correct_check(
    check_id: UUID, body: ResultPatch, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> CheckOut:
    """Put right what was recorded."""
    return _tagged(response, await commands.correct(conn, caller.reach, check_id, version, body))


@router.post("/{check_id}/follow-up", openapi_extra=IDEMPOTENT)
async def follow_up(
    check_id: UUID, body: FollowUpIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> CheckOut:
    """Record what became of misuse."""
    return _tagged(response, await commands.follow_up(conn, caller.reach, check_id, version, body))


def _tagged(response: Response, check: CheckOut) -> CheckOut:
    etag(response, check.version)
    return check
