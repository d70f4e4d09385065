"""Use-of-funds checks at the door: one of each disbursement, from the day it was paid out."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.calendars import Day
from contracts.checks import CheckResult, Outcome

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=600)]
State = Literal["due", "overdue", "follow_up", "done"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ResultIn(_Strict):
    """What a check found. Misuse opens a follow-up."""

    done_on: Day
    result: CheckResult
    bought: Words | None = Field(None, description="What was bought; about things, not about people")
    evidence: Words | None = Field(None, description="What shows it: a receipt, what was seen")
    follow_up_due_on: Day | None = Field(None, description="Of misuse only; default by the parameter in force")


class ResultPatch(_Strict):
    """What was recorded wrongly; absent fields stay."""

    done_on: Day | None = None
    result: CheckResult | None = None
    bought: Words | None = None
    evidence: Words | None = None
    follow_up_due_on: Day | None = None


class FollowUpIn(_Strict):
    """What became of misuse: put right, money paid back, debt made overdue, or none of these."""

    settled_on: Day
    outcome: Outcome
    finding: Words | None = None


class CheckOut(BaseModel):
    """A check; its id is that of the disbursement."""

    id: UUID
    loan: UUID
    borrower: UUID
    unit: str
    branch: UUID | None
    programme: str
    amount: int = Field(description="VND disbursed")
    disbursed_on: date
    due_on: date = Field(description="By when it has to be done")
    state: State = Field(description="`follow_up`: done, found misuse, and somebody has to look again")
    next_on: date | None = Field(description="By when something has to be done next")
    done_on: date | None
    result: CheckResult | None
    bought: str | None
    evidence: str | None
    follow_up_due_on: date | None
    settled_on: date | None
    outcome: Outcome | None
    finding: str | None
    version: int = Field(description="1 until it is done")
    recorded_at: datetime | None
