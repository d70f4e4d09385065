"""Writes of receipts. Nothing of a receipt is in the ledger until the bank confirms it."""

from datetime import date
from typing import Any
from uuid import UUID

from contracts.reconciliation import ReceiptCancelled, ReceiptConfirmed, ReceiptRecorded, ReceiptState
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, Row, part
from services.chassis.errors import Conflict, NotFound, Problem, Stale, Text, invalid
from services.chassis.reach import Reach
from services.loans.entries.commands import Held, begin, hold
from services.loans.postings.commands import repay
from services.loans.postings.schemas import RepaymentIn
from services.loans.receipts import queries
from services.loans.receipts.schemas import CancellationIn, ConfirmationIn, ReceiptIn, ReceiptOut

INSERT = """
insert into receipt (id, loan, group_id, collector, collected_on, principal, interest, reference, state, actor, version,
                     recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', $9, 1, $10) returning 1
"""
SETTLE = """
update receipt set state = $2, settled_on = $3, entries = $4, note = $5, version = $6, recorded_at = $7
where id = $1 returning 1
"""


async def record(conn: Connection, reach: Reach, actor: str, body: ReceiptIn) -> ReceiptOut:
    """Record cash collected. 422 for more principal than is owed less what is pending already."""
    if not body.principal + body.interest:
        raise invalid("/principal", "nothing", "Cần gốc hoặc lãi", "Principal or interest is needed")
    held, _ = await begin(conn, reach, body.loan, None, "repayments", body.collected_on)
    waiting = await conn.fetchval(
        "select coalesce(sum(principal), 0)::bigint from receipt where loan = $1 and state = 'pending'", body.loan
    )
    left = held.balances[-1].outstanding - waiting
    if body.principal > left:
        vi, en = f"Chỉ còn nợ {left} đồng, kể cả tiền chờ xác nhận", f"Only {left} VND are owed beyond what is pending"
        raise invalid("/principal", "over_balance", vi, en)
    id_, now = journal.new_id(), journal.now()
    event = ReceiptRecorded(state="pending", **body.model_dump(exclude={"reference"}))
    who = (id_, body.loan, body.group, body.collector, body.collected_on)
    await journal.record(
        conn, _fact(event, id_, 1, held), INSERT, *who, body.principal, body.interest, body.reference, actor, now
    )
    return await queries.get(conn, reach, id_)


async def confirm(conn: Connection, reach: Reach, receipt_id: UUID, version: int, body: ConfirmationIn) -> ReceiptOut:
    """Post a pending receipt to the ledger on the bank's day. 409 if it is settled, 412 if stale."""
    loan = await _loan_of(conn, reach, receipt_id)
    held = await hold(conn, reach, loan)
    receipt = await _pending(conn, receipt_id, version)
    await _confirm(conn, reach, held, receipt, body.occurred_on or receipt["collected_on"], body.reference)
    return await queries.get(conn, reach, receipt_id)


async def confirm_by_line(conn: Connection, reach: Reach, row: Row) -> bool:
    """Post the receipts of a loan that the bank's line confirms, the oldest first, each on the day it was collected.

    `row`: as `statements.queries.pending` gives it. False, and nothing posted, if the ledger moved since the match or
    does not take them.
    """
    try:
        async with part(conn):
            held = await hold(conn, reach, row["loan"])
            now = await conn.fetchrow("select * from books_on($1, $2, $3)", row["loan"], row["month"], row["as_of"])
            assert now is not None, "a sum is always one row"
            receipts = await _explaining(conn, row)
            seen = ("in_term", "overdue", "frozen", *(() if row["interest"] is None else ("interest",)))
            if any(row[f"our_{name}"] != now[name] for name in seen) or not receipts:
                raise Stale
            for receipt in receipts:
                await _confirm(conn, reach, held, receipt, receipt["collected_on"], None)
    except Problem:
        return False
    return True


async def _explaining(conn: Connection, row: Row) -> list[Row]:
    """The pending receipts of a loan, the oldest first, that add up to what the bank has more; none if they do not."""
    receipts = await conn.fetch(
        """
        select * from receipt where loan = $1 and state = 'pending' and collected_on <= $2
        order by collected_on, id for update
        """,
        row["loan"],
        row["as_of"],
    )
    principal = interest = 0
    for n, receipt in enumerate(receipts, 1):
        principal, interest = principal + receipt["principal"], interest + receipt["interest"]
        if principal == row["principal"] and row["interest"] in (None, interest):
            return receipts[:n]
    return []


async def cancel(conn: Connection, reach: Reach, receipt_id: UUID, version: int, body: CancellationIn) -> ReceiptOut:
    """Take a pending receipt back. 409 if it is settled, 412 if stale."""
    loan = await _loan_of(conn, reach, receipt_id)
    held = await hold(conn, reach, loan)
    receipt = await _pending(conn, receipt_id, version)
    event = ReceiptCancelled(**{**_state(receipt), "state": "cancelled", "settled_on": today()})
    await _settle(conn, held, receipt, event, [], body.note)
    return await queries.get(conn, reach, receipt_id)


async def _confirm(conn: Connection, reach: Reach, held: Held, receipt: Row, on: date, reference: str | None) -> None:
    paid = RepaymentIn(
        principal=receipt["principal"],
        interest=receipt["interest"],
        occurred_on=on,
        reference=reference or receipt["reference"],
    )
    posted = await repay(conn, reach, receipt["loan"], None, paid)
    event = ReceiptConfirmed(**{**_state(receipt), "state": "confirmed", "settled_on": on})
    await _settle(conn, held, receipt, event, posted.entries, None)


async def _loan_of(conn: Connection, reach: Reach, receipt_id: UUID) -> UUID:
    return (await queries.get(conn, reach, receipt_id)).loan


async def _pending(conn: Connection, receipt_id: UUID, version: int) -> Row:
    """The receipt, whose loan is locked. 409 if it is settled, 412 if stale."""
    receipt = await conn.fetchrow("select * from receipt where id = $1 for update", receipt_id)
    if receipt is None:
        raise NotFound
    if receipt["version"] != version:
        raise Stale
    if receipt["state"] != "pending":
        raise Conflict(
            Text("Phiếu thu đã xác nhận hoặc đã hủy", "The receipt is confirmed or cancelled"), slug="receipt-settled"
        )
    return receipt


def _state(receipt: Row) -> dict[str, Any]:
    names = ("loan", "collector", "collected_on", "principal", "interest")
    return {**{name: receipt[name] for name in names}, "group": receipt["group_id"]}


async def _settle(
    conn: Connection, held: Held, receipt: Row, event: ReceiptState, entries: list[UUID], note: str | None
) -> None:
    version = receipt["version"] + 1
    fact = _fact(event, receipt["id"], version, held)
    settled = (event.state, event.settled_on, entries, note, version, journal.now())
    await journal.record(conn, fact, SETTLE, receipt["id"], *settled)


def _fact(event: ReceiptState, receipt_id: UUID, version: int, held: Held) -> journal.Fact:
    on = event.settled_on or event.collected_on
    return journal.Fact(event, receipt_id, version, on, held.loan["unit"], held.borrower["branch"])
