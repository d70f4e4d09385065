"""Reorganisation plans at the door."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.calendars import Day
from services.members.branches.schemas import Name, UnitCode, UnitKey

Extent = Literal["whole", "part"]
State = Literal["draft", "applied", "reversed"]
Kind = Literal["branch", "group", "household", "member"]
Decision = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Field(description="Number of the decision it carries out", examples=["1679/NQ-UBTVQH15"]),
]
MOST = 10_000


class Split(BaseModel):
    """What of a branch goes another way than the branch: groups and households with all their members, and members.

    The households of a named group's members go with them; who leaves her group behind is in none from then on.
    """

    model_config = ConfigDict(extra="forbid")

    branch: UUID
    name: Name | None = Field(None, description="Of the branch that is opened for them; default the old one's")
    groups: list[UUID] = Field([], max_length=MOST)
    households: list[UUID] = Field([], max_length=MOST)
    members: list[UUID] = Field([], max_length=MOST, description="Who belong to no household, or whose is named")


class Mapping(BaseModel):
    """A unit that goes into another: whole, or those of its branches that are named."""

    model_config = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True)

    origin: UnitKey = Field(alias="from", description="Key of a unit; a bare code is the unit of the day before")
    to: UnitCode
    extent: Extent = "whole"
    branches: list[UUID] = Field([], max_length=MOST)
    splits: list[Split] = Field([], max_length=MOST)


class Naming(BaseModel):
    """What a branch is called from then on."""

    model_config = ConfigDict(extra="forbid")

    branch: UUID
    name: Name


class PlanIn(BaseModel):
    """A plan: which units go into which, from one day on."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    decision: Decision
    effective_on: Day
    mappings: list[Mapping] = Field([], max_length=MOST)
    names: list[Naming] = Field([], max_length=MOST, description="Where two branches of one name would meet")


class PlanPatch(BaseModel):
    """What of a draft may change; absent fields stay."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    decision: Decision | None = None
    effective_on: Day | None = None
    mappings: list[Mapping] | None = Field(None, max_length=MOST)
    names: list[Naming] | None = Field(None, max_length=MOST)


class PlanOut(PlanIn):
    """A plan, and how far it has come."""

    model_config = ConfigDict(extra="ignore")

    effective_on: date
    id: UUID
    province: str
    state: State
    applied_at: datetime | None
    reversed_at: datetime | None
    version: int
    recorded_at: datetime


class FiguresOut(BaseModel):
    """How much goes one way. Members who have left go too, so that the new commune sees them; they are in no figure."""

    branches: int = 0
    groups: int = 0
    households: int = 0
    members: int = Field(0, description="Members and former members")
    figures: dict[str, int] = Field({}, description="By indicator, as of today")


class PairOut(FiguresOut):
    """What goes from one unit to another; `to` null: nothing says where."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    origin: str = Field(alias="from")
    to: str | None


class BranchRefOut(BaseModel):
    """A branch."""

    id: UUID
    unit: str
    name: str
    closed: bool


class RenamedOut(BaseModel):
    """A branch that would meet another of its name, and what it is called then."""

    branch: UUID
    to: str
    name: str
    renamed: str


class ObstacleOut(BaseModel):
    """Why the plan cannot be applied as it is: where in it, and what."""

    pointer: str
    code: str
    message: str


class PlanWomenOut(BaseModel):
    """A unit and the women of 18 and over it begins with: those of the units that go into it whole, and its own."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    to: str
    origins: list[str] = Field(alias="from")
    women_18: int | None = Field(description="Null: to be declared anew, as some come or go in part, or none is known")
    undeclared: list[str] = Field(description="Of the units that go into it, those that have declared nothing")


class PreviewOut(BaseModel):
    """What applying the plan would do. Totals before and after are the same."""

    pairs: list[PairOut]
    unmapped: list[BranchRefOut]
    conflicts: list[RenamedOut]
    obstacles: list[ObstacleOut]
    populations: list[PlanWomenOut]
    before: FiguresOut
    after: FiguresOut


class RecordOut(BaseModel):
    """One record that goes, or has gone, and the branch it is of afterwards (null while none is opened for it)."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    kind: Kind
    id: UUID
    origin: str = Field(alias="from")
    to: str
    branch: UUID | None
