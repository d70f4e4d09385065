"""Credit programmes at the door: what was decided, from which day, and how to apply."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.calendars import Day
from contracts.loans import CapitalSource, ProgrammeCode
from contracts.members import PovertyStatus

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=600)]
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Step = Literal["application", "appraisal", "confirmation", "decision", "disbursement", "repayment"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RateOf(_Strict):
    """A rate as a percentage of another programme's, as that one is on the day of a contract."""

    programme: ProgrammeCode
    percent: Annotated[int, Field(ge=1, le=1_000)]


class Condition(_Strict):
    """What has to be so, and is attested by people: no rule can see it."""

    code: Code
    vi: Words
    en: Words


class Paper(Condition):
    """A paper of the application."""

    required: bool = True


class Guidance(_Strict):
    """What to do at a step, in plain words."""

    step: Step
    vi: Words
    en: Words


class LongestFreeze(_Strict):
    """How long debt may be frozen if so much of what was invested is lost."""

    damage_percent: Annotated[int, Field(ge=1, le=100, description="From this much on")]
    years: Annotated[int, Field(ge=1, le=10)]


class Terms(BaseModel):
    """The terms of a programme. What no public source confirms stands in `unconfirmed`."""

    model_config = ConfigDict(extra="forbid")

    annual_rate_ppm: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="Yearly rate in parts per million: 6.6 % is 66000, 8.382 % is 83820; null with `rate_of`"
    )
    rate_of: RateOf | None = None
    overdue_rate_percent: Annotated[int, Field(ge=100, le=300, description="Of the contract rate")] = 130
    cap: Annotated[int, Field(gt=0, le=10**13, description="Most a household may owe under it, VND")] | None = None
    longest_term_months: Annotated[int, Field(ge=1, le=600)]
    short_term_months: Annotated[
        int, Field(ge=0, le=600, description="A term up to this is put off by as much at most")
    ] = 12
    extension_percent: Annotated[int, Field(ge=0, le=100, description="A longer one by this much of it at most")] = 50
    freezes: list[LongestFreeze] = Field(
        [LongestFreeze(damage_percent=40, years=3), LongestFreeze(damage_percent=80, years=5)],
        description="Decision 50/2010/QĐ-TTg; its own text was not at hand",
    )
    decision_working_days: Annotated[int, Field(ge=1, le=60, description="The bank decides within")] = 5
    eligible: list[PovertyStatus] = Field([], description="Poverty statuses of who may apply; none is any")
    conditions: list[Condition] = Field([], max_length=20)
    capital_sources: list[CapitalSource] = Field(["central", "mobilised", "local"], min_length=1)
    papers: list[Paper] = Field([], max_length=30)
    procedure: list[Guidance] = Field([], max_length=20)
    unconfirmed: list[Annotated[str, Field(pattern=r"^/[a-z_/0-9]{1,80}$")]] = Field(
        [], description="JSON pointers to terms that no public source confirms", max_length=30
    )
    source: Words | None = Field(None, description="The decision")


class ProgrammeIn(Terms):
    """A programme's terms, from a day on. Terms change by decision: publish the new ones from their day."""

    code: ProgrammeCode
    name_vi: Name
    name_en: Name
    valid_from: Day
    valid_to: Day | None = Field(None, description="Last day; null while no end is decided")


class ProgrammeOut(ProgrammeIn):
    """A programme's terms as published. `annual_rate_ppm` is what holds on the day asked for."""

    valid_from: date
    valid_to: date | None = Field(None, description="Last day; null while no end is decided")
    id: UUID
    version: int
    recorded_at: datetime


class ProgrammesOut(BaseModel):
    """The programmes in force on a day."""

    items: list[ProgrammeOut]
