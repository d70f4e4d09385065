"""The calendars reports are made by.

- `calendar`: months, quarters, halves, nine months and years of the calendar (the bank's).
- `administrative`: from the 15th of a month to the 14th of the next, named after the month it ends in; a quarter, half,
  nine months or year likewise ends on the 14th of its last month. Source: Decree 09/2019/NĐ-CP, article 8.
- `iso`: weeks from Monday to Sunday (ISO 8601).

Doors take days from 1900 to 2199 (`Day`): sums with days, and the database, know them all.

Working days are Monday to Friday but for `holidays.csv`: days off, and Saturdays worked in exchange (`off` false). The
days of each year are decided late in the year before; what is not confirmed says so in its row.
"""

import csv
from calendar import SATURDAY, monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AwareDatetime, Field, WithJsonSchema

Calendar = Literal["calendar", "administrative"]
Span = Literal["month", "quarter", "half", "nine_months", "year"]
MONTHS: dict[Span, int] = {"month": 1, "quarter": 3, "half": 6, "nine_months": 9, "year": 12}
CUT_DAY = 14
DECEMBER = 12
FIRST, LAST = date(1900, 1, 1), date(2199, 12, 31)
CENTURIES = "^(19|2[01])"
Day = Annotated[
    date, Field(ge=FIRST, le=LAST), WithJsonSchema({"type": "string", "format": "date", "pattern": CENTURIES})
]
"""A day that somebody gives."""
Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(FIRST.year, 1, 1, tzinfo=UTC), lt=datetime(LAST.year + 1, 1, 1, tzinfo=UTC)),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": CENTURIES}),
]
"""A moment that somebody gives, with its time zone."""


class Period(NamedTuple):
    """Days from `start` to `end`, both included."""

    name: str
    start: date
    end: date


def period(calendar: Calendar, span: Span, year: int, number: int = 1) -> Period:
    """The `number`-th month, quarter or half of a year; nine months and the year have number 1.

    Raises ValueError for a number the span does not have.
    """
    months = MONTHS[span]
    last = DECEMBER // months if span != "nine_months" else 1
    if not 1 <= number <= last:
        raise ValueError(f"{span} {number}: from 1 to {last}")
    first_month, last_month = (number - 1) * months + 1, number * months
    name = f"{year}-{last_month:02d}" if span == "month" else f"{year}-{span}-{number}"
    if calendar == "calendar":
        return Period(name, date(year, first_month, 1), date(year, last_month, monthrange(year, last_month)[1]))
    before = date(year - 1, DECEMBER, CUT_DAY + 1) if first_month == 1 else date(year, first_month - 1, CUT_DAY + 1)
    return Period(name, before, date(year, last_month, CUT_DAY))


def iso_week(day: date) -> Period:
    """The ISO week a day lies in, named like 2026-W01."""
    year, week, weekday = day.isocalendar()
    start = day - timedelta(days=weekday - 1)
    return Period(f"{year}-W{week:02d}", start, start + timedelta(days=6))


@cache
def holidays() -> Mapping[date, bool]:
    """Days that are off though they are weekdays (True), or worked though they are not (False)."""
    with (Path(__file__).parent / "holidays.csv").open(encoding="utf-8", newline="") as file:
        return {date.fromisoformat(row["day"]): row["off"] == "true" for row in csv.DictReader(file)}


def is_working(day: date) -> bool:
    """Whether offices work on a day."""
    off = holidays().get(day)
    return day.weekday() < SATURDAY if off is None else not off


def working_days_after(day: date, number: int) -> date:
    """The `number`-th working day after `day`, which itself is not counted (Civil Code 2015, article 147)."""
    while number:
        day += timedelta(days=1)
        number -= is_working(day)
    return day
