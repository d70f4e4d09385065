"""Populations at the door."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.calendars import Day
from contracts.members import PopulationSpell


class DeclarationIn(BaseModel):
    """How many women of 18 and over live in the commune."""

    model_config = ConfigDict(extra="forbid")

    women_18: Annotated[int, Field(ge=0, le=10_000_000)]


class PopulationOut(BaseModel):
    """What a commune has declared, from which day on."""

    id: UUID
    unit: str
    timeline: list[PopulationSpell]
    version: int
    recorded_at: datetime


class PopulationsOut(BaseModel):
    """The declarations of the communes inside the caller's reach."""

    items: list[PopulationOut]


Since = Annotated[Day, Field(description="The day from which the number holds")]
