"""Dashboards at the door: one answer a screen."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, Field

from services.reporting.figures.schemas import BreakdownOut, PeriodOut, Value
from services.reporting.freshness.schemas import FreshnessOut


class UnitOut(BaseModel):
    """The unit the screen shows."""

    code: str
    name: str
    type: str
    parent: str | None


class CardOut(BaseModel):
    """One headline figure, beside the same figure of the period before."""

    indicator: str
    name: str
    unit: str = Field(description="What is counted")
    kind: str
    value: Value
    previous: Value = Field(description="The same of the period of equal length one year earlier")


class PointOut(BaseModel):
    """A series' value: as of the day for a stock, of the month that ends then for a flow."""

    on: date
    value: int


class SeriesOut(BaseModel):
    """One indicator over the months up to the period's end."""

    indicator: str
    name: str
    unit: str
    kind: str
    points: list[PointOut]


class PartOut(BaseModel):
    """A unit (or branch) below the one shown, with its own values."""

    code: str = Field(description="Unit code, of a unit of before its key; a branch's id")
    name: str | None = Field(description="None for a branch: names of branches are the members service's")
    type: str
    values: dict[str, Value]


class DashboardOut(BaseModel):
    """Everything one screen shows, read in one snapshot."""

    unit: UnitOut
    branch: UUID | None = Field(description="Of the unit, this branch alone; null: all of it")
    period: PeriodOut
    cards: list[CardOut]
    series: list[SeriesOut]
    breakdowns: list[BreakdownOut]
    units: list[PartOut]
    freshness: FreshnessOut
