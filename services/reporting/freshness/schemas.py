"""Freshness at the door; part of every reporting answer."""

from datetime import datetime

from pydantic import BaseModel, Field


class SourceOut(BaseModel):
    """How far one owner's journal is in the figures."""

    source: str = Field(examples=["members"])
    position: int = Field(description="Highest journal sequence applied")
    applied_at: datetime | None = Field(description="When that was")
    lag_seconds: float | None = Field(description="From being recorded to being counted, for the newest event applied")
    parked: int = Field(description="Events that could not be applied; figures they touch are incomplete")


class FreshnessOut(BaseModel):
    """How current the figures are, and by which unit map and rules they were made."""

    sources: list[SourceOut]
    map: str = Field("2025-07-01", description="First day of the unit map in use")
    rules: str = Field("1", description="Version of the contribution rules")
