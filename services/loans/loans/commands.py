"""Writes of loans: contracts. What happens to them afterwards is posted to their ledgers."""

from typing import Any

from contracts import units
from contracts.loans import LoanOpened
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, UniqueViolation
from services.chassis.errors import Conflict, Fault, Text, Unprocessable
from services.chassis.reach import Reach
from services.loans.applications.queries import approved
from services.loans.batches import BatchIn, BatchOut, each, ids_of
from services.loans.borrowers import commands as borrowers
from services.loans.borrowers.queries import places_of
from services.loans.entries import books
from services.loans.entries.commands import keep
from services.loans.entries.interest import months_after
from services.loans.loans import queries
from services.loans.loans.record import state_of
from services.loans.loans.schemas import LoanIn, LoanOut
from services.loans.programmes.queries import in_force
from services.loans.programmes.schemas import ProgrammeOut

INSERT = """
insert into loan (id, borrower, unit, programme, programme_code, capital_source, contract_number, contract_on, due_on,
                  application, amount, annual_rate_ppm, overdue_rate_percent, version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14) returning 1
"""
TAKEN = {
    "loan_contract_number_key": ("/contract_number", "Số hợp đồng đã dùng", "Contract number already used"),
    "loan_application_key": ("/application", "Hồ sơ đã có hợp đồng", "The application has its contract already"),
}


async def open_loan(conn: Connection, reach: Reach, body: LoanIn) -> LoanOut:
    """Record a contract. 422 names what the programme in force that day, or the application, does not allow.

    409 if the contract number or the application is used, or the application is not approved.
    """
    borrower = await borrowers.lock(conn, reach, body.borrower)
    asked = await approved(conn, body.application, body.borrower) if body.application else None
    found = await in_force(conn, units.province_of(borrower["unit"]), body.contract_on, body.programme)
    terms = found[0] if found else None
    if faults := [*_faults(body, terms), *_unlike(body, asked)]:
        raise Unprocessable(faults=faults)
    assert terms is not None, "a programme that is not in force is a fault"
    amount = body.amount or (asked["agreed"] if asked else terms.cap)
    row = {
        **body.model_dump(exclude={"programme"}),
        "id": journal.new_id(),
        "unit": borrower["unit"],
        "programme_code": body.programme,
        "amount": amount,
        "annual_rate_ppm": terms.annual_rate_ppm,
        "overdue_rate_percent": terms.overdue_rate_percent,
        "withdrawn_on": None,
        "version": 1,
        "recorded_at": journal.now(),
    }
    kept = books.balances(books.Contract(body.contract_on, body.due_on), [])
    places = places_of(borrower)
    event = LoanOpened(**state_of(row, places, [], {}, kept))
    fact = journal.Fact(event, row["id"], 1, body.contract_on, borrower["unit"], borrower["branch"])
    contract = (body.programme, body.capital_source, body.contract_number, body.contract_on, body.due_on)
    rest = (body.application, amount, terms.annual_rate_ppm, terms.overdue_rate_percent, row["recorded_at"])
    try:
        await journal.record(conn, fact, INSERT, row["id"], body.borrower, row["unit"], terms.id, *contract, *rest)
    except UniqueViolation as error:
        pointer, vi, en = TAKEN[str(error.constraint_name)]
        raise Conflict(slug="contract-taken", faults=[Fault(pointer, "taken", Text(vi, en))]) from None
    await keep(conn, row["id"], [], kept)
    if body.contract_on < places[0].since:
        await borrowers.restate(conn, borrower, body.contract_on)
    return queries.shown(row, kept, [], today())


async def open_many(conn: Connection, reach: Reach, body: BatchIn) -> BatchOut:
    """Record up to 1,000 contracts: a verdict for each."""
    await borrowers.lock_owners(conn, ids_of(body.items, "borrower"))
    return await each(conn, body, LoanIn, lambda row: open_loan(conn, reach, row))


def _faults(body: LoanIn, terms: ProgrammeOut | None) -> list[Fault]:
    """What the terms of the contract's day do not allow."""
    found = []
    if terms is None or terms.annual_rate_ppm is None:
        text = Text("Chương trình không có hiệu lực ngày đó", "No such programme was in force that day")
        return [Fault("/programme", "not_in_force", text)]
    if body.due_on > months_after(body.contract_on, terms.longest_term_months):
        longest = terms.longest_term_months
        text = Text(f"Quá thời hạn dài nhất {longest} tháng", f"Beyond the longest term of {longest} months")
        found.append(Fault("/due_on", "term_too_long", text))
    if body.due_on <= body.contract_on:
        found.append(Fault("/due_on", "before_contract", Text("Phải sau ngày ký", "Must be after the contract")))
    if body.contract_on > today():
        found.append(Fault("/contract_on", "future", Text("Không được ở tương lai", "May not lie in the future")))
    if body.capital_source not in terms.capital_sources:
        text = Text("Chương trình không dùng nguồn vốn này", "The programme has no such capital source")
        found.append(Fault("/capital_source", "not_allowed", text))
    if terms.cap is not None and (body.amount or 0) > terms.cap:
        text = Text(f"Quá mức cho vay tối đa {terms.cap} đồng", f"Over the programme's cap of {terms.cap} VND")
        found.append(Fault("/amount", "over_cap", text))
    return found


def _unlike(body: LoanIn, asked: dict[str, Any] | None) -> list[Fault]:
    """Where the contract is not what was approved."""
    if asked is None:
        return []
    found = []
    if body.programme != asked["programme_code"]:
        text = Text("Hồ sơ vay chương trình khác", "The application is for another programme")
        found.append(Fault("/programme", "another", text))
    if (body.amount or 0) > asked["agreed"]:
        text = Text(f"Ngân hàng duyệt {asked['agreed']} đồng", f"The bank approved {asked['agreed']} VND")
        found.append(Fault("/amount", "over_approved", text))
    if body.contract_on < asked["approved_on"]:
        text = Text("Trước ngày ngân hàng phê duyệt", "Before the bank approved")
        found.append(Fault("/contract_on", "before_approval", text))
    return found
