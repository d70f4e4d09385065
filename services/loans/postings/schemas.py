"""What is posted to a loan's ledger. Money is whole VND; days may lie in the past, never in the future."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.calendars import Day
from services.loans.entries.schemas import Reference
from services.loans.loans.schemas import Money


class Posting(BaseModel):
    """Something that happened to a loan on a day."""

    model_config = ConfigDict(extra="forbid")

    occurred_on: Day
    reference: Reference | None = None


class AmountIn(Posting):
    """An amount paid out, moved to overdue, unfrozen or written off."""

    amount: Money


class RepaymentIn(Posting):
    """Principal, interest or both paid back."""

    principal: Annotated[int, Field(strict=True, ge=0, le=10**13, description="Whole VND")] = 0
    interest: Annotated[int, Field(strict=True, ge=0, le=10**13, description="Whole VND")] = 0


class ExtensionIn(Posting):
    """All that is owed and not frozen becomes due on another day."""

    until: Day = Field(description="The new due date")


class FreezeIn(AmountIn):
    """Debt that bears no interest and is not due for a time, after a loss nobody could prevent."""

    until: Day = Field(description="The last day it is frozen")
    damage_percent: Annotated[int, Field(ge=1, le=100, description="How much of what was invested is lost")]


class RowIn(Posting):
    """One row of a transaction day: money paid out (`amount`) or back (`principal`, `interest`)."""

    loan: UUID
    kind: Literal["disbursement", "repayment"]
    amount: Money | None = None
    principal: Annotated[int, Field(strict=True, ge=0, le=10**13)] = 0
    interest: Annotated[int, Field(strict=True, ge=0, le=10**13)] = 0
