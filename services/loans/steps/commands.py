"""Writes of the chain of an application: each step, with who took it, when, and what was agreed."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from contracts.calendars import working_days_after
from contracts.loans import (
    ApplicationAppraised,
    ApplicationConfirmed,
    ApplicationDecided,
    ApplicationState,
    ApplicationWithdrawn,
    LoanWithdrawn,
    StepKind,
)
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, Row
from services.chassis.errors import Fault, Stale, Text, Unprocessable, invalid
from services.chassis.reach import Reach
from services.loans.applications import chain, queries
from services.loans.applications.record import agreed, future, kept, state_of, steps_of, unknown
from services.loans.applications.schemas import ApplicationOut, StepOut
from services.loans.batches import BatchIn, BatchOut, each, ids_of
from services.loans.borrowers import commands as borrowers
from services.loans.entries import books
from services.loans.entries.actions import demand
from services.loans.entries.commands import hold, restate
from services.loans.loans.record import contract_of
from services.loans.programmes.queries import terms_of
from services.loans.programmes.schemas import Terms
from services.loans.steps.schemas import (
    AppraisalIn,
    AppraisalRow,
    ConfirmationIn,
    ConfirmationRow,
    DecisionIn,
    DecisionRow,
    WithdrawalIn,
)

UPDATE = """
update application set state = $2, steps = $3, conditions = $4, papers = $5, decision_due_on = $6, version = $7,
                       recorded_at = $8
where id = $1 returning 1
"""


class Held(NamedTuple):
    """An application and its borrower, both locked, with its steps and terms."""

    borrower: Row
    row: dict[str, Any]
    steps: list[StepOut]
    terms: Terms


async def appraise(
    conn: Connection, reach: Reach, application_id: UUID, version: int, body: AppraisalIn
) -> ApplicationOut:
    """The minutes of the group's meeting. 422 for more votes than people, an amount over what is asked for, or a
    condition of the programme that nobody attests."""
    held = await _held(conn, reach, application_id, version, "appraisal", body.on)
    if body.in_favour + body.against > body.present:
        text = "Nhiều phiếu hơn số người dự họp", "More votes than people present"
        raise invalid("/in_favour", "too_many", *text)
    _no_more_than(body.amount, agreed(held.steps))
    attested = sorted({*held.row["conditions"], *body.conditions})
    faults = unknown(held.terms, body.conditions, body.papers)
    missing = [each for each in held.terms.conditions if each.code not in attested]
    carried = body.in_favour > body.against
    if carried:
        faults += [Fault("/conditions", each.code, Text(each.vi, each.en)) for each in missing]
    if faults:
        raise Unprocessable(faults=faults)
    amount = (body.amount or agreed(held.steps)) if carried else None
    votes = body.model_dump(include={"present", "in_favour", "against"})
    step = StepOut(step="appraised" if carried else "rejected", on=body.on, amount=amount, by="group", **votes)
    return await _take(conn, held, step, ApplicationAppraised, body.papers, conditions=attested)


async def confirm(
    conn: Connection, reach: Reach, application_id: UUID, version: int, body: ConfirmationIn
) -> ApplicationOut:
    """What the commune's People's Committee says. 422 naming a required paper that is missing: the bank needs all."""
    held = await _held(conn, reach, application_id, version, "confirmation", body.on)
    faults, papers = unknown(held.terms, [], body.papers), {*held.row["papers"], *body.papers}
    if body.confirmed:
        faults += [
            Fault("/papers", each.code, Text(f"Thiếu: {each.vi}", f"Missing: {each.en}"))
            for each in held.terms.papers
            if each.required and each.code not in papers
        ]
    if faults:
        raise Unprocessable(faults=faults)
    due = working_days_after(body.on, held.terms.decision_working_days) if body.confirmed else None
    kind: StepKind = "confirmed" if body.confirmed else "rejected"
    step = StepOut(step=kind, on=body.on, by="committee", reason=body.reason)
    return await _take(conn, held, step, ApplicationConfirmed, body.papers, decision_due_on=due)


async def decide(
    conn: Connection, reach: Reach, application_id: UUID, version: int, body: DecisionIn
) -> ApplicationOut:
    """The bank's decision. 422 for more than was agreed."""
    held = await _held(conn, reach, application_id, version, "decision", body.on)
    most = agreed(held.steps)
    _no_more_than(body.amount, most)
    if faults := unknown(held.terms, [], body.papers):
        raise Unprocessable(faults=faults)
    kind: StepKind = "approved" if body.approved else "rejected"
    amount = (body.amount or most) if body.approved else None
    step = StepOut(step=kind, on=body.on, amount=amount, by="bank", reason=body.reason)
    return await _take(conn, held, step, ApplicationDecided, body.papers)


async def withdraw(
    conn: Connection, reach: Reach, application_id: UUID, version: int, body: WithdrawalIn
) -> ApplicationOut:
    """Withdraw it, and its contract if nothing is disbursed. 409 naming what is legal once money was paid out."""
    held = await _held(conn, reach, application_id, version, "withdrawal", body.on)
    loan_id = await conn.fetchval("select id from loan where application = $1", application_id)
    if loan_id is not None:
        loan = await hold(conn, reach, loan_id)
        demand("withdrawal", loan.balances[-1].status)
        if body.on < loan.loan["contract_on"]:
            raise invalid("/on", "before_contract", "Trước ngày ký hợp đồng", "Before the contract")
        await conn.execute("update loan set withdrawn_on = $2 where id = $1", loan_id, body.on)
        loan = loan._replace(loan={**dict(loan.loan), "withdrawn_on": body.on})
        after = books.balances(contract_of(loan.loan), loan.entries)
        await restate(conn, loan, loan.entries, after, LoanWithdrawn, body.on)
    step = StepOut(step="withdrawn", on=body.on, reason=body.reason)
    return await _take(conn, held, step, ApplicationWithdrawn, body.papers, loan=loan_id)


async def _held(conn: Connection, reach: Reach, application_id: UUID, version: int, step: chain.Step, on: date) -> Held:
    """Lock the borrower, then the application, for a step on a day. 404, 412, 409 if the step is not legal now."""
    borrower = await borrowers.lock_owner(conn, reach, "application", application_id)
    row = await conn.fetchrow(
        """
        select application.*, programme.terms from application join programme on programme.id = application.programme
        where application.id = $1 for update of application
        """,
        application_id,
    )
    assert row is not None, "applications are never deleted"
    if row["version"] != version:
        raise Stale
    found = dict(row)
    chain.demand(step, chain.state_of(found))
    steps = steps_of(found)
    if on > today():
        raise future("/on")
    if on < steps[-1].on:
        last = steps[-1].on
        raise invalid("/on", "before_last_step", f"Trước bước trước ({last:%d/%m/%Y})", f"Before the last step, {last}")
    return Held(borrower, found, steps, terms_of(row))


async def _take(
    conn: Connection, held: Held, step: StepOut, event: type[ApplicationState], papers: Sequence[str], **values: Any
) -> ApplicationOut:
    """Write a step and journal the application as it is then."""
    row = {
        "loan": None,
        **held.row,
        "state": step.step,
        "steps": kept([*held.steps, step]),
        "papers": sorted({*held.row["papers"], *papers}),
        "version": held.row["version"] + 1,
        "recorded_at": journal.now(),
        **values,
    }
    fact = journal.Fact(event(**state_of(row)), row["id"], row["version"], step.on, row["unit"], row["branch"])
    names = ("id", "state", "steps", "conditions", "papers", "decision_due_on", "version", "recorded_at")
    await journal.record(conn, fact, UPDATE, *(row[name] for name in names))
    return queries.out(row)


def _no_more_than(amount: int | None, most: int) -> None:
    if amount is not None and amount > most:
        raise invalid("/amount", "too_much", f"Nhiều nhất {most} đồng", f"At most {most} VND")


async def _many(conn: Connection, body: BatchIn, model: type[Any], act: Callable[[Any], Awaitable[Any]]) -> BatchOut:
    await borrowers.lock_owners(conn, ids_of(body.items, "application"))
    return await each(conn, body, model, act)


async def appraise_many(conn: Connection, reach: Reach, body: BatchIn) -> BatchOut:
    """The minutes of meetings about up to 1,000 applications: a verdict for each."""
    return await _many(conn, body, AppraisalRow, lambda row: appraise(conn, reach, row.application, row.version, row))


async def confirm_many(conn: Connection, reach: Reach, body: BatchIn) -> BatchOut:
    """What the People's Committee says of up to 1,000 applications: a verdict for each."""
    return await _many(conn, body, ConfirmationRow, lambda row: confirm(conn, reach, row.application, row.version, row))


async def decide_many(conn: Connection, reach: Reach, body: BatchIn) -> BatchOut:
    """The bank's decisions on up to 1,000 applications: a verdict for each."""
    return await _many(conn, body, DecisionRow, lambda row: decide(conn, reach, row.application, row.version, row))
