"""An application's row: its steps, its public state, and what its terms know. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from contracts.loans import ApplicationStep
from services.chassis.errors import Fault, Text, Unprocessable, invalid
from services.loans.applications import chain
from services.loans.applications.schemas import StepOut
from services.loans.programmes.schemas import Terms


def steps_of(row: Mapping[str, Any]) -> list[StepOut]:
    """The steps of an `application` row, oldest first."""
    return [StepOut.model_validate(step) for step in json.loads(row["steps"])]


def kept(steps: Sequence[StepOut]) -> str:
    """Steps as the row keeps them."""
    return to_json([step.model_dump(exclude_none=True) for step in steps]).decode()


def agreed(steps: Sequence[StepOut]) -> int:
    """VND as last asked for, agreed or approved."""
    return next(step.amount for step in reversed(steps) if step.amount is not None)


def state_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `ApplicationState`."""
    steps = steps_of(row)
    return {
        "borrower": row["borrower"],
        "group": row["credit_group"],
        "programme": row["programme_code"],
        "decision": chain.decision_of(chain.state_of(row)),
        "rejected_by": steps[-1].by if steps[-1].step == "rejected" else None,
        "decision_due_on": row["decision_due_on"],
        "steps": [ApplicationStep(step=each.step, on=each.on, amount=each.amount) for each in steps],
    }


def future(pointer: str) -> Unprocessable:
    """A 422 for a day to come."""
    return invalid(pointer, "future", "Không được ở tương lai", "May not lie in the future")


def unknown(terms: Terms, conditions: Sequence[str], papers: Sequence[str]) -> list[Fault]:
    """Codes that the terms do not know."""
    known = {name: {each.code for each in getattr(terms, name)} for name in ("conditions", "papers")}
    return [
        Fault(f"/{name}", "unknown", Text(f"Không có mã {code}", f"There is no {code}"))
        for name, codes in (("conditions", conditions), ("papers", papers))
        for code in codes
        if code not in known[name]
    ]
