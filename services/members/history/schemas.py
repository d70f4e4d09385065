"""A member's history at the door."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.members.members.schemas import Kind, LeavingReason, Poverty, Status


class SpellOut(BaseModel):
    """What held from `since` on, `until` the next spell began."""

    since: date
    until: date | None = Field(description="The first day it no longer held; null if nothing further is known")
    cause: str
    said: str = Field(description="The cause in words")
    changed: list[str] = Field(description="Fields that differ from the spell before")
    unit: str
    unit_name: str
    branch: UUID
    branch_name: str
    group: UUID | None
    household: UUID | None
    status: Status
    leaving_reason: LeavingReason | None
    kind: Kind
    core: bool
    ethnicity: str
    poverty_status: Poverty | None


class VersionOut(BaseModel):
    """One version that was recorded."""

    version: int
    type: str = Field(description="Of its event")
    said: str = Field(description="What was recorded, in words")
    recorded_at: datetime
    occurred_on: date
    actor: str = Field(description="`sub` of the token it was recorded with")


class HistoryOut(BaseModel):
    """What happened to a member, oldest first, and when and by whom it was recorded."""

    member: UUID
    merged_into: UUID | None = Field(description="The record this one was merged into; it then has no timeline")
    timeline: list[SpellOut]
    versions: list[VersionOut]
