"""Records that may be one person's, at the door."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.members.members.schemas import MemberOut


class DuplicateOut(BaseModel):
    """Two members who agree in two of name, birth and phone.

    Name: the same words, whatever their order, marks and case. With the name, a birth year without a full date counts
    inside one commune only, as names are few.
    """

    members: tuple[MemberOut, MemberOut] = Field(description="The one recorded first comes first")
    same: list[Literal["name", "birth_date", "birth_year", "phone"]] = Field(description="In what they agree")


class DismissalIn(BaseModel):
    """Two members who are two persons."""

    model_config = ConfigDict(extra="forbid")

    members: tuple[UUID, UUID]
