"""HTTP door of what happens to a loan. Late entries keep their past day."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from services.chassis.auth import Caller, needs
from services.chassis.web import MONEY_COMMAND, IfMatchOptional, Writing, etag, noun
from services.loans.batches import BatchIn, BatchOut
from services.loans.entries.schemas import PostedOut
from services.loans.postings import commands
from services.loans.postings.schemas import AmountIn, ExtensionIn, FreezeIn, RepaymentIn

of_loan = noun("loans")
Writer = Annotated[Caller, Depends(needs("loans:write"))]


@of_loan.post("/entries", openapi_extra=MONEY_COMMAND)
async def post_many(body: BatchIn, conn: Writing, caller: Writer) -> BatchOut:
    """Up to 1,000 rows of a transaction day (`loan`, `kind`: disbursement or repayment): a verdict per row."""
    return await commands.post_many(conn, caller.reach, body)


@of_loan.post("/{loan_id}/disbursements", status_code=201, openapi_extra=MONEY_COMMAND)
async def disburse(
    loan_id: UUID, body: AmountIn, version: IfMatchOptional, conn: Writing, caller: Writer, response: Response
) -> PostedOut:
    """Record a tranche paid out."""
    return _tagged(response, await commands.disburse(conn, caller.reach, loan_id, version, body))


@of_loan.post("/{loan_id}/repayments", status_code=201, openapi_extra=MONEY_COMMAND)
async def repay(
    loan_id: UUID, body: RepaymentIn, version: IfMatchOptional, conn: Writing, caller: Writer, response: Response
) -> PostedOut:
    """Record principal or interest paid back."""
    return _tagged(response, await commands.repay(conn, caller.reach, loan_id, version, body))


@of_loan.post("/{loan_id}/extensions", status_code=201, openapi_extra=MONEY_COMMAND)
async def extend(
    loan_id: UUID, body: ExtensionIn, version: IfMatchOptional, conn: Writing, caller: Writer, response: Response
) -> PostedOut:
    """Put the due date off: what is overdue is in term again."""
    return _tagged(response, await commands.extend(conn, caller.reach, loan_id, version, body))


@of_loan.post("/{loan_id}/overdue", status_code=201, openapi_extra=MONEY_COMMAND)
async def make_overdue(
    loan_id: UUID, body: AmountIn, version: IfMatchOptional, conn: Writing, caller: Writer, response: Response
) -> PostedOut:
    """Record that the bank made debt overdue before it is due, as for misuse."""
    return _tagged(response, await commands.make_overdue(conn, caller.reach, loan_id, version, body))


@of_loan.post("/{loan_id}/freezes", status_code=201, openapi_extra=MONEY_COMMAND)
async def freeze(
    loan_id: UUID, body: FreezeIn, version: IfMatchOptional, conn: Writing, caller: Writer, response: Response
) -> PostedOut:
    """Freeze debt for as long as the damage allows: it bears no interest and is not due. It ends by date alone."""
    return _tagged(response, await commands.freeze(conn, caller.reach, loan_id, version, body))


@of_loan.post("/{loan_id}/unfreezing", status_code=201, openapi_extra=MONEY_COMMAND)
async def unfreeze(
    loan_id: UUID, body: AmountIn, version: IfMatchOptional, conn: Writing, caller: Writer, response: Response
) -> PostedOut:
    """End a freeze before its last day."""
    return _tagged(response, await commands.unfreeze(conn, caller.reach, loan_id, version, body))


@of_loan.post("/{loan_id}/write-off", status_code=201, openapi_extra=MONEY_COMMAND)
async def write_off(
    loan_id: UUID, body: AmountIn, version: IfMatchOptional, conn: Writing, caller: Writer, response: Response
) -> PostedOut:
    """Write debt off."""
    return _tagged(response, await commands.write_off(conn, caller.reach, loan_id, version, body))


def _tagged(response: Response, posted: PostedOut) -> PostedOut:
    etag(response, posted.version)
    return posted
