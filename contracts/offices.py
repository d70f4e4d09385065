"""What a member holds and owes beside her membership: offices and the fee of each year."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Level = Literal["province", "commune", "branch", "group"]
Position = Literal[
    "president",
    "vice_president",
    "standing_committee",
    "executive_committee",
    "inspection",
    "head",
    "deputy",
]


class OfficerRole(BaseModel):
    """An office that a member holds where she is a member, from `since` to the day before `until`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    level: Level
    position: Position
    place: str = Field(pattern=r"^[0-9a-f@-]{2,36}$", description="Key of the unit, or id of the branch or group")
    since: date
    until: date | None = None


class Fee(BaseModel):
    """Her membership fee of one year."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    year: Annotated[int, Field(ge=1990, le=2100)]
    standing: Literal["paid", "exempt"]
    on: date = Field(description="When it was paid, or the exemption given")
