"""Borrowers at the door."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.calendars import Day
from contracts.members import PovertyStatus
from services.loans.timeline import Place

UnitCode = Annotated[
    str,
    Field(
        pattern=r"^\d{5}(@\d{4}-\d{2}-\d{2})?$",
        description="Commune-level code (Decision 19/2025/QĐ-TTg), or the key of a unit of before: its code with the"
        " last day it was in force (06688@2025-06-30)",
    ),
]
CustomerCode = Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]{1,40}$", description="The bank's, for life")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class BorrowerIn(BaseModel):
    """A household that becomes a customer of the bank."""

    model_config = ConfigDict(extra="forbid")

    household: UUID = Field(description="Its id in the members service")
    unit: UnitCode
    branch: UUID | None = None
    customer_code: CustomerCode
    customer_since: Day | None = Field(None, description="Default today")
    representative: Name | None = Field(None, description="Who signs for the household")
    poverty_status: PovertyStatus | None = None


class BorrowerPatch(BaseModel):
    """What to put right, or what changes from `effective_on`: a place, a poverty status. What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    unit: UnitCode | None = None
    branch: UUID | None = None
    poverty_status: PovertyStatus | None = None
    representative: Name | None = None
    effective_on: Day | None = Field(None, description="From this day on; without it, it was so all along")


class BorrowerOut(BaseModel):
    """A borrowing household and what it owes. `representative` is shown with the scope `members:personal` only."""

    id: UUID
    household: UUID
    unit: str
    branch: UUID | None
    customer_code: str
    representative: str | None
    poverty_status: PovertyStatus | None
    places: list[Place] = Field(description="Where it has lived, and its poverty status, oldest first")
    loans: int
    outstanding: int = Field(description="VND, as of `as_of`; in_term + overdue + frozen")
    in_term: int = Field(description="VND")
    overdue: int = Field(description="VND")
    frozen: int = Field(description="VND")
    as_of: date
    version: int
    recorded_at: datetime
