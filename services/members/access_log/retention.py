"""How long the access log is kept: a term that changes by decision, so it is data, and says what is unconfirmed."""

import csv
from datetime import date
from functools import cache
from pathlib import Path

YEAR = 12


@cache
def terms() -> tuple[tuple[date, int], ...]:
    """(valid from, months) of every decision, in order."""
    with (Path(__file__).parent / "retention.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            sorted((date.fromisoformat(row["valid_from"]), int(row["months"])) for row in csv.DictReader(file))
        )


def kept_since(today: date) -> date:
    """The first day whose accesses are still kept: whole months before this one."""
    months = next(months for valid_from, months in reversed(terms()) if valid_from <= today)
    year, month = divmod(today.year * YEAR + today.month - 1 - months, YEAR)
    return date(year, month + 1, 1)
