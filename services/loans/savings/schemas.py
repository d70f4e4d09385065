"""Savings through a group, at the door. Money is whole VND; days may lie in the past, never in the future."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.calendars import Day
from services.loans.entries.schemas import Reference
from services.loans.groups.schemas import GroupOut
from services.loans.loans.schemas import Money

Kind = Literal["in", "out"]


class LineIn(BaseModel):
    """What one household put in or took out."""

    model_config = ConfigDict(extra="forbid")

    borrower: UUID
    kind: Kind
    amount: Money


class SavingsIn(BaseModel):
    """The group's sheet of one day: all of it, or nothing."""

    model_config = ConfigDict(extra="forbid")

    occurred_on: Day
    reference: Reference | None = None
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=200)]


class SavedOut(GroupOut):
    """The group as of today, and the entries that were appended, in the order of the lines."""

    entries: list[UUID]


class SavingOut(BaseModel):
    """One entry."""

    id: UUID
    group: UUID
    borrower: UUID
    kind: Literal["in", "out", "reversal"]
    amount: int
    occurred_on: date
    reference: str | None
    reverses: UUID | None
    reversed_by: UUID | None
    recorded_at: datetime
