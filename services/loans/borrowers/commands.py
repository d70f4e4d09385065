"""Writes of borrowers."""

from datetime import date, timedelta
from uuid import UUID

from contracts.loans import BorrowerRegistered, BorrowerUpdated, Disbursement
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, Row, UniqueViolation
from services.chassis.errors import Conflict, Fault, NotFound, Text
from services.chassis.reach import Reach
from services.loans.borrowers.schemas import BorrowerIn, BorrowerOut

INSERT = """
insert into borrower (id, household, unit, branch, customer_code, representative, poverty_status, version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, 1, $8) returning 1
"""
TAKEN = {
    "borrower_customer_code_key": ("/customer_code", "Mã khách hàng đã dùng", "Customer code already used"),
    "borrower_household": ("/household", "Hộ đã là khách hàng", "The household is a customer already"),
}


async def register(conn: Connection, reach: Reach, body: BorrowerIn) -> BorrowerOut:
    """Register a household as a customer. 404 outside `reach`; 409 naming what is taken."""
    if not reach.covers(body.unit, body.branch):
        raise NotFound
    borrower = BorrowerOut(
        id=journal.new_id(),
        loans=0,
        outstanding=0,
        in_term=0,
        overdue=0,
        as_of=today(),
        version=1,
        recorded_at=journal.now(),
        **body.model_dump(),
    )
    event = BorrowerRegistered(
        loans=0, outstanding=0, overdue_from=None, disbursements=[], poverty_status=body.poverty_status
    )
    fact = journal.Fact(event, borrower.id, 1, today(), body.unit, body.branch)
    who = (body.household, body.unit, body.branch, body.customer_code, body.representative, body.poverty_status)
    try:
        await journal.record(conn, fact, INSERT, borrower.id, *who, borrower.recorded_at)
    except UniqueViolation as error:
        pointer, vi, en = TAKEN[str(error.constraint_name)]
        raise Conflict(slug="borrower-taken", faults=[Fault(pointer, "taken", Text(vi, en))]) from None
    return borrower


async def lock(conn: Connection, reach: Reach, borrower_id: UUID) -> Row:
    """The borrower, locked until the transaction ends. Taken before any of its loans, so locks cannot cross."""
    row = await conn.fetchrow(
        "select * from borrower where id = $1 and unit = any($2) and ($3::uuid is null or branch = $3) for update",
        borrower_id,
        list(reach.units),
        reach.branch,
    )
    if row is None:
        raise NotFound
    return row


async def restate(conn: Connection, borrower: Row, occurredon: date) -> None:
    """Journal what the borrower owes and has received, summed from its ledger, after a change to it."""
    loans = await _loans(conn, borrower["id"])
    owing = [loan["due_on"] + timedelta(days=1) for loan in loans if loan["balance"]]
    event = BorrowerUpdated(
        loans=len(loans),
        outstanding=sum(loan["balance"] for loan in loans),
        overdue_from=min(owing, default=None),
        disbursements=[
            Disbursement(on=day, programme=loan["programme_code"]) for loan in loans for day in loan["disbursed_on"]
        ],
        poverty_status=borrower["poverty_status"],
    )
    version = borrower["version"] + 1
    fact = journal.Fact(event, borrower["id"], version, occurredon, borrower["unit"], borrower["branch"])
    change = "update borrower set version = $2, recorded_at = $3 where id = $1 returning 1"
    await journal.record(conn, fact, change, borrower["id"], version, journal.now())


async def _loans(conn: Connection, borrower_id: UUID) -> list[Row]:
    """The borrower's loans with balance and days of disbursement, from the ledger."""
    return await conn.fetch(
        """
        select programme_code, due_on,
               coalesce(sum(case kind when 'disbursement' then amount else -amount end), 0)::bigint as balance,
               coalesce(array_agg(distinct occurred_on order by occurred_on) filter (where kind = 'disbursement'), '{}')
                   as disbursed_on
        from loan left join entry on entry.loan = loan.id
        where borrower = $1
        group by loan.id order by loan.id
        """,
        borrower_id,
    )
