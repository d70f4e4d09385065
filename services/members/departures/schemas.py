"""Leaving and coming back at the door."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from contracts.calendars import Day
from services.members.members.schemas import Kind, LeavingReason


class DepartureIn(BaseModel):
    """When and why a member leaves; `deceased` is a reason of its own."""

    model_config = ConfigDict(extra="forbid")

    left_on: Day
    reason: LeavingReason


class RejoinIn(BaseModel):
    """When and where a member who had left comes back; kind and core stay as they were unless given."""

    model_config = ConfigDict(extra="forbid")

    branch: UUID
    household: UUID | None = None
    joined_on: Day
    kind: Kind | None = None
    core: bool | None = None
