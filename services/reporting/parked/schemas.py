"""Parked events at the door."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field


class ParkedOut(BaseModel):
    """An event that could not be applied; its entity's later events wait behind it."""

    topic: str
    partition: int
    offset: int
    subject: UUID | None = Field(description="The entity; null if not even that could be read")
    version: int | None
    unit: str | None
    reason: Literal["unreadable", "gap", "behind"] = Field(
        description="unreadable | an earlier version has not come | an earlier event is unreadable"
    )
    error: str
    parked_at: datetime


class RedriveOut(BaseModel):
    """What became of an entity's parked events."""

    applied: int
    dropped: int = Field(description="Turned out to be repeats")
    parked: int = Field(description="Still parked")
