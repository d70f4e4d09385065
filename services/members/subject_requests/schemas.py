"""Requests of data subjects at the door."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.calendars import Day
from services.members.access_log.schemas import PERSONAL, Shown
from services.members.subject_requests.clocks import Kind

Channel = Literal["in_person", "paper", "phone", "online"]
State = Literal["received", "answered", "done", "refused"]
Act = Literal["received", "answered", "extended", "done", "refused"]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


class RequestIn(BaseModel):
    """What a data subject asks for, and when it reached the Union."""

    model_config = ConfigDict(extra="forbid")

    member: UUID
    kind: Kind
    channel: Channel
    received_on: Day
    third_party: bool = Field(False, description="A processor or third party (the bank) must act too")
    detail: Words | None = None


class StepIn(BaseModel):
    """The day something was done about a request."""

    model_config = ConfigDict(extra="forbid")

    on: Day


class ReasonIn(StepIn):
    """The same, with the reason that the law asks for."""

    reason: Words


class StepOut(BaseModel):
    """One thing done about a request."""

    version: int
    act: Act
    occurred_on: date
    recorded_by: str
    recorded_at: datetime


class RequestOut(Shown):
    """A data subject's request with its clocks."""

    member: UUID
    kind: Kind
    channel: Channel
    third_party: bool
    received_on: date
    answer_due: date = Field(description="Last day to answer how it will be handled")
    completion_due: date = Field(description="Last day to have done it, extension included")
    extended: bool
    state: State
    answered_on: date | None
    closed_on: date | None = Field(description="Done or refused")
    overdue: bool = Field(description="A clock has run out today, and what it waits for has not been done")
    detail: str | None = Field(json_schema_extra=PERSONAL)
    reason: str | None = Field(description="Of the refusal, or else of the extension", json_schema_extra=PERSONAL)
    steps: list[StepOut]
    version: int
    recorded_at: datetime

    def subject(self) -> UUID:
        """Who asks."""
        return self.member
