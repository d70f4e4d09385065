"""Indicators at the door."""

from typing import Literal

from pydantic import BaseModel, Field


class IndicatorOut(BaseModel):
    """One indicator and how it adds up."""

    code: str = Field(examples=["loans.outstanding"])
    kind: Literal["stock", "flow", "ratio"] = Field(description="as of the period's end | sum over it | of two sums")
    unit: str = Field(description="What is counted: person, household, VND, percent …")
    name: str = Field(description="By Accept-Language")
    name_vi: str
    name_en: str
    source: str = Field(description="The service whose records it counts")
    numerator: str | None
    denominator: str | None
    breakdowns: list[str]


class IndicatorsOut(BaseModel):
    """The catalogue."""

    items: list[IndicatorOut]
