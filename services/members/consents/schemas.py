"""Consents at the door."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.calendars import Day
from services.members.access_log.schemas import PERSONAL, Shown

How = Literal["paper", "online", "oral_recorded"]
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$", examples=["bank-sharing"])]
TextVersion = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$", examples=["2026-01"])]
Evidence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class ConsentIn(BaseModel):
    """A consent as it was given: to one purpose, after reading one version of the text."""

    model_config = ConfigDict(extra="forbid")

    purpose: Code
    text_version: TextVersion
    how: How
    given_on: Day
    evidence: Evidence | None = Field(None, description="Where the proof is kept: file, shelf, recording")


class WithdrawalIn(BaseModel):
    """A consent withdrawn."""

    model_config = ConfigDict(extra="forbid")

    purpose: Code
    how: How
    withdrawn_on: Day
    evidence: Evidence | None = None


class EntryOut(Shown):
    """One line of the ledger: given or withdrawn."""

    member: UUID
    purpose: str
    act: Literal["given", "withdrawn"]
    occurred_on: date
    how: How
    text_version: str | None
    evidence: str | None = Field(json_schema_extra=PERSONAL)
    recorded_by: str
    recorded_at: datetime

    def subject(self) -> UUID:
        """Whose consent it is."""
        return self.member


class ConsentOut(BaseModel):
    """Where one purpose stands on a day."""

    purpose: str
    given: bool
    since: date
    text_version: str | None


class ConsentsOut(BaseModel):
    """A member's consents on a day, and the whole ledger. A purpose never asked for does not appear: not given."""

    on: date
    consents: list[ConsentOut]
    ledger: list[EntryOut]


class PurposeOut(BaseModel):
    """What personal data may be processed for."""

    code: str
    vi: str
    en: str
    basis: Literal["consent", "law"]
    sensitive: bool = Field(description="Sensitive personal data: Decree 356/2025/NĐ-CP, article 4")
    valid_from: date


class PurposesOut(BaseModel):
    """The catalogue."""

    items: list[PurposeOut]
