"""Reads of the ledger."""

from datetime import date
from uuid import UUID

from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.reach import Reach
from services.loans.entries import interest
from services.loans.entries.books import Balance, Contract, Entry, at, balances, flows
from services.loans.entries.interest import Rates
from services.loans.entries.schemas import EntryOut, InstalmentOut, InterestOut, LedgerOut, ScheduleOut


async def entries_of(conn: Connection, loan_id: UUID) -> list[Entry]:
    """Every entry of a loan as recorded, reversals and what they reverse among them."""
    rows = await conn.fetch(
        "select id, kind, amount, occurred_on, until, reverses from entry where loan = $1 order by id", loan_id
    )
    return [Entry(*row) for row in rows]


async def loan_of(conn: Connection, reach: Reach, loan_id: UUID) -> Row:
    """The row of a loan inside `reach`, or 404."""
    row = await conn.fetchrow(
        """
        select * from loan where id = $1 and unit = any($2)
          and ($3::uuid is null or borrower in (select id from borrower where branch = $3))
        """,
        loan_id,
        list(reach.units),
        reach.branch,
    )
    if row is None:
        raise NotFound
    return row


async def ledger(conn: Connection, reach: Reach, loan_id: UUID) -> LedgerOut:
    """A loan's entries by day with what is owed at the end of each, or 404."""
    await loan_of(conn, reach, loan_id)
    rows = await conn.fetch(
        """
        select entry.*, reversal.id as reversed_by,
               sum(entry.principal) over (order by entry.occurred_on)::bigint as balance
        from entry left join entry as reversal on reversal.reverses = entry.id
        where entry.loan = $1 order by entry.occurred_on, entry.id
        """,
        loan_id,
    )
    return LedgerOut(loan=loan_id, items=[EntryOut.model_validate(dict(row), extra="ignore") for row in rows])


async def accrued(conn: Connection, reach: Reach, loan_id: UUID, as_of: date) -> InterestOut:
    """Interest that has run and was paid by the morning of a day."""
    rates, timeline, entries = await _books(conn, reach, loan_id)
    run = interest.accrued(rates, timeline, as_of)
    paid = sum(flow.amount for flow in flows(entries) if flow.kind == "interest" and flow.on <= as_of)
    return InterestOut(
        loan=loan_id,
        as_of=as_of,
        annual_rate_ppm=rates.annual_rate_ppm,
        overdue_rate_ppm=rates.annual_rate_ppm * rates.overdue_rate_percent / interest.PERCENT,
        accrued=run,
        paid=paid,
        due=run - paid,
    )


async def schedule(conn: Connection, reach: Reach, loan_id: UUID, as_of: date, every_months: int) -> ScheduleOut:
    """How what is in term on a day is to be paid back."""
    rates, timeline, _ = await _books(conn, reach, loan_id)
    balance = at(timeline, as_of)
    planned = interest.schedule(rates, balance, as_of, every_months) if balance else []
    return ScheduleOut(loan=loan_id, as_of=as_of, items=[InstalmentOut(**each._asdict()) for each in planned])


async def _books(conn: Connection, reach: Reach, loan_id: UUID) -> tuple[Rates, list[Balance], list[Entry]]:
    loan = await loan_of(conn, reach, loan_id)
    entries = await entries_of(conn, loan_id)
    contract = Contract(loan["contract_on"], loan["due_on"], loan["withdrawn_on"])
    return Rates(loan["annual_rate_ppm"], loan["overdue_rate_percent"]), balances(contract, entries), entries
