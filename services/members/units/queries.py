"""Reads of units; they are reference data that every service holds."""

from collections.abc import Set
from datetime import date

from contracts import units
from services.chassis.errors import NotFound
from services.members.units.schemas import LineageOut, UnitOut, UnitsOut


def reached(reach: Set[str], on: date | None) -> UnitsOut:
    """The units inside `reach` that were in force on a day (default: are), by code."""
    before = on is not None and on < units.REFORM
    found = [units.known()[key] for key in sorted(reach)]
    return UnitsOut(items=[out(unit) for unit in found if unit.parent is None or (unit.valid_to is not None) == before])


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
    return UnitOut(key=unit.key, **unit._asdict())


def _reached(reach: Set[str], unit: units.Unit) -> bool:
    if unit.key in reach:
        return True
    return unit.valid_to is not None and any(pair.successor.code in reach for pair in units.successors(unit.code))


def within(reach: Set[str], unit: str | None) -> list[str]:
    """The units a list looks in: one in force if it is reached; all of `reach` for none, or for one of before."""
    if unit is None or "@" in unit:
        return list(reach)
    return [unit] if unit in reach else []


def on_last_day(unit: str | None) -> tuple[str | None, date | None]:
    """What `there` compares with: the key of a unit of before and its last day; nothing of one in force."""
    found = units.find(unit) if unit else None
    return (found.key, found.valid_to) if found and found.valid_to else (None, None)


def there(key: str, day: str) -> str:
    """SQL: a row whose `timeline` was in the unit on the day (names of parameters), or is there now."""
    return f"""(unit = {key} or timeline::text like '%"' || {key} || '"%' and {key} = (
        select spell ->> 'unit' from json_array_elements(timeline) with ordinality as spells (spell, number)
        where (spell ->> 'since')::date <= {day} order by number desc limit 1))"""  # noqa: S608  # own text
