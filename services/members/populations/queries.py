"""Reads of populations."""

from collections.abc import Collection

from pydantic import TypeAdapter

from contracts.members import PopulationSpell
from services.chassis.db import Connection, Row
from services.members.populations.schemas import PopulationOut

TIMELINE = TypeAdapter(list[PopulationSpell])


async def find(conn: Connection, units: Collection[str]) -> list[PopulationOut]:
    """What these communes have declared, by unit."""
    rows = await conn.fetch("select * from population where unit = any($1) order by unit", list(units))
    return [_out(row) for row in rows]


async def locked(conn: Connection, unit: str) -> PopulationOut | None:
    """What a commune has declared, locked until the transaction ends; None if nothing yet."""
    row = await conn.fetchrow("select * from population where unit = $1 for update", unit)
    return _out(row) if row else None


def _out(row: Row) -> PopulationOut:
    return PopulationOut.model_validate({**dict(row), "timeline": TIMELINE.validate_json(row["timeline"])})
