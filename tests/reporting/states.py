"""States and changes as the consumer hands them on."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from contracts.event import Event
from contracts.loans import BorrowerState, Disbursement, LoanState
from services.chassis.db import Connection
from services.chassis.entities import Change
from services.loans import timeline
from services.loans.entries.books import Balance, Contract, Entry, balances, flows
from services.loans.timeline import Place
from services.reporting.contributions.commands import deltas

UNITS = ("06760", "06970")
BRANCHES = tuple(UUID(int=n) for n in range(1, 5))


def change(kind: str, subject: UUID, version: int, day: date, unit: str, branch: UUID, **states: Any) -> Change:
    """A change as the consumer hands it on; `before` and `after` are states."""
    service, entity = kind.split(".")
    event = Event.model_validate(
        {
            "id": uuid4(),
            "source": f"/{service}",
            "type": f"vn.danvan.{service}.{entity}.changed.v1",
            "subject": subject,
            "time": datetime(2024, 6, 1, tzinfo=UTC),
            "occurredon": day,
            "unit": unit,
            "branch": branch,
            "version": version,
            "sequence": 1,
            "data": {},
        }
    )
    before = states.get("before")
    return Change(event, before, unit if before else None, branch if before else None, states["after"], version % 3)


Move = tuple[Any, ...]
"""A line of a ledger: its kind, VND, the day, and until when if that is said."""


def _books(due_on: date, moves: Sequence[Move]) -> tuple[list[Entry], list[Balance]]:
    """The ledger as the loans service folds it."""
    entries = [Entry(UUID(int=n), *move) for n, move in enumerate(moves, 1)]
    start = min((entry.occurred_on for entry in entries), default=due_on)
    return entries, balances(Contract(start, due_on), entries)


def _place(number: int) -> Place:
    return Place(since=date(2020, 1, 1), unit=UNITS[number % 2], branch=BRANCHES[number % 4])


def loan_state(due_on: date, *moves: Move, place: int = 0) -> dict[str, Any]:
    """A loan's public state, as the loans service tells it."""
    entries, kept = _books(due_on, moves)
    state = LoanState(
        borrower=BRANCHES[0],
        programme="job_creation",
        capital_source="central",
        contract_on=kept[0].since,
        due_on=kept[-1].due_on,
        timeline=timeline.of_loan([_place(place)], kept),
        flows=list(flows(entries)),
    )
    return state.model_dump(mode="json")


def borrower_state(due_on: date, *moves: Move, place: int = 0) -> dict[str, Any]:
    """The public state of a borrower with one loan, as the loans service tells it."""
    entries, kept = _books(due_on, moves)
    received = sorted({entry.occurred_on for entry in entries if entry.kind == "disbursement"})
    state = BorrowerState(
        timeline=timeline.of_borrower([_place(place)], [kept]),
        disbursements=[Disbursement(on=day, programme="job_creation") for day in received],
    )
    return state.model_dump(mode="json")


def spell(since: str | date = "2024-01-05", cause: str = "began", **fields: Any) -> dict[str, Any]:
    """One spell of a member's timeline."""
    return {
        "since": str(since),
        "cause": cause,
        "unit": UNITS[0],
        "branch": str(BRANCHES[0]),
        "household": None,
        "status": "active",
        "leaving_reason": None,
        "kind": "ordinary",
        "core": False,
        "ethnicity": "01",
        "poverty_status": None,
        **fields,
    }


def member_state(*spells: dict[str, Any]) -> dict[str, Any]:
    """A member's public state."""
    return {"ethnicity_system": "1979", "birth_year": 1980, "timeline": list(spells)}


def household_state(*statuses: tuple[str, str | None]) -> dict[str, Any]:
    """A household's public state: poverty status from which day on."""
    place = {"cause": "changed", "unit": UNITS[0], "branch": str(BRANCHES[0])}
    return {"timeline": [{"since": since, **place, "poverty_status": status} for since, status in statuses]}


def branch_state(opened: str, closed: str | None = None) -> dict[str, Any]:
    """A branch's public state."""
    place = {"cause": "began", "unit": UNITS[0], "kind": "residential"}
    ended = [{"since": closed, **place, "cause": "ended", "open": False}] if closed else []
    return {"timeline": [{"since": opened, **place, "open": True}, *ended]}


async def keep_branch(conn: Connection, branch: UUID, unit: str) -> None:
    """Note where a branch is, as the consumer keeps it."""
    await conn.execute(
        """
        insert into entity values ($1, 'members', 'members.branch', 1, $2, $1, null, now())
        on conflict (subject) do update set unit = excluded.unit
        """,
        branch,
        unit,
    )


Step = tuple[str, dict[str, Any]]
"""The day something happened, and the entity's state after it."""


def added(kind: str, steps: Sequence[Step], measure: str) -> dict[str, int]:
    """What the steps, in the order they became known, add to a measure on each day."""
    found: dict[str, int] = {}
    before = None
    for version, (day, after) in enumerate(steps, 1):
        step = change(
            kind, UUID(int=1), version, date.fromisoformat(day), UNITS[0], BRANCHES[0], before=before, after=after
        )
        for cell, *_, value in deltas(step):
            if cell.measure == measure:
                on = str(cell.on)
                found[on] = found.get(on, 0) + value
        before = after
    return {day: value for day, value in sorted(found.items()) if value}
