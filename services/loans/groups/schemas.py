"""Savings-and-credit groups at the door. Money is whole VND."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.calendars import Day
from contracts.credit_groups import CreditGroupSpell, Rating
from services.loans.batches import Version
from services.loans.borrowers.schemas import UnitCode

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Month = Annotated[str, Field(pattern=r"^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])$", description="Year and month: 2026-03")]
Warned = Literal["too_few_members", "undecided"]
"""`undecided`: its households were carried to several places by a reorganisation; say where it is (`/move`)."""
Members = Annotated[list[UUID], Field(max_length=200, description="Borrowers")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GroupIn(_Strict):
    """A group to be formed in a commune, with its first members."""

    unit: UnitCode
    branch: UUID | None = Field(None, description="The branch of the Union that it is entrusted to")
    name: Name
    opened_on: Day
    members: Members
    leader: UUID | None = None
    deputy: UUID | None = None


class GroupPatch(_Strict):
    """What may be corrected; absent fields stay."""

    name: Name | None = None
    opened_on: Day | None = None


class ClosingIn(_Strict):
    """The first day the group was no longer open."""

    closed_on: Day


class MoveIn(_Strict):
    """Where a group is from a day on, until the next day from which something else is known of it."""

    unit: UnitCode
    branch: UUID | None = None
    effective_on: Day
    reason: Literal["moved", "reorganised"] = Field("moved", description="`reorganised`: the units themselves changed")


class MoveRow(MoveIn):
    """One group of a reorganisation."""

    group: UUID
    version: Version


class SplitIn(_Strict):
    """A second group is formed of some of the members, who bring their savings."""

    on: Day
    name: Name
    branch: UUID | None = Field(None, description="Default the same")
    members: Members
    leader: UUID | None = None
    deputy: UUID | None = None


class BoardIn(_Strict):
    """Who leads the group, and who stands in, from a day on."""

    since: Day
    leader: UUID
    deputy: UUID | None = None


class BoardSpell(BaseModel):
    """A management board, until the next."""

    since: date
    leader: UUID
    deputy: UUID | None


class RatingIn(_Strict):
    """As the bank rated the group for a month."""

    rating: Rating


class RatingOut(BaseModel):
    """A month's rating."""

    month: str
    rating: Rating


class RatingsOut(BaseModel):
    """A group's ratings, oldest first."""

    items: list[RatingOut]


class GroupOut(BaseModel):
    """A savings-and-credit group (*tổ tiết kiệm và vay vốn*) as of a day."""

    id: UUID
    unit: str
    branch: UUID | None
    name: str
    opened_on: date
    closed_on: date | None = Field(description="The first day it was no longer open")
    split_from: UUID | None
    members: int
    savings: int = Field(description="VND")
    rating: Rating | None = Field(description="The last that is known")
    board: BoardSpell | None
    boards: list[BoardSpell] = Field(description="All, oldest first")
    timeline: list[CreditGroupSpell] = Field(description="Where it was from which day on")
    warnings: list[Warned] = Field(description="What is not as it should be; nothing is refused")
    as_of: date
    version: int
    recorded_at: datetime


class SplitOut(BaseModel):
    """Both groups."""

    group: GroupOut
    formed: GroupOut
