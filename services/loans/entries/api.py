"""HTTP door of the ledger."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from contracts.calendars import Day
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.web import MONEY_COMMAND, Reading, Writing, etag, noun
from services.loans.entries import commands, queries
from services.loans.entries.schemas import InterestOut, LedgerOut, PostedOut, ReversalIn, ScheduleOut

router, of_loan = noun("entries"), noun("loans")
Reader = Annotated[Caller, Depends(needs("loans:read"))]
Writer = Annotated[Caller, Depends(needs("loans:write"))]
AsOf = Annotated[Day | None, Query(description="On this day; default today")]


@router.post("/{entry_id}/reversal", status_code=201, openapi_extra=MONEY_COMMAND)
async def reverse_entry(
    entry_id: UUID, body: ReversalIn, conn: Writing, caller: Writer, response: Response
) -> PostedOut:
    """Append the counter-entry of an entry, on its day: it counts on no day any more."""
    posted = await commands.reverse(conn, caller.reach, entry_id, body)
    etag(response, posted.version)
    return posted


@of_loan.get("/{loan_id}/ledger")
async def read_ledger(loan_id: UUID, conn: Reading, caller: Reader) -> LedgerOut:
    """Every entry of a loan, and what is owed at the end of its day."""
    return await queries.ledger(conn, caller.reach, loan_id)


@of_loan.get("/{loan_id}/interest")
async def read_interest(loan_id: UUID, conn: Reading, caller: Reader, as_of: AsOf = None) -> InterestOut:
    """Interest that has run by the morning of a day, at the contract's rate, and what of it is paid."""
    return await queries.accrued(conn, caller.reach, loan_id, as_of or today())


@of_loan.get("/{loan_id}/schedule")
async def read_schedule(
    loan_id: UUID,
    conn: Reading,
    caller: Reader,
    as_of: AsOf = None,
    every_months: Annotated[int, Query(ge=1, le=120, description="Months from one instalment to the next")] = 6,
) -> ScheduleOut:
    """How what is in term is to be paid back: equal instalments with the interest of each."""
    return await queries.schedule(conn, caller.reach, loan_id, as_of or today(), every_months)
