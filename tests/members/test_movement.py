"""Any life through the real commands: her place on every day, what the journal counts, and what explains it."""

import json
from collections import Counter
from datetime import date, timedelta
from itertools import product
from typing import Any

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.members.households import queries as homes
from services.members.members.record import Member
from services.members.timeline import at
from services.members.transfers import queries as requests
from services.reporting.contributions.cells import Place
from services.reporting.contributions.rules import contributions
from tests.members.lives import REACH, UNITS, World

BEFORE, AHEAD = 20, 10
FLOWS = {"enrolled": 1, "rejoined": 1, "transferred_in": 1, "transferred_out": -1, "left": -1}
RECOUNT = """
with spell as (
    select member.id, number, spell ->> 'unit' as unit, spell ->> 'status' = 'active' as active,
           spell ->> 'core' = 'true' as core, (spell ->> 'since')::date as since
    from member, json_array_elements(timeline) with ordinality as spells (spell, number))
select day::date as day, unit, count(*) filter (where active) as active, count(*) filter (where active and core) as core
from generate_series($1::date, $2::date, '1 day') as day, lateral (
    select distinct on (id) * from spell where since <= day order by id, number desc) as held
group by 1, 2
"""


KINDS = [
    *("enrol", "correct", "poor", "transfer", "decide", "leave", "rejoin", "take_back", "merge", "unmerge"),
    *("reform", "undo"),
]
WEIGHTS = [1, 2, 1, 6, 3, 4, 4, 3, 2, 2, 3, 1]
kinds = st.sampled_from([kind for kind, weight in zip(KINDS, WEIGHTS, strict=True) for _ in range(weight)])


def happening(kind: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[Any, ...]]:
    """What is done, to whom, how many days after it is told, where, and a choice."""
    return st.tuples(kind, st.integers(0, 2), st.integers(-9, 6), st.integers(0, 2), st.booleans())


some = st.lists(happening(kinds), min_size=4, max_size=10)
lives = st.tuples(some, happening(st.just("reform")), some).map(lambda parts: [*parts[0], parts[1], *parts[2]])


def told(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Two members, and then one thing a day, each told as of some days before or after its own."""
    first = [("enrol", 0, 2 - BEFORE, 0, True), ("enrol", 0, 5 - BEFORE, 2, False)]
    return first + [(kind, who, 6 - BEFORE + n + lag, *rest) for n, (kind, who, lag, *rest) in enumerate(found)]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives.map(told))
async def test_whatever_happens_every_day_and_unit_is_right(url: str, steps: list[tuple[Any, ...]]) -> None:
    """Past and future, before and after reorganisations, told in any order and taken back: she is where she should be,
    in the unit where her branch was; the journal's last states count what the tables recount; enrolled + rejoined +
    in - out - left explains every change of the active in a commune that is not reorganised, and of all together."""
    conn = await asyncpg.connect(url)
    transaction = conn.transaction()
    await transaction.start()
    try:
        world = World(conn)
        await world.begin()
        for step in steps:
            await world.step(*step)
        assert await _unlike(world) == []
    finally:
        await transaction.rollback()
        await conn.close()


async def _unlike(world: World) -> list[str]:
    """Whatever is not as it should be."""
    days = [world.day + timedelta(days=offset) for offset in range(-BEFORE - 4, AHEAD + 1)]
    home = (await homes.get(world.conn, REACH, world.home)).timeline
    found = []
    for row in await world.conn.fetch("select * from member"):
        life, spells = world.lives[row["id"]], Member.of(row).timeline
        if not (row["status"] == "merged") == life.merged == (spells == []):
            found.append(f"{row['id']} is {row['status']}")
        if row["unit"] != world.unit(row["branch"]):
            found.append(f"{row['id']} ({row['status']}) is in {row['unit']}, her branch is not")
        if (await requests.last(world.conn, row["id"], "requested") is None) != (life.asked is None):
            found.append(f"{row['id']}: a request")
        for day in days:
            held = at(spells, day)
            if (held.branch if held and held.status == "active" else None) != life.on(day):
                found.append(f"{row['id']} on {day}: {held}, not {life.on(day)}")
            if held and held.unit != world.unit(held.branch, day):
                found.append(f"{row['id']} on {day}: {held.unit}, not {world.unit(held.branch, day)}")
            there = at(home, day) if held and held.household else None
            if held and held.status == "active" and held.poverty_status != (there and there.poverty_status):
                found.append(f"{row['id']} on {day}: {held.poverty_status}")
    return found + await _uncounted(world, days)


async def _uncounted(world: World, days: list[date]) -> list[str]:
    """Where the journal's last states do not count what the tables recount, or flows do not explain stocks."""
    counted: Counter[tuple[str, str, date]] = Counter()
    for row in await world.conn.fetch("select distinct on (subject) * from journal order by subject, version desc"):
        kind = ".".join(row["type"].split(".")[2:4])
        here = Place(row["unit"], row["branch"])
        for (cell, place), value in contributions(kind, json.loads(row["data"]), here).items():
            if cell.on is not None:
                counted[cell.measure.removeprefix("members."), place.unit, cell.on] += value
    recount = {
        (name, row["unit"], row["day"]): row[name]
        for row in await world.conn.fetch(RECOUNT, days[0], days[-1])
        for name in ("active", "core")
    }
    found, stock, reformed = [], Counter[tuple[str, str]](), {plan.effective_on for plan, _ in world.plans}
    for day in days:
        grown, flows = Counter[str](), Counter[str]()
        for unit, name in product(UNITS, ("active", "core")):
            value = counted[name, unit, day]
            stock[name, unit] += value
            grown[unit] += value if name == "active" else 0
            if stock[name, unit] != recount.get((name, unit, day), 0):
                found.append(f"{name} {unit} {day}: {stock[name, unit]}, not {recount.get((name, unit, day), 0)}")
        for unit, (name, sign) in product(UNITS, FLOWS.items()):
            flows[unit] += sign * counted[name, unit, day]
        if grown.total() != flows.total() or (day not in reformed and any(grown[u] != flows[u] for u in UNITS)):
            found.append(f"{day}: {grown}, but flows {flows}")
    return found
