"""HTTP door of loans."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from contracts.loans import LoanStatus
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, Reading, Writing, etag, noun
from services.loans.batches import BatchIn, BatchOut
from services.loans.borrowers.api import AsOf
from services.loans.borrowers.schemas import UnitCode
from services.loans.loans import commands, queries
from services.loans.loans.schemas import LoanIn, LoanOut

router = noun("loans")
Reader = Annotated[Caller, Depends(needs("loans:read"))]
Writer = Annotated[Caller, Depends(needs("loans:write"))]


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def open_loan(body: LoanIn, conn: Writing, caller: Writer, response: Response) -> LoanOut:
    """Record a contract; nothing is disbursed yet."""
    loan = await commands.open_loan(conn, caller.reach, body)
    etag(response, loan.version)
    response.headers["location"] = f"/v1/loans/{loan.id}"
    return loan


@router.post("/batch", openapi_extra=IDEMPOTENT)
async def open_loans(body: BatchIn, conn: Writing, caller: Writer) -> BatchOut:
    """Record up to 1,000 contracts: a verdict per row, each as `POST /v1/loans` takes it."""
    return await commands.open_many(conn, caller.reach, body)


@router.get("")
async def list_loans(
    conn: Reading,
    caller: Reader,
    unit: Annotated[UnitCode | None, Query()] = None,
    borrower: Annotated[UUID | None, Query()] = None,
    status: Annotated[LoanStatus | None, Query(description="On `as_of`")] = None,
    as_of: AsOf = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[LoanOut]:
    """Loans inside the caller's reach."""
    return await queries.find(conn, caller.reach, unit, borrower, status, as_of or today(), limit, cursor)


@router.get("/{loan_id}")
async def read_loan(loan_id: UUID, conn: Reading, caller: Reader, response: Response, as_of: AsOf = None) -> LoanOut:
    """One loan with its balances."""
    loan = await queries.get(conn, caller.reach, loan_id, as_of or today())
    etag(response, loan.version)
    return loan
