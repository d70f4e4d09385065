"""HTTP door of loans and their ledger."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, MONEY_COMMAND, IfMatchOptional, Reading, Writing, etag, noun
from services.loans.borrowers.api import AsOf
from services.loans.borrowers.schemas import UnitCode
from services.loans.loans import commands, queries
from services.loans.loans.schemas import DisbursementIn, LedgerOut, LoanIn, LoanOut, RepaymentIn

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


@router.get("")
async def list_loans(
    conn: Reading,
    caller: Reader,
    unit: Annotated[UnitCode | None, Query()] = None,
    borrower: Annotated[UUID | None, Query()] = None,
    as_of: AsOf = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[LoanOut]:
    """Loans inside the caller's reach."""
    return await queries.find(conn, caller.reach, unit, borrower, as_of or today(), limit, cursor)


@router.get("/{loan_id}")
async def read_loan(loan_id: UUID, conn: Reading, caller: Reader, response: Response, as_of: AsOf = None) -> LoanOut:
    """One loan with its balances."""
    loan = await queries.get(conn, caller.reach, loan_id, as_of or today())
    etag(response, loan.version)
    return loan


@router.get("/{loan_id}/ledger")
async def read_ledger(loan_id: UUID, conn: Reading, caller: Reader) -> LedgerOut:
    """Every entry of a loan, and the balance after it."""
    return await queries.ledger(conn, caller.reach, loan_id)


@router.post("/{loan_id}/disbursements", status_code=201, openapi_extra=MONEY_COMMAND)
async def disburse(
    loan_id: UUID, body: DisbursementIn, version: IfMatchOptional, conn: Writing, caller: Writer, response: Response
) -> LoanOut:
    """Record a tranche paid out. Late entries keep their past day."""
    loan = await commands.disburse(conn, caller.reach, loan_id, version, body)
    etag(response, loan.version)
    return loan


@router.post("/{loan_id}/repayments", status_code=201, openapi_extra=MONEY_COMMAND)
async def repay(
    loan_id: UUID, body: RepaymentIn, version: IfMatchOptional, conn: Writing, caller: Writer, response: Response
) -> LoanOut:
    """Record principal paid back. Late entries keep their past day."""
    loan = await commands.repay(conn, caller.reach, loan_id, version, body)
    etag(response, loan.version)
    return loan
