"""The 54 ethnic groups. Source: Decision 121-TCTK/PPCĐ of 1979.

The lists of 1979 and 2008 number some groups differently: store the list with the code.
"""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

SYSTEM = "1979"
KINH = "01"


class EthnicGroup(NamedTuple):
    """One group of one official list."""

    system: str
    code: str
    name: str


@cache
def groups() -> dict[tuple[str, str], EthnicGroup]:
    """Every group by (system, code)."""
    with (Path(__file__).parent / "ethnicities.csv").open(encoding="utf-8", newline="") as file:
        return {(row["system"], row["code"]): EthnicGroup(**row) for row in csv.DictReader(file)}


def find(code: str, system: str = SYSTEM) -> EthnicGroup | None:
    """The group of a code, or None."""
    return groups().get((system, code))
