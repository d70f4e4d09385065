"""Households at the door."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, computed_field

from contracts.calendars import Day
from contracts.members import HouseholdSpell, PovertyStatus
from services.members.access_log.schemas import PERSONAL, Shown

Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Standard = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,60}$", examples=["national-2022-2025"])]
BATCH = 1_000


class HouseholdIn(BaseModel):
    """A household to be registered in a branch."""

    model_config = ConfigDict(extra="forbid")

    branch: UUID
    address: Address | None = None
    registered_on: Day | None = Field(None, description="First day it counts; default today")


class HouseholdPatch(BaseModel):
    """What may be corrected; absent fields stay."""

    model_config = ConfigDict(extra="forbid")

    address: Address | None = None


class PovertyStatusIn(BaseModel):
    """A household's status of one year, by a standard."""

    model_config = ConfigDict(extra="forbid")

    status: PovertyStatus
    standard: Standard
    effective_on: Day = Field(description="The day it counts from")


class YearOut(BaseModel):
    """The status of one year."""

    year: int
    status: PovertyStatus
    standard: str


class HouseholdOut(Shown):
    """A household. `address` is null but in a GET by a caller with `members:personal` and a Purpose."""

    unit: str
    branch: UUID
    address: str | None = Field(json_schema_extra=PERSONAL)
    registered_on: date
    timeline: list[HouseholdSpell] = Field(description="Where it was, and its poverty status, from which day on")
    version: int
    recorded_at: datetime

    @computed_field(description="Poverty status by year, newest first")  # type: ignore[prop-decorator]
    @property
    def poverty(self) -> list[YearOut]:
        """The years that have a status."""
        return [
            YearOut(year=spell.status_year, status=spell.poverty_status, standard=spell.standard)
            for spell in {spell.status_year: spell for spell in reversed(self.timeline)}.values()
            if spell.status_year and spell.poverty_status and spell.standard
        ]


class HouseholdsIn(BaseModel):
    """Households to be registered together: all or none."""

    model_config = ConfigDict(extra="forbid")

    items: list[HouseholdIn] = Field(min_length=1, max_length=BATCH)


class HouseholdsOut(BaseModel):
    """The households registered, in order."""

    items: list[HouseholdOut]
