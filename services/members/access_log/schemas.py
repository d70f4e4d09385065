"""What is personal in an answer, who looks at it, and the log of it."""

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, Self
from uuid import UUID

from pydantic import BaseModel, Field

PERSONAL: dict[str, Any] = {"x-personal": True}
"""`json_schema_extra` of a field that identifies a person: hidden, unless its reading is logged."""


class Viewer(NamedTuple):
    """Who is to see personal fields: the token's subject and unit, what for, and through which route."""

    subject: str
    unit: str
    purpose: str
    route: str


class Shown(BaseModel):
    """A record whose fields marked PERSONAL leave the service only through `access_log.commands.show`."""

    id: UUID

    def masked(self) -> Self:
        """Itself without its personal fields."""
        return self.model_copy(update=dict.fromkeys(personal(type(self))))

    def subject(self) -> UUID:
        """The member or household it is about."""
        return self.id


@cache
def personal(shape: type[BaseModel]) -> tuple[str, ...]:
    """Names of a shape's personal fields."""
    return tuple(name for name, field in shape.model_fields.items() if field.json_schema_extra == PERSONAL)


class AccessOut(BaseModel):
    """One answer that showed personal data."""

    id: int
    at: datetime
    caller: str = Field(description="`sub` of the token")
    unit: str = Field(description="The caller's")
    purpose: str
    route: str
    subjects: list[UUID] = Field(description="Members and households shown, those inside the reader's reach")


class ForgottenOut(BaseModel):
    """What was dropped because its term is over."""

    quarters: list[str]
