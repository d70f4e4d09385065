"""Branches at the door."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.calendars import Day
from contracts.members import BranchSpell

Kind = Literal["residential", "sectoral"]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
UnitCode = Annotated[str, Field(pattern=r"^\d{5}$", description="Commune-level code (Decision 19/2025/QĐ-TTg)")]
UnitKey = Annotated[
    str,
    Field(
        pattern=r"^\d{5}(@\d{4}-\d{2}-\d{2})?$",
        description="A commune-level code, or the key of a unit of before: its code with the last day it was in force",
        examples=["06760", "06688@2025-06-30"],
    ),
]


class BranchIn(BaseModel):
    """A branch to be opened."""

    model_config = ConfigDict(extra="forbid")

    unit: UnitKey
    unit_on: Day | None = Field(None, description="Day on which the code named the unit; default today", exclude=True)
    name: Name
    kind: Kind = "residential"
    opened_on: Day


class BranchPatch(BaseModel):
    """What may be corrected; absent fields stay."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    kind: Kind | None = None
    opened_on: Day | None = None


class ClosingIn(BaseModel):
    """The day a branch closes."""

    model_config = ConfigDict(extra="forbid")

    closed_on: Day


class BranchOut(BaseModel):
    """A branch (*chi hội*)."""

    id: UUID
    unit: str
    name: str
    kind: Kind
    opened_on: date
    closed_on: date | None
    timeline: list[BranchSpell] = Field(description="Where it was, and of which kind, from which day on")
    version: int
    recorded_at: datetime
