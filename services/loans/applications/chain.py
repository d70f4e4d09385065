"""The chain of an application: which step is legal after which, and what to say of the rest. Pure.

applied → appraised by the group's meeting → confirmed by the commune's People's Committee → approved or rejected by the
bank. Meeting and committee may reject it too; until money is disbursed it may be withdrawn.
"""

from collections.abc import Mapping
from typing import Any, Literal

from contracts.loans import Decision
from services.chassis.errors import Text
from services.loans import legality

State = Literal["applied", "appraised", "confirmed", "approved", "rejected", "withdrawn"]
Step = Literal["appraisal", "confirmation", "decision", "loan", "withdrawal"]
LEGAL: dict[State, tuple[Step, ...]] = {
    "applied": ("appraisal", "withdrawal"),
    "appraised": ("confirmation", "withdrawal"),
    "confirmed": ("decision", "withdrawal"),
    "approved": ("loan", "withdrawal"),
    "rejected": (),
    "withdrawn": (),
}
STATES: dict[State, Text] = {
    "applied": Text("mới nộp", "applied for"),
    "appraised": Text("đã được tổ bình xét", "appraised by the group"),
    "confirmed": Text("đã được UBND xã xác nhận", "confirmed by the People's Committee"),
    "approved": Text("đã được ngân hàng phê duyệt", "approved by the bank"),
    "rejected": Text("đã bị từ chối", "rejected"),
    "withdrawn": Text("đã rút", "withdrawn"),
}
STEPS: dict[Step, Text] = {
    "appraisal": Text("tổ họp bình xét", "appraisal by the group's meeting"),
    "confirmation": Text("UBND xã xác nhận", "confirmation by the People's Committee"),
    "decision": Text("ngân hàng quyết định", "the bank's decision"),
    "loan": Text("ký hợp đồng", "a contract"),
    "withdrawal": Text("rút hồ sơ", "withdrawal"),
}


def demand(step: Step, state: State) -> None:
    """409 naming what is legal, if the step is not in this state."""
    legality.demand(
        step, state, LEGAL, STATES, STEPS, of=Text("Hồ sơ", "The application"), slug="application-step-illegal"
    )


def decision_of(state: State) -> Decision:
    """What has become of an application."""
    return state if state in ("approved", "rejected", "withdrawn") else "pending"


def state_of(row: Mapping[str, Any]) -> State:
    """The state of an `application` row."""
    state: State = row["state"]
    return state
