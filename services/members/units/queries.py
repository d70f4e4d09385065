"""Reads of units; they are reference data that every service holds."""

from collections.abc import Sequence, Set
from datetime import date
from uuid import UUID

from contracts import units
from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import after, page_of
from services.chassis.reach import Reach
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


async def page_in(
    conn: Connection, table: str, reach: Reach, unit: str | None, branch: UUID | None, limit: int, cursor: str | None
) -> tuple[Sequence[Row], str | None]:
    """A page of a table of things in branches: of `unit` (or all of `reach`) and of `branch`, by unit and id."""
    start, inside = after(cursor, str, UUID), reach.within(branch=branch)
    rows = await conn.fetch(
        f"""
        select * from {table}
        where unit = any($1)
          and ($2::uuid is null or branch = $2)
          and ($3::text is null or (unit, id) > ($3, $4::uuid))
          and ($6::text is null or {there("$6", "$7")})
        order by unit, id
        limit $5
        """,  # noqa: S608  # own text
        within(inside.units, unit),
        inside.branch,
        *(start or (None, None)),
        limit + 1,
        *on_last_day(unit),
    )
    return page_of(rows, limit, lambda row: (row["unit"], row["id"]))
