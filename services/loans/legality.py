"""What is legal in a state, and what to say of the rest. Pure."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from services.chassis.errors import Conflict, Text

State = TypeVar("State", bound=str)
Step = TypeVar("Step", bound=str)


def demand(
    step: Step,
    state: State,
    legal: Mapping[State, Sequence[Step]],
    states: Mapping[State, Text],
    steps: Mapping[Step, Text],
    *,
    of: Text,
    slug: str,
) -> None:
    """409 naming what is legal, if the step is not in this state."""
    if step in legal[state]:
        return
    vi = ", ".join(steps[each].vi for each in legal[state]) or "không có"
    en = ", ".join(steps[each].en for each in legal[state]) or "nothing"
    raise Conflict(
        Text(
            f"{of.vi} {states[state].vi}: không thể {steps[step].vi}; có thể: {vi}",
            f"{of.en} is {states[state].en}: no {steps[step].en}; legal: {en}",
        ),
        slug=slug,
        legal=list(legal[state]),
    )
