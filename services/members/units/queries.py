"""Reads of units; they are reference data that every service holds."""

from collections.abc import Set
from datetime import date

from contracts import units
from services.chassis.errors import NotFound
from services.members.units.schemas import LineageOut, UnitOut, UnitsOut


def reached(reach: Set[str]) -> UnitsOut:
    """The units inside `reach`, by code."""
    found = (unit for code in reach if (unit := units.find(code)))
    return UnitsOut(items=[out(unit) for unit in sorted(found)])


def get(reach: Set[str], code: str, on: date | None) -> UnitOut:
    """The unit `code` (or an alias) names on a day, inside `reach` by what it is now; 404 otherwise."""
    unit = units.find(code, on)
    if unit is None or not _reached(reach, unit):
        raise NotFound
    return out(unit)


def lineage(reach: Set[str], code: str) -> list[LineageOut]:
    """The units of before 2025-07-01 that went into `code`."""
    unit = get(reach, code, None)
    return [
        LineageOut(code=pair.legacy.code, name=pair.legacy.name, type=pair.legacy.type, extent=pair.extent)
        for pair in units.predecessors(unit.code)
    ]


def out(unit: units.Unit) -> UnitOut:
    """A unit as the door shows it."""
    return UnitOut.model_validate(unit._asdict())


def _reached(reach: Set[str], unit: units.Unit) -> bool:
    if unit.valid_to is None:
        return unit.code in reach
    return any(pair.successor.code in reach for pair in units.successors(unit.code))
