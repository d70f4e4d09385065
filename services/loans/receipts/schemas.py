"""Cash collected in the field, at the door. Money is whole VND."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.calendars import Day
from services.loans.entries.schemas import Reference

Money = Annotated[int, Field(strict=True, ge=0, le=10**13, description="Whole VND")]
ReceiptStatus = Literal["pending", "confirmed", "cancelled"]
AgeBy = Literal["group", "branch", "unit", "collector"]
Note = Annotated[str, Field(min_length=1, max_length=500)]


class ReceiptIn(BaseModel):
    """What a group's leader collected of one loan."""

    model_config = ConfigDict(extra="forbid")

    loan: UUID
    group: UUID | None = Field(None, description="The savings-and-credit group")
    collector: UUID = Field(description="Who collected it, by her id in the members service")
    collected_on: Day
    principal: Money = 0
    interest: Money = 0
    reference: Reference | None = None


class ConfirmationIn(BaseModel):
    """The bank has it."""

    model_config = ConfigDict(extra="forbid")

    occurred_on: Day | None = Field(None, description="The bank's day; default the day it was collected")
    reference: Reference | None = None


class CancellationIn(BaseModel):
    """Why it is no receipt any more."""

    model_config = ConfigDict(extra="forbid")

    note: Note


class ReceiptOut(BaseModel):
    """A receipt; while `pending` it counts in no balance."""

    id: UUID
    loan: UUID
    group: UUID | None
    collector: UUID
    collected_on: date
    principal: int
    interest: int
    reference: str | None
    state: ReceiptStatus
    settled_on: date | None = Field(description="The bank's day, or the day it was cancelled")
    entries: list[UUID] = Field(description="What was posted to the ledger")
    note: str | None
    version: int
    recorded_at: datetime


class BucketOut(BaseModel):
    """Pending money of some age."""

    from_days: int
    to_days: int | None
    receipts: int
    amount: int


class AgeOut(BaseModel):
    """Pending money of one group, branch, unit or collector, by age."""

    key: str | None = Field(description="Its id or code; null: those without")
    receipts: int
    amount: int
    buckets: list[BucketOut]
