"""Writes of loans: contracts and ledger entries. The ledger is append-only and every balance is a sum of it."""

from datetime import date
from typing import Literal
from uuid import UUID

from contracts import units
from contracts.loans import LoanDisbursed, LoanOpened, LoanRepaid, LoanState
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, Row, UniqueViolation
from services.chassis.errors import Conflict, Fault, NotFound, Stale, Text, Unprocessable, invalid
from services.chassis.reach import Reach
from services.loans.borrowers import commands as borrowers
from services.loans.loans import queries
from services.loans.loans.schemas import DisbursementIn, LoanIn, LoanOut, RepaymentIn
from services.loans.programmes.queries import in_force

MONTHS = 12
FOREVER = date.max
INSERT = """
insert into loan (id, borrower, unit, programme, programme_code, capital_source, contract_number, contract_on, due_on,
                  version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10) returning 1
"""
ENTRY = """
insert into entry (id, loan, kind, amount, occurred_on, recorded_at) values ($1, $2, $3, $4, $5, $6)
"""


async def open_loan(conn: Connection, reach: Reach, body: LoanIn) -> LoanOut:
    """Record a contract. 422 names what the programme in force that day does not allow; 409 if the number is used."""
    borrower = await borrowers.lock(conn, reach, body.borrower)
    terms = await in_force(conn, units.province_of(borrower["unit"]), body.contract_on, body.programme)
    faults = []
    if not terms:
        text = Text("Chương trình không có hiệu lực ngày đó", "No such programme was in force that day")
        faults.append(Fault("/programme", "not_in_force", text))
    elif body.due_on > _months_after(body.contract_on, terms[0].longest_term_months):
        longest = terms[0].longest_term_months
        text = Text(f"Quá thời hạn dài nhất {longest} tháng", f"Beyond the longest term of {longest} months")
        faults.append(Fault("/due_on", "term_too_long", text))
    if body.due_on <= body.contract_on:
        faults.append(Fault("/due_on", "before_contract", Text("Phải sau ngày ký", "Must be after the contract")))
    if body.contract_on > today():
        faults.append(Fault("/contract_on", "future", Text("Không được ở tương lai", "May not lie in the future")))
    if faults:
        raise Unprocessable(faults=faults)
    loan_id, now = journal.new_id(), journal.now()
    event = LoanOpened(
        borrower=body.borrower,
        programme=body.programme,
        capital_source=body.capital_source,
        contract_on=body.contract_on,
        due_on=body.due_on,
        disbursed=0,
        principal_repaid=0,
        outstanding=0,
        status="open",
    )
    fact = journal.Fact(event, loan_id, 1, body.contract_on, borrower["unit"], borrower["branch"])
    contract = (body.programme, body.capital_source, body.contract_number, body.contract_on, body.due_on, now)
    try:
        await journal.record(conn, fact, INSERT, loan_id, body.borrower, borrower["unit"], terms[0].id, *contract)
    except UniqueViolation:
        raise Conflict(
            slug="contract-number-taken",
            faults=[Fault("/contract_number", "taken", Text("Số hợp đồng đã dùng", "Contract number already used"))],
        ) from None
    await borrowers.restate(conn, borrower, body.contract_on)
    return await queries.get(conn, reach, loan_id, today())


async def disburse(conn: Connection, reach: Reach, loan_id: UUID, version: int | None, body: DisbursementIn) -> LoanOut:
    """Record a tranche paid out. 422 before the contract, in the future, or over the programme's cap."""
    borrower, loan = await _lock(conn, reach, loan_id, version)
    if not loan["contract_on"] <= body.occurred_on <= today():
        raise invalid(
            "/occurred_on", "outside", "Trước ngày ký hoặc ở tương lai", "Before the contract or in the future"
        )
    disbursed = await conn.fetchval(
        "select coalesce(sum(amount), 0) from entry where loan = $1 and kind = 'disbursement'", loan_id
    )
    if loan["cap"] is not None and disbursed + body.amount > loan["cap"]:
        cap = loan["cap"]
        raise invalid(
            "/amount", "over_cap", f"Quá mức cho vay tối đa {cap} đồng", f"Over the programme's cap of {cap} VND"
        )
    await _post(conn, loan_id, "disbursement", body.amount, body.occurred_on)
    return await _restate(conn, reach, borrower, loan, LoanDisbursed, body.amount, body.occurred_on)


async def repay(conn: Connection, reach: Reach, loan_id: UUID, version: int | None, body: RepaymentIn) -> LoanOut:
    """Record principal paid back. 422 if on that day, or any later one, more would be repaid than was owed."""
    borrower, loan = await _lock(conn, reach, loan_id, version)
    if body.occurred_on > today():
        raise invalid("/occurred_on", "future", "Không được ở tương lai", "May not lie in the future")
    owed = await _least_balance_from(conn, loan_id, body.occurred_on)
    if body.principal > owed:
        raise invalid("/principal", "over_balance", f"Chỉ còn nợ {owed} đồng", f"Only {owed} VND are owed")
    await _post(conn, loan_id, "principal", body.principal, body.occurred_on)
    return await _restate(conn, reach, borrower, loan, LoanRepaid, body.principal, body.occurred_on)


async def _lock(conn: Connection, reach: Reach, loan_id: UUID, version: int | None) -> tuple[Row, Row]:
    """The borrower and the loan with its programme's cap, both locked, in this order everywhere. 412 if stale."""
    owner = await conn.fetchval(
        "select borrower from loan where id = $1 and unit = any($2)", loan_id, list(reach.units)
    )
    if owner is None:
        raise NotFound
    borrower = await borrowers.lock(conn, reach, owner)
    loan = await conn.fetchrow(
        """
        select loan.*, programme.cap from loan join programme on programme.id = loan.programme
        where loan.id = $1 for update of loan
        """,
        loan_id,
    )
    if loan is None:
        raise NotFound
    if version is not None and loan["version"] != version:
        raise Stale
    return borrower, loan


async def _least_balance_from(conn: Connection, loan_id: UUID, day: date) -> int:
    """The smallest balance at the end of `day` and of every later day with an entry: what may be repaid on `day`."""
    return int(
        await conn.fetchval(
            """
            select coalesce(min(balance), 0) from (
                select day, (select coalesce(sum(case kind when 'disbursement' then amount else -amount end), 0)
                             from entry where loan = $1 and occurred_on <= day) as balance
                from (select $2::date as day union
                      select occurred_on from entry where loan = $1 and occurred_on > $2) as days
            ) as balances
            """,
            loan_id,
            day,
        )
    )


async def _post(
    conn: Connection, loan_id: UUID, kind: Literal["disbursement", "principal"], amount: int, on: date
) -> None:
    """Append one ledger entry."""
    await conn.execute(ENTRY, journal.new_id(), loan_id, kind, amount, on, journal.now())


async def _restate(
    conn: Connection,
    reach: Reach,
    borrower: Row,
    loan: Row,
    event: type[LoanDisbursed | LoanRepaid],
    amount: int,
    on: date,
) -> LoanOut:
    """Journal the loan as it is after an entry, then its borrower."""
    version = loan["version"] + 1
    whole = await queries.get(conn, reach, loan["id"], FOREVER)
    state = LoanState.model_validate(whole, from_attributes=True, extra="ignore")
    data = event(**state.model_dump(), amount=amount)
    change = "update loan set version = $2, recorded_at = $3 where id = $1 returning 1"
    fact = journal.Fact(data, loan["id"], version, on, loan["unit"], borrower["branch"])
    await journal.record(conn, fact, change, loan["id"], version, journal.now())
    await borrowers.restate(conn, borrower, on)
    return await queries.get(conn, reach, loan["id"], today())


def _months_after(day: date, months: int) -> date:
    """The same day so many months later, or the month's last."""
    year, month = divmod(day.year * MONTHS + day.month - 1 + months, MONTHS)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
