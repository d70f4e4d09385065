"""The steps of an application at the door. Each has its day, which may lie in the past, never in the future."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.calendars import Day
from services.loans.applications.schemas import Codes, Free
from services.loans.batches import Version
from services.loans.loans.schemas import Money

Heads = Annotated[int, Field(ge=0, le=500)]


class _StepIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    on: Day
    papers: Codes = Field([], description="Papers handed in with it")


class AppraisalIn(_StepIn):
    """Minutes of the group's meeting about one application. Without a majority for it, it is rejected."""

    present: Heads
    in_favour: Heads
    against: Heads = 0
    amount: Money | None = Field(None, description="VND agreed; default what was asked for")
    conditions: Codes = Field([], description="Conditions that the meeting attests")


class ConfirmationIn(_StepIn):
    """What the commune's People's Committee says of it."""

    confirmed: bool = True
    reason: Free | None = None


class DecisionIn(_StepIn):
    """What the bank decides."""

    approved: bool
    amount: Money | None = Field(None, description="VND approved; default what was agreed")
    reason: Free | None = None


class WithdrawalIn(_StepIn):
    """The household no longer wants it."""

    reason: Free | None = None


class _OneOfMany(BaseModel):
    application: UUID
    version: Version


class AppraisalRow(AppraisalIn, _OneOfMany):
    """`AppraisalIn` of one of many."""


class ConfirmationRow(ConfirmationIn, _OneOfMany):
    """`ConfirmationIn` of one of many."""


class DecisionRow(DecisionIn, _OneOfMany):
    """`DecisionIn` of one of many."""
