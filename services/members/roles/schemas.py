"""Offices at the door."""

from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from contracts.calendars import Day
from contracts.offices import Level, OfficerRole, Position
from services.members.access_log.schemas import PERSONAL, Shown

OFFICES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("province", "commune"),
        frozenset({"president", "vice_president", "standing_committee", "executive_committee", "inspection"}),
    ),
    **dict.fromkeys(("branch", "group"), frozenset({"head", "deputy"})),
}
"""Which positions there are at which level."""


class RoleIn(BaseModel):
    """An office a member takes up where she is a member: of her province, commune, branch or group."""

    model_config = ConfigDict(extra="forbid")

    level: Level
    position: Position
    since: Day
    until: Day | None = Field(None, description="The first day she no longer holds it")

    @model_validator(mode="after")
    def _exists(self) -> Self:
        if self.position not in OFFICES[self.level]:
            raise PydanticCustomError(
                "position", "there is no such position at this level", {"vi": "Cấp này không có chức danh đó"}
            )
        if self.until is not None and self.until < self.since:
            raise PydanticCustomError("until", "until lies before since", {"vi": "Ngày thôi giữ trước ngày giữ chức"})
        return self


class EndIn(BaseModel):
    """When an office ends."""

    model_config = ConfigDict(extra="forbid")

    until: Day = Field(description="The first day she no longer holds it")


class RoleOut(OfficerRole, Shown):
    """An office and who holds it."""

    member: UUID
    name: str | None = Field(json_schema_extra=PERSONAL)

    def subject(self) -> UUID:
        """Who holds it."""
        return self.member


class RolesOut(BaseModel):
    """A member's offices, oldest first."""

    items: list[OfficerRole]
