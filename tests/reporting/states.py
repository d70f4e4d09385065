"""States and changes as the consumer hands them on."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from contracts.event import Event
from services.chassis.entities import Change

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


def borrower_state(outstanding: int, overdue_from: date | None, days: list[date]) -> dict[str, Any]:
    """A borrower's public state."""
    received = [{"on": str(day), "programme": "job_creation"} for day in days]
    late = str(overdue_from) if overdue_from else None
    return {"loans": 1, "outstanding": outstanding, "overdue_from": late, "disbursements": received}


def loan_state(outstanding: int, due_on: date, disbursed: int) -> dict[str, Any]:
    """A loan's public state."""
    return {
        "programme": "job_creation",
        "capital_source": "central",
        "due_on": str(due_on),
        "disbursed": disbursed,
        "principal_repaid": disbursed - outstanding,
        "outstanding": outstanding,
    }


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
