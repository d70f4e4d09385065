"""Credit programmes at the door."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.loans import ProgrammeCode

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class ProgrammeIn(BaseModel):
    """A programme's terms, from a day on. Terms change by decision: publish the new ones from their day."""

    model_config = ConfigDict(extra="forbid")

    code: ProgrammeCode
    name_vi: Name
    name_en: Name
    valid_from: date
    valid_to: date | None = Field(None, description="Last day; null while no end is decided")
    annual_rate_bps: Annotated[int, Field(ge=0, le=10_000, description="Yearly rate in basis points: 6.6 % is 660")]
    overdue_rate_percent: Annotated[int, Field(ge=100, le=300, description="Of the contract rate")] = 130
    cap: Annotated[int, Field(gt=0, le=10**13, description="Most a loan may disburse, VND")] | None = None
    longest_term_months: Annotated[int, Field(ge=1, le=600)]


class ProgrammeOut(ProgrammeIn):
    """A programme's terms as published."""

    id: UUID
    version: int
    recorded_at: datetime


class ProgrammesOut(BaseModel):
    """The programmes in force on a day."""

    items: list[ProgrammeOut]
