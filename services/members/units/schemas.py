"""Units at the door."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field


class UnitOut(BaseModel):
    """An administrative unit of Decision 19/2025/QĐ-TTg, or one of before; `valid_to` null is still in force."""

    key: str = Field(description="What names it for good: its code, of a unit of before with its last day")
    code: str
    name: str
    type: str
    parent: str | None
    valid_from: date | None
    valid_to: date | None


class UnitsOut(BaseModel):
    """The units a caller reaches."""

    items: list[UnitOut]


class LineageOut(BaseModel):
    """A unit of before 2025-07-01 that went into this one, `whole` or in `part`."""

    code: str
    name: str
    type: str
    extent: Literal["whole", "part"]


class LineagesOut(BaseModel):
    """What a unit was made of."""

    items: list[LineageOut]
