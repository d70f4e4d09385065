"""Administrative units: those in force since 2025-07-01, those before, and what became what.

Source: Decision 19/2025/QĐ-TTg. A code alone does not name a unit: 21 codes of Quảng Ninh alone were given again to
another unit. What names a unit for good is its key: its code, and of a unit no longer in force `code@last-day`
(`06688@2025-06-30` was Hồng Hải, `06688` is Hạ Long ward).
"""

import csv
from collections import defaultdict
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

REFORM = date(2025, 7, 1)
LAST_BEFORE = REFORM - timedelta(days=1)
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

    @property
    def key(self) -> str:
        """What names it for good."""
        return self.code if self.valid_to is None else f"{self.code}@{self.valid_to}"


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


@cache
def known() -> dict[str, Unit]:
    """Every unit, in force or before, by key."""
    unlisted = (pair.legacy for pairs in _lineage()[0].values() for pair in pairs)
    return {unit.key: unit for units in (unlisted, legacy().values(), current().values()) for unit in units}


def find(code: str, on: date | None = None) -> Unit | None:
    """The unit a code named on a day (default: names now), or a key names; aliases included; None if there is none."""
    code, at, last = code.partition("@")
    if not at and on is not None and on < REFORM and len(code) != PROVINCE_DIGITS:
        at, last = "@", str(LAST_BEFORE)
    return known().get(code + at + last) or known().get(ALIASES.get(code, "") + at + last)


def children(code: str) -> tuple[Unit, ...]:
    """The communes of a province in force, by code; none of a commune."""
    return _children().get(code, ())


@cache
def former(province: str) -> tuple[Unit, ...]:
    """The commune-level units of before that lay in what is the province now, by code."""
    return tuple(unit for key, unit in sorted(known().items()) if unit.valid_to and _province(key) == province)


@cache
def subtree(code: str) -> frozenset[str]:
    """Keys of the unit in force itself, all below it, and of a province those of before; empty for an unknown code."""
    if code not in current():
        return frozenset()
    return frozenset({code, *(unit.key for unit in (*children(code), *former(code)))})


def province_of(key: str) -> str:
    """The province of today a unit lies or lay in; a province lies in itself. KeyError for an unknown key."""
    province = _province(key)
    if province is None:
        raise KeyError(key)
    return province


@cache
def _province(key: str) -> str | None:
    unit = known().get(key)
    if unit is None or unit.valid_to is None:
        return unit and (unit.parent or unit.code)
    return next(
        (pair.successor.parent for pair in successors(unit.code)), unit.parent if unit.parent in current() else None
    )


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
    return Unit(code, "", "", successor.parent, None, LAST_BEFORE)


def successors(legacy_code: str) -> tuple[Lineage, ...]:
    """What a unit of before, by its code, became: several if it was split, none for codes without a successor row."""
    return _lineage()[0].get(legacy_code, ())


def predecessors(code: str) -> tuple[Lineage, ...]:
    """What a unit in force was made of."""
    return _lineage()[1].get(code, ())
