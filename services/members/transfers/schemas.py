"""Transfers at the door."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from contracts.calendars import Day
from services.members.access_log.schemas import PERSONAL, Shown
from services.members.branches.schemas import UnitCode

State = Literal["requested", "accepted", "refused", "withdrawn", "void", "cancelled"]
Direction = Literal["incoming", "outgoing"]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class TransferIn(BaseModel):
    """Where a member moves: to a branch, or to another commune, which then chooses the branch.

    She leaves her household, unless one is named.
    """

    model_config = ConfigDict(extra="forbid")

    to_branch: UUID | None = None
    to_unit: UnitCode | None = None
    household: UUID | None = None
    effective_on: Day = Field(description="In the past (figures are put right) or up to a year ahead")
    reason: Reason | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.to_branch is None) == (self.to_unit is None):
            raise PydanticCustomError(
                "one_place", "give to_branch or to_unit", {"vi": "Cần đúng một trong hai: to_branch, to_unit"}
            )
        return self


class AcceptanceIn(BaseModel):
    """What the receiving commune decides otherwise than was asked; absent, it is as asked."""

    model_config = ConfigDict(extra="forbid")

    branch: UUID | None = None
    household: UUID | None = None
    effective_on: Day | None = None


class RefusalIn(BaseModel):
    """Why the receiving commune does not take her over."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class TransferOut(Shown):
    """A transfer: inside a commune accepted at once, between communes when the receiving one accepts it.

    The receiving commune sees the `name` while it has to decide, and once she is there.
    """

    member: UUID
    name: str | None = Field(json_schema_extra=PERSONAL)
    from_unit: str
    from_branch: UUID
    to_unit: str
    to_branch: UUID | None
    household: UUID | None
    effective_on: date
    reason: str | None = Field(json_schema_extra=PERSONAL)
    state: State
    refusal_reason: str | None = Field(json_schema_extra=PERSONAL)
    requested_at: datetime
    version: int
    recorded_at: datetime

    def subject(self) -> UUID:
        """The member it is about."""
        return self.member
