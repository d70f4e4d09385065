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
    return [out(row) for row in rows]


async def alone(conn: Connection, units: Collection[str]) -> list[PopulationOut]:
    """What these units have declared, and others that went into them; nobody declares until the transaction ends."""
    await conn.execute("lock table population in exclusive mode")
    rows = await conn.fetch(
        "select * from population where unit = any($1) or timeline -> -1 ->> 'heir' = any($1) order by unit",
        list(units),
    )
    return [out(row) for row in rows]


async def locked(conn: Connection, unit: str) -> PopulationOut | None:
    """What a commune has declared, locked until the transaction ends; None if nothing yet."""
    row = await conn.fetchrow("select * from population where unit = $1 for update", unit)
    return out(row) if row else None


def out(row: Row) -> PopulationOut:
    """A `population` row as the door shows it."""
    return PopulationOut.model_validate(
        {**dict(row), "timeline": TIMELINE.validate_json(row["timeline"])}, extra="ignore"
    )
