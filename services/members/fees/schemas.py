"""Membership fees at the door."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.calendars import Day
from contracts.offices import Fee
from services.chassis.errors import FaultOut

Year = Annotated[int, Field(ge=1990, le=2100)]
BATCH = 1_000


class FeeIn(BaseModel):
    """That a year's fee was paid, or that the member is exempt from it."""

    model_config = ConfigDict(extra="forbid")

    standing: Literal["paid", "exempt"] = "paid"
    on: Day


class FeesOut(BaseModel):
    """A member's fees by year."""

    items: list[Fee]


class CollectionIn(FeeIn):
    """The fees of one year that many members paid on one day, as a branch's treasurer notes them."""

    year: Year
    members: list[UUID] = Field(min_length=1, max_length=BATCH)


class CollectedOut(BaseModel):
    """What became of one member's fee."""

    member: UUID
    verdict: Literal["recorded", "unchanged", "refused"]
    version: int | None = None
    errors: list[FaultOut] = []


class CollectionOut(BaseModel):
    """A verdict per member, in order."""

    items: list[CollectedOut]
    recorded: int
    refused: int
