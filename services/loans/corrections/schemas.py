"""Corrections at the door. Money is whole VND."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from contracts.calendars import Day
from contracts.reconciliation import Owed, PostedKind
from services.loans.entries.schemas import Reference
from services.loans.loans.schemas import Money

CorrectionStatus = Literal["proposed", "approved", "refused"]
Note = Annotated[str, Field(min_length=1, max_length=500)]
ENDING = ("extension", "freeze")


class LineIn(BaseModel):
    """An entry to be posted. A reversal only names what it reverses: its amount and day are that entry's."""

    model_config = ConfigDict(extra="forbid")

    kind: PostedKind
    amount: Money | None = None
    occurred_on: Day | None = None
    until: Day | None = Field(None, description="An extension's new due date, a freeze's last day")
    reverses: UUID | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind == "reversal":
            whole = self.reverses is not None and self.amount is None and self.occurred_on is None
        else:
            whole = self.reverses is None and self.amount is not None and self.occurred_on is not None
        if not whole or (self.until is not None) != (self.kind in ENDING):
            raise PydanticCustomError("line", "reversal: `reverses` only; else amount, occurred_on; until if it ends")
        if self.until is not None and self.occurred_on is not None and self.until < self.occurred_on:
            raise PydanticCustomError("until", "`until` lies before `occurred_on`", {"vi": "Trước ngày phát sinh"})
        return self


class CorrectionIn(BaseModel):
    """What should be posted to a loan's ledger so that it says what the bank's statement says."""

    model_config = ConfigDict(extra="forbid")

    statement: UUID
    loan: UUID
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=20)]
    reference: Reference | None = None
    note: Note | None = None


class RefusalIn(BaseModel):
    """Why it is not posted."""

    model_config = ConfigDict(extra="forbid")

    note: Note


class LineOut(BaseModel):
    """An entry to be posted, or posted."""

    kind: PostedKind
    amount: int
    on: date
    until: date | None = None
    reverses: UUID | None = None


class CorrectionOut(BaseModel):
    """A correction: posted once a second person has approved it."""

    id: UUID
    statement: UUID
    loan: UUID
    lines: list[LineOut]
    reference: str | None
    note: str | None
    before: Owed = Field(description="By the ledger on the statement's day without it")
    after: Owed = Field(description="and with it")
    state: CorrectionStatus
    proposed_by: str
    decided_by: str | None
    entries: list[UUID] = Field(description="What was posted")
    version: int
    recorded_at: datetime
