"""Writes of populations."""

from datetime import date

from pydantic_core import to_json

from contracts import units
from contracts.members import PopulationDeclared, PopulationSpell
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import NotFound, Stale, invalid
from services.chassis.reach import Reach
from services.members.populations import queries
from services.members.populations.schemas import DeclarationIn, PopulationOut

WRITE = """
insert into population (id, unit, timeline, version, recorded_at) values ($1, $2, $3, $4, $5)
on conflict (unit) do update set timeline = $3, version = $4, recorded_at = $5 where population.version = $4 - 1
returning 1
"""


async def declare(conn: Connection, reach: Reach, unit: str, since: date, body: DeclarationIn) -> PopulationOut:
    """Record what holds from `since` until the next declaration; said again, it replaces. 404 outside `reach`."""
    if unit not in reach or unit == units.province_of(unit):
        raise NotFound
    if since > today():
        raise invalid("path:since", "future", "Không được ở tương lai", "May not lie in the future")
    declared = PopulationSpell(since=since, cause="changed", unit=unit, women_18=body.women_18)
    before = await queries.locked(conn, unit)
    others = [spell for spell in before.timeline if spell.since != since] if before else []
    population = PopulationOut(
        id=before.id if before else journal.new_id(),
        unit=unit,
        timeline=sorted([*others, declared], key=lambda spell: spell.since),
        version=before.version + 1 if before else 1,
        recorded_at=journal.now(),
    )
    row = (population.id, unit, to_json(population.timeline).decode(), population.version, population.recorded_at)
    data = PopulationDeclared(timeline=population.timeline)
    if not await journal.record(
        conn, journal.Fact(data, population.id, population.version, since, unit, None), WRITE, *row
    ):
        raise Stale
    return population
