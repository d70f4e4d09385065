"""Writes of populations."""

from collections.abc import Mapping, Sequence
from datetime import date

from pydantic_core import to_json

from contracts import units
from contracts.members import PopulationDeclared, PopulationReorganised, PopulationSpell, PopulationState
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
    """Record what holds from `since` until the next declaration; said again, it replaces. 404 outside `reach`, 422 in
    the future, or when the unit was no more."""
    if unit not in reach or unit == units.province_of(unit):
        raise NotFound
    last = units.known()[unit].valid_to
    if since > today():
        raise invalid("path:since", "future", "Không được ở tương lai", "May not lie in the future")
    declared = PopulationSpell(since=since, cause="changed", unit=unit, women_18=body.women_18)
    before = await queries.locked(conn, unit)
    gone = before is not None and any(spell.heir and spell.since <= since for spell in before.timeline)
    if gone or (last and since > last):
        raise invalid("path:since", "after_end", "Khi đó đơn vị không còn", "The unit was no more by then")
    others = [spell for spell in before.timeline if spell.since != since] if before else []
    population = _told(before, unit, sorted([*others, declared], key=lambda spell: spell.since))
    if not await journal.record(conn, _fact(population, PopulationDeclared, since), WRITE, *_row(population)):
        raise Stale
    return population


async def carry(
    conn: Connection, news: Mapping[str, list[PopulationSpell]], told: Sequence[PopulationOut], since: date
) -> list[PopulationOut]:
    """Write the timelines that units have by a reorganisation, of which `told` is what is there; nobody else writes."""
    before = {each.unit: each for each in told}
    after = [_told(before.get(unit), unit, spells) for unit, spells in news.items()]
    await conn.executemany(WRITE, [_row(each) for each in after])
    await journal.append(conn, *(_fact(each, PopulationReorganised, since) for each in after))
    return after


def _told(before: PopulationOut | None, unit: str, spells: list[PopulationSpell]) -> PopulationOut:
    return PopulationOut(
        id=before.id if before else journal.new_id(),
        unit=unit,
        timeline=spells,
        version=before.version + 1 if before else 1,
        recorded_at=journal.now(),
    )


def _row(each: PopulationOut) -> tuple[object, ...]:
    return each.id, each.unit, to_json(each.timeline).decode(), each.version, each.recorded_at


def _fact(each: PopulationOut, event: type[PopulationState], since: date) -> journal.Fact:
    return journal.Fact(event(timeline=each.timeline), each.id, each.version, since, each.unit, None)
