"""Members at the door."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from contracts.calendars import Day
from services.chassis.errors import FaultOut
from services.members.access_log.schemas import PERSONAL, Shown
from services.members.members.numbers import CitizenNumber, Phone

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Kind = Literal["ordinary", "honorary"]
Status = Literal["active", "left", "deceased"]
Poverty = Literal["poor", "near_poor", "newly_escaped", "average", "other"]
LeavingReason = Literal["moved_away", "own_wish", "age_or_health", "long_absence", "expelled", "deceased", "other"]
Year = Annotated[int, Field(ge=1900, le=2100)]
Ethnicity = Annotated[str, Field(pattern=r"^\d{2}$", description="Code in the list of 1979: 01 Kinh … 54 Rơ-măm")]
CardNumber = Annotated[str, Field(pattern=r"^[\w./-]{1,30}$", description="Of the membership card")]
BATCH = 1_000


class Birth(BaseModel):
    """The birth date, or its year only."""

    birth_date: Day | None = None
    birth_year: Year | None = None

    @model_validator(mode="after")
    def _one_year(self) -> Self:
        """A full date tells the year; another one beside it is a mistake."""
        if self.birth_date is not None:
            if self.birth_year not in (None, self.birth_date.year):
                raise PydanticCustomError(
                    "birth_year", "birth_year disagrees with birth_date", {"vi": "Năm sinh khác với ngày sinh"}
                )
            self.birth_year = self.birth_date.year
        return self


class MemberIn(Birth):
    """A woman who joins (an honorary member may be anybody)."""

    model_config = ConfigDict(extra="forbid")

    branch: UUID
    group: UUID | None = None
    household: UUID | None = None
    name: Name
    citizen_number: CitizenNumber | None = None
    phone: Phone | None = None
    card_number: CardNumber | None = None
    ethnicity: Ethnicity = "01"
    kind: Kind = "ordinary"
    core: bool = False
    joined_on: Day


class LookupIn(BaseModel):
    """One number to look for."""

    model_config = ConfigDict(extra="forbid")

    citizen_number: CitizenNumber | None = None
    phone: Phone | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.citizen_number is None) == (self.phone is None):
            raise PydanticCustomError("one_of", "citizen_number or phone", {"vi": "Cần số định danh hoặc điện thoại"})
        return self


class MemberPatch(Birth):
    """What may be corrected; absent fields stay.

    `effective_on` is the day from which the new values hold; absent, they held from the beginning and the record
    was wrong, so past figures are put right too.
    """

    model_config = ConfigDict(extra="forbid")

    group: UUID | None = None
    household: UUID | None = None
    name: Name | None = None
    citizen_number: CitizenNumber | None = None
    phone: Phone | None = None
    card_number: CardNumber | None = None
    ethnicity: Ethnicity | None = None
    kind: Kind | None = None
    core: bool | None = None
    joined_on: Day | None = None
    effective_on: Day | None = None


class MemberOut(Shown):
    """A member. Fields marked `x-personal` are null but in a GET by a caller with `members:personal` and a Purpose."""

    unit: str
    branch: UUID
    group: UUID | None
    household: UUID | None
    name: str | None = Field(json_schema_extra=PERSONAL)
    birth_date: date | None = Field(json_schema_extra=PERSONAL)
    birth_year: int | None
    citizen_number: str | None = Field(None, description="Never in lists", json_schema_extra=PERSONAL)
    phone: str | None = Field(None, description="Never in lists", json_schema_extra=PERSONAL)
    card_number: str | None = Field(None, json_schema_extra=PERSONAL)
    ethnicity: str
    ethnicity_system: str = Field(description="The official list the code is of: 1979")
    kind: Kind
    core: bool
    joined_on: date
    status: Status
    left_on: date | None
    leaving_reason: LeavingReason | None
    poverty_status: Poverty | None = Field(description="Of the household, as last set")
    erased_on: date | None = Field(None, description="Erased at her own request: there is nothing personal left")
    version: int
    recorded_at: datetime
    warnings: list[FaultOut] = Field([], description="What a write recorded although it looks doubtful")


class VerdictOut(BaseModel):
    """What became of one row of a batch."""

    row: int = Field(description="Its place in the batch, from 0")
    verdict: Literal["created", "valid", "refused"]
    id: UUID | None = None
    version: int | None = None
    errors: list[FaultOut] = []
    warnings: list[FaultOut] = []


class BatchIn(BaseModel):
    """Rows to be enrolled one by one; a refused row does not stop the others."""

    model_config = ConfigDict(extra="forbid")

    items: list[dict[str, object]] = Field(min_length=1, max_length=BATCH, description="Each as in POST /v1/members")
    validate_only: bool = Field(False, description="Say what would happen; change nothing")


class BatchOut(BaseModel):
    """A verdict per row, in order."""

    items: list[VerdictOut]
    created: int
    refused: int
