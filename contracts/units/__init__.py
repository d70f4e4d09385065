"""Administrative units: those in force since 2025-07-01, those before, and what became what.

Source: Decision 19/2025/QĐ-TTg. A code alone does not name a unit: 21 codes of Quảng Ninh alone were given again to
another unit, so the key is (code, valid_from).
"""

import csv
from collections import defaultdict
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

REFORM = date(2025, 7, 1)
PROVINCE_DIGITS = 2
ALIASES = {"06978": "06970"}
"""Codes another official list gives to a unit: Ba Chẽ is 06970 here, 06978 there."""
FOLDER = Path(__file__).parent


class Unit(NamedTuple):
    """A province or a commune-level unit, for the days it was in force (both included)."""

    code: str
    name: str
    type: str
    parent: str | None
    valid_from: date | None
    valid_to: date | None


class Lineage(NamedTuple):
    """A unit of before 2025-07-01 and one it went into, in `whole` or in `part`."""

    legacy: Unit
    successor: Unit
    extent: Literal["whole", "part"]


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def current() -> dict[str, Unit]:
    """Units in force, by code."""
    return {
        row["code"]: Unit(
            row["code"],
            row["name"],
            row["type"],
            row["parent_code"] or None,
            date.fromisoformat(row["effective_from"]),
            None,
        )
        for row in _rows("administrative_units.csv")
    }


@cache
def legacy() -> dict[str, Unit]:
    """Commune-level units in force until 2025-06-30, by code. Their districts are gone; `parent` is the province."""
    return {
        row["code"]: Unit(
            row["code"], row["name"], row["type"], row["province_code"], None, date.fromisoformat(row["effective_to"])
        )
        for row in _rows("legacy_units.csv")
    }


@cache
def _children() -> dict[str, tuple[Unit, ...]]:
    found: dict[str, list[Unit]] = defaultdict(list)
    for unit in current().values():
        if unit.parent:
            found[unit.parent].append(unit)
    return {parent: tuple(units) for parent, units in found.items()}


def find(code: str, on: date | None = None) -> Unit | None:
    """The unit a code named on a day (default: names now), aliases included; None if it named none."""
    known = legacy() if on is not None and on < REFORM and len(code) != PROVINCE_DIGITS else current()
    return known.get(code) or known.get(ALIASES.get(code, ""))


def children(code: str) -> tuple[Unit, ...]:
    """The communes of a province in force, by code; none of a commune."""
    return _children().get(code, ())


@cache
def subtree(code: str) -> frozenset[str]:
    """The code itself and all below it; empty for an unknown code."""
    if code not in current():
        return frozenset()
    return frozenset({code, *(unit.code for unit in children(code))})


@cache
def province_of(code: str) -> str:
    """The province a unit in force lies in; a province lies in itself. KeyError for an unknown code."""
    unit = current()[code]
    return unit.parent or unit.code


@cache
def _lineage() -> tuple[dict[str, tuple[Lineage, ...]], dict[str, tuple[Lineage, ...]]]:
    by_legacy: dict[str, list[Lineage]] = defaultdict(list)
    by_successor: dict[str, list[Lineage]] = defaultdict(list)
    for row in _rows("unit_lineage.csv"):
        extent: Literal["whole", "part"] = "whole" if row["extent"] == "whole" else "part"
        successor = current()[row["successor_code"]]
        pair = Lineage(legacy().get(row["legacy_code"]) or _unlisted(row["legacy_code"], successor), successor, extent)
        by_legacy[pair.legacy.code].append(pair)
        by_successor[pair.successor.code].append(pair)
    return (
        {code: tuple(pairs) for code, pairs in by_legacy.items()},
        {code: tuple(pairs) for code, pairs in by_successor.items()},
    )


def _unlisted(code: str, successor: Unit) -> Unit:
    """A unit of before that the lineage names and the list of units does not (10 codes): its name is not known."""
    return Unit(code, "", "", successor.parent, None, REFORM - timedelta(days=1))


def successors(legacy_code: str) -> tuple[Lineage, ...]:
    """What a unit of before became; more than one if it was split, none for the codes without a successor row."""
    return _lineage()[0].get(legacy_code, ())


def predecessors(code: str) -> tuple[Lineage, ...]:
    """What a unit in force was made of."""
    return _lineage()[1].get(code, ())
