"""Records that may be one person's, at the door."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.members.members.schemas import MemberOut


class DuplicateOut(BaseModel):
    """Two members whose names have the same words, whatever their order, marks and case."""

    members: tuple[MemberOut, MemberOut] = Field(description="The one recorded first comes first")
    same: Literal["birth_date", "birth_year"] = Field(
        description="Also the same; `birth_year` where one has no full date, and inside one commune only"
    )


class DismissalIn(BaseModel):
    """Two members who are two persons."""

    model_config = ConfigDict(extra="forbid")

    members: tuple[UUID, UUID]
