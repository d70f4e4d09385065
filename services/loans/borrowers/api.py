"""HTTP door of borrowers."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from contracts.calendars import Day
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, IfMatch, Reading, Writing, etag, noun
from services.loans.batches import BatchIn, BatchOut
from services.loans.borrowers import commands, queries
from services.loans.borrowers.schemas import BorrowerIn, BorrowerOut, BorrowerPatch, UnitCode

router = noun("borrowers")
Reader = Annotated[Caller, Depends(needs("loans:read"))]
Writer = Annotated[Caller, Depends(needs("loans:write"))]
AsOf = Annotated[Day | None, Query(description="Balances as of this day; default today")]


def _shown(borrower: BorrowerOut, caller: Caller) -> BorrowerOut:
    if "members:personal" in caller.scopes:
        return borrower
    return borrower.model_copy(update={"representative": None})


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def register_borrower(body: BorrowerIn, conn: Writing, caller: Writer, response: Response) -> BorrowerOut:
    """Register a household as a customer."""
    borrower = await commands.register(conn, caller.reach, body)
    etag(response, borrower.version)
    response.headers["location"] = f"/v1/borrowers/{borrower.id}"
    return _shown(borrower, caller)


@router.post("/batch", openapi_extra=IDEMPOTENT)
async def register_borrowers(body: BatchIn, conn: Writing, caller: Writer) -> BatchOut:
    """Register up to 1,000 households: a verdict per row, each as `POST /v1/borrowers` takes it."""
    return await commands.register_many(conn, caller.reach, body)


@router.get("")
async def list_borrowers(
    conn: Reading,
    caller: Reader,
    unit: Annotated[UnitCode | None, Query()] = None,
    as_of: AsOf = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[BorrowerOut]:
    """Borrowers inside the caller's reach, with what they owe."""
    page = await queries.find(conn, caller.reach, unit, as_of or today(), limit, cursor)
    return Page(items=[_shown(borrower, caller) for borrower in page.items], next_cursor=page.next_cursor)


@router.get("/{borrower_id}")
async def read_borrower(
    borrower_id: UUID, conn: Reading, caller: Reader, response: Response, as_of: AsOf = None
) -> BorrowerOut:
    """One borrower with what it owes."""
    borrower = await queries.get(conn, caller.reach, borrower_id, as_of or today())
    etag(response, borrower.version)
    return _shown(borrower, caller)


@router.patch("/{borrower_id}")
async def correct_borrower(
    borrower_id: UUID, body: BorrowerPatch, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> BorrowerOut:
    """Put place or poverty status right, or change them from a day on. Its loans go where it goes."""
    borrower = await commands.correct(conn, caller.reach, borrower_id, version, body)
    etag(response, borrower.version)
    return _shown(borrower, caller)
