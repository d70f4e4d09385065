"""Writes of applications: who may apply, and requests. The steps that follow are in `steps`."""

from collections.abc import Sequence
from datetime import date

from contracts import units
from contracts.loans import ApplicationSubmitted
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, Row
from services.chassis.errors import Fault, NotFound, Text, Unprocessable
from services.chassis.reach import Reach
from services.loans.applications import eligibility, queries
from services.loans.applications.eligibility import Rule
from services.loans.applications.record import future, kept, state_of, unknown
from services.loans.applications.schemas import ApplicationIn, ApplicationOut, EligibilityIn, StepOut
from services.loans.batches import BatchIn, BatchOut, each, ids_of
from services.loans.borrowers import commands as borrowers
from services.loans.borrowers.queries import places_of
from services.loans.memberships.queries import is_member
from services.loans.programmes.queries import in_force
from services.loans.programmes.schemas import ProgrammeOut
from services.loans.timeline import place_on

INSERT = """
insert into application (id, borrower, unit, branch, programme, programme_code, amount, term_months, purpose,
                         conditions, papers, applied_on, credit_group, state, steps, version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'applied', $14, 1, $15) returning 1
"""


async def judge(conn: Connection, reach: Reach, body: EligibilityIn) -> list[Rule]:
    """Every rule for a household and a loan. 404 for a household outside `reach`."""
    row = await conn.fetchrow(
        "select * from borrower where id = $1 and unit = any($2) and ($3::uuid is null or branch = $3)",
        body.borrower,
        list(reach.units),
        reach.branch,
    )
    if row is None:
        raise NotFound
    asked = body.model_dump(include={"amount", "term_months", "conditions"})
    _, rules = await _judged(conn, row, body.programme, body.on or today(), **asked)
    return rules


async def _judged(
    conn: Connection, borrower: Row, programme: str, on: date, amount: int, term_months: int, conditions: Sequence[str]
) -> tuple[ProgrammeOut | None, list[Rule]]:
    """The terms in force on a day and every rule of them."""
    terms = await in_force(conn, units.province_of(borrower["unit"]), on, programme)
    status = place_on(places_of(borrower), on).poverty_status
    asked = {"amount": amount, "term_months": term_months, "poverty_status": status, "attested": conditions}
    case = await queries.case(conn, borrower["id"], programme, on, asked)
    found = terms[0] if terms else None
    return found, list(eligibility.rules(found, case))


async def submit(conn: Connection, reach: Reach, body: ApplicationIn) -> ApplicationOut:
    """Record a household's request. 422 names each rule of the programme in force that day that fails."""
    if body.applied_on > today():
        raise future("/applied_on")
    borrower = await borrowers.lock(conn, reach, body.borrower)
    asked = body.model_dump(include={"amount", "term_months", "conditions"})
    terms, rules = await _judged(conn, borrower, body.programme, body.applied_on, **asked)
    faults = eligibility.faults(rules)
    if terms is not None:
        faults += unknown(terms, body.conditions, body.papers)
    if body.group and not await is_member(conn, body.group, body.borrower, body.applied_on):
        faults.append(Fault("/group", "not_member", Text("Hộ không ở tổ này ngày đó", "Not a member on that day")))
    if faults or terms is None:
        raise Unprocessable(faults=faults)
    row = {
        **body.model_dump(exclude={"programme", "group"}),
        "id": journal.new_id(),
        "credit_group": body.group,
        "unit": borrower["unit"],
        "branch": borrower["branch"],
        "programme_code": body.programme,
        "state": "applied",
        "steps": kept([StepOut(step="applied", on=body.applied_on, amount=body.amount)]),
        "decision_due_on": None,
        "loan": None,
        "version": 1,
        "recorded_at": journal.now(),
    }
    event = ApplicationSubmitted(**state_of(row))
    fact = journal.Fact(event, row["id"], 1, body.applied_on, row["unit"], row["branch"])
    who = (body.borrower, row["unit"], row["branch"], terms.id, body.programme)
    what = (body.amount, body.term_months, body.purpose, body.conditions, body.papers, body.applied_on, body.group)
    await journal.record(conn, fact, INSERT, row["id"], *who, *what, row["steps"], row["recorded_at"])
    return queries.out(row)


async def submit_many(conn: Connection, reach: Reach, body: BatchIn) -> BatchOut:
    """Record up to 1,000 requests: a verdict for each."""
    await borrowers.lock_owners(conn, ids_of(body.items, "borrower"))
    return await each(conn, body, ApplicationIn, lambda row: submit(conn, reach, row))
