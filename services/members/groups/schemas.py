"""Groups at the door."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.calendars import Day
from contracts.members import GroupSpell
from services.members.branches.schemas import Name


class GroupIn(BaseModel):
    """A group to be formed in a branch."""

    model_config = ConfigDict(extra="forbid")

    branch: UUID
    name: Name
    opened_on: Day


class GroupPatch(BaseModel):
    """What may be corrected; absent fields stay."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    opened_on: Day | None = None


class GroupOut(BaseModel):
    """A group (*tổ*)."""

    id: UUID
    unit: str
    branch: UUID
    name: str
    opened_on: date
    closed_on: date | None
    timeline: list[GroupSpell] = Field(description="Where it was from which day on")
    version: int
    recorded_at: datetime
