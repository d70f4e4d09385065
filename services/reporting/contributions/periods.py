"""Days that figures are asked for (pure)."""

from datetime import date, timedelta
from typing import NamedTuple


class Period(NamedTuple):
    """Days from `start` to `end`, both included."""

    start: date
    end: date


def whole_months(period: Period) -> tuple[date, date]:
    """The first day of the first whole month inside the period, and the first day after the last."""
    first = period.start if period.start.day == 1 else next_month(period.start)
    after = (period.end + timedelta(days=1)).replace(day=1)
    return (first, after) if first < after else (first, first)


def next_month(day: date) -> date:
    """The first day of the next month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
