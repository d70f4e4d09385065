"""Numbers that change by decision: dated data, `parameters.csv`, which says what no public source confirms."""

import csv
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

Name = Literal[
    "group.fewest",
    "group.most",
    "check.days",
    "check.follow_up_days",
    "overdue.days_1",
    "overdue.days_2",
    "overdue.days_3",
    "overdue.days_4",
    "warning.due_days",
    "warning.unpaid_months",
    "warning.pending_days",
    "warning.freeze_days",
]


@cache
def decisions(name: Name) -> tuple[tuple[date, int], ...]:
    """(in force from, value) of every decision, oldest first."""
    with (Path(__file__).parent / "parameters.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["name"] == name]
    return tuple(sorted((date.fromisoformat(row["valid_from"]), int(row["value"])) for row in rows))


def parameter(name: Name, on: date) -> int:
    """The value in force on a day; before the first decision, the first."""
    found = decisions(name)
    return next((value for valid_from, value in reversed(found) if valid_from <= on), found[0][1])
