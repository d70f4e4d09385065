"""What happens to a loan from its first disbursement on: each is posted to its ledger."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from contracts.loans import LoanDisbursed, LoanExtended, LoanReclassified, LoanRepaid, LoanState, LoanWrittenOff
from services.chassis.db import Connection, Row
from services.chassis.errors import invalid
from services.chassis.reach import Reach
from services.loans.batches import BatchIn, BatchOut, each, ids_of
from services.loans.borrowers import commands as borrowers
from services.loans.entries import books, interest
from services.loans.entries.books import Kind
from services.loans.entries.commands import Held, Line, begin, post
from services.loans.entries.schemas import PostedOut
from services.loans.loans.record import Fields
from services.loans.postings.schemas import AmountIn, ExtensionIn, FreezeIn, Posting, RepaymentIn, RowIn
from services.loans.programmes.queries import terms_of


async def disburse(conn: Connection, reach: Reach, loan_id: UUID, version: int | None, body: AmountIn) -> PostedOut:
    """Record a tranche paid out. 422 over the contract's amount or the programme's cap."""
    held, _ = await begin(conn, reach, loan_id, version, "disbursements", body.occurred_on)
    disbursed = sum(flow.amount for flow in books.flows(held.entries) if flow.kind == "disbursed")
    most = held.loan["amount"]
    if most is not None and disbursed + body.amount > most:
        text = f"Quá mức vay {most} đồng của hợp đồng", f"Over the contract's {most} VND"
        raise invalid("/amount", "over_contract", *text)
    lines = [Line("disbursement", body.amount)]
    return await _post(conn, held, body, lines, LoanDisbursed, amount=body.amount)


async def repay(conn: Connection, reach: Reach, loan_id: UUID, version: int | None, body: RepaymentIn) -> PostedOut:
    """Record principal or interest paid back. 422 if on that day, or any later one, more would be repaid than owed."""
    kinds: tuple[Kind, Kind] = ("principal", "interest")
    amounts = zip(kinds, (body.principal, body.interest), strict=True)
    lines = [Line(kind, amount) for kind, amount in amounts if amount]
    if not lines:
        raise invalid("/principal", "nothing", "Cần gốc hoặc lãi", "Principal or interest is needed")
    held, _ = await begin(conn, reach, loan_id, version, "repayments", body.occurred_on)
    paid = {"principal": body.principal, "interest": body.interest}
    return await _post(conn, held, body, lines, LoanRepaid, **paid)


async def post_many(conn: Connection, reach: Reach, body: BatchIn) -> BatchOut:
    """Up to 1,000 disbursements and repayments of a transaction day: a verdict for each."""
    await borrowers.lock_owners(conn, ids_of(body.items, "loan"))

    async def act(row: RowIn) -> PostedOut:
        said = row.model_dump(include={"occurred_on", "reference"})
        if row.kind == "repayment":
            paid = RepaymentIn(principal=row.principal, interest=row.interest, **said)
            return await repay(conn, reach, row.loan, None, paid)
        if row.amount is None:
            raise invalid("/amount", "missing", "Thiếu số tiền", "The amount is required")
        return await disburse(conn, reach, row.loan, None, AmountIn(amount=row.amount, **said))

    return await each(conn, body, RowIn, act)


async def extend(conn: Connection, reach: Reach, loan_id: UUID, version: int | None, body: ExtensionIn) -> PostedOut:
    """Put the due date off. 422 if it is no later than it was, or beyond what the programme's terms allow."""
    held, before = await begin(conn, reach, loan_id, version, "extensions", body.occurred_on)
    loan, terms = held.loan, terms_of(await _programme(conn, held.loan))
    months = interest.months_between(loan["contract_on"], loan["due_on"])
    longest = months if months <= terms.short_term_months else months * terms.extension_percent // interest.PERCENT
    last = interest.months_after(loan["due_on"], longest)
    if body.until <= max(body.occurred_on, before.due_on):
        raise invalid("/until", "not_later", "Phải sau hạn trả hiện tại", "Must be after the day it is due")
    if body.until > last:
        raise invalid("/until", "too_long", f"Chậm nhất là {last:%d/%m/%Y}", f"The last day allowed is {last}")
    lines = [Line("extension", max(before.in_term + before.overdue, 1), body.until)]
    return await _post(conn, held, body, lines, LoanExtended)


async def make_overdue(conn: Connection, reach: Reach, loan_id: UUID, version: int | None, body: AmountIn) -> PostedOut:
    """Record that the bank made debt overdue before it is due. 422 for more than is in term."""
    held, _ = await begin(conn, reach, loan_id, version, "overdue", body.occurred_on)
    lines = [Line("to_overdue", body.amount)]
    return await _post(conn, held, body, lines, LoanReclassified, amount=body.amount)


async def freeze(conn: Connection, reach: Reach, loan_id: UUID, version: int | None, body: FreezeIn) -> PostedOut:
    """Freeze debt. 422 for too little damage, or beyond the years that the terms allow for it."""
    held, _ = await begin(conn, reach, loan_id, version, "freezes", body.occurred_on)
    terms = terms_of(await _programme(conn, held.loan))
    years = max((each.years for each in terms.freezes if each.damage_percent <= body.damage_percent), default=0)
    if not years:
        raise invalid("/damage_percent", "too_little", "Chưa đến mức được khoanh nợ", "Too little to freeze debt")
    last = interest.months_after(body.occurred_on, years * interest.MONTHS)
    if not body.occurred_on <= body.until <= last:
        raise invalid("/until", "too_long", f"Chậm nhất là {last:%d/%m/%Y}", f"The last day allowed is {last}")
    lines = [Line("freeze", body.amount, body.until)]
    return await _post(conn, held, body, lines, LoanReclassified, amount=body.amount)


async def unfreeze(conn: Connection, reach: Reach, loan_id: UUID, version: int | None, body: AmountIn) -> PostedOut:
    """End a freeze before its last day. 422 for more than is frozen."""
    held, _ = await begin(conn, reach, loan_id, version, "unfreezing", body.occurred_on)
    lines = [Line("unfreeze", body.amount)]
    return await _post(conn, held, body, lines, LoanReclassified, amount=body.amount)


async def write_off(conn: Connection, reach: Reach, loan_id: UUID, version: int | None, body: AmountIn) -> PostedOut:
    """Write debt off: what is frozen first, then overdue, then in term. 422 for more than is owed."""
    held, _ = await begin(conn, reach, loan_id, version, "write-off", body.occurred_on)
    lines = [Line("write_off", body.amount)]
    return await _post(conn, held, body, lines, LoanWrittenOff, amount=body.amount)


async def _post(
    conn: Connection, held: Held, body: Posting, lines: Sequence[Line], event: type[LoanState], **extra: Any
) -> PostedOut:
    return await post(conn, held, body.occurred_on, lines, event, reference=body.reference, **extra)


async def _programme(conn: Connection, loan: Fields) -> Row:
    """The terms the loan keeps."""
    row = await conn.fetchrow("select * from programme where id = $1", loan["programme"])
    assert row is not None, "a loan's programme exists"
    return row
