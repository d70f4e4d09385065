"""Who is in a group, at the door."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.calendars import Day
from services.loans.groups.schemas import Members


class JoiningIn(BaseModel):
    """Households that join a group on a day."""

    model_config = ConfigDict(extra="forbid")

    members: Members = Field(min_length=1)
    joined_on: Day


class LeavingIn(BaseModel):
    """The first day a household is no longer a member: the day it joined, if it never was one."""

    model_config = ConfigDict(extra="forbid")

    left_on: Day


class MembershipOut(BaseModel):
    """A household in a group."""

    borrower: UUID
    customer_code: str
    joined_on: date
    left_on: date | None = Field(description="The first day it was no longer a member")
    savings: int = Field(description="VND in this group, as of `as_of`")


class MembershipsOut(BaseModel):
    """Who is, or was, in a group."""

    group: UUID
    as_of: date
    items: list[MembershipOut]
