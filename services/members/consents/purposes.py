"""What personal data may be processed for: a catalogue that changes by decision, so it is data.

Source: Law 91/2025/QH15, article 9 (consent names its purposes, each on its own), article 19 (processing without
consent). The wording of the purposes is the Union's to decide (unconfirmed). That ethnicity and religion are sensitive:
Decree 356/2025/NĐ-CP, article 4.
"""

import csv
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple


class Purpose(NamedTuple):
    """One purpose; `basis` is what it rests on: the person's consent, or a law."""

    code: str
    vi: str
    en: str
    basis: Literal["consent", "law"]
    sensitive: bool
    valid_from: date


@cache
def catalogue() -> dict[str, Purpose]:
    """Every purpose by code."""
    with (Path(__file__).parent / "purposes.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["code"]: Purpose(
                row["code"],
                row["vi"],
                row["en"],
                "law" if row["basis"] == "law" else "consent",
                row["sensitive"] == "true",
                date.fromisoformat(row["valid_from"]),
            )
            for row in csv.DictReader(file)
        }


def find(code: str, day: date) -> Purpose | None:
    """The purpose of a code, if it was in force on `day`."""
    purpose = catalogue().get(code)
    return purpose if purpose and purpose.valid_from <= day else None
