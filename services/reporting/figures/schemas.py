"""Figures at the door."""

from datetime import date
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.reporting.contributions.periods import Period
from services.reporting.freshness.schemas import FreshnessOut

Value = int | float | None
"""Counts and VND are integers, percent and averages numbers; null is a ratio of nothing."""


class PeriodOut(BaseModel):
    """Days, both included."""

    start: date = Field(alias="from", serialization_alias="from")
    end: date = Field(alias="to", serialization_alias="to")

    @classmethod
    def of(cls, period: Period) -> Self:
        """The period at the door."""
        return cls.model_validate({"from": period.start, "to": period.end})


class CategoryOut(BaseModel):
    """One category of a breakdown."""

    category: str
    name: str
    value: int


class BreakdownOut(BaseModel):
    """An indicator by one dimension; the categories add up to the whole."""

    indicator: str
    dimension: str
    name: str = Field(description="The dimension's name")
    items: list[CategoryOut]


class FigureOut(BaseModel):
    """One indicator in one unit; a ratio comes with the two sums it is made of."""

    indicator: str
    unit: str
    branch: UUID | None = Field(description="Of the unit, this branch alone; null: all of it")
    value: Value
    numerator: int | None = None
    denominator: int | None = None
    breakdown: BreakdownOut | None = None


class FiguresOut(BaseModel):
    """Figures that agree with one another: all were read in one snapshot."""

    items: list[FigureOut]
    period: PeriodOut
    freshness: FreshnessOut
