"""Declared women under reorganisations, on both maps: recounted on every day, and none lost where units go whole."""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from contracts.members import PopulationSpell
from services.members.populations.schemas import PopulationOut
from services.members.reorganisations.schemas import Mapping, PlanIn
from services.members.reorganisations.women import carried
from services.members.timeline import at
from services.reporting.contributions.cells import Place
from services.reporting.contributions.rules import contributions, inherited

OLD = ("06688@2025-06-30", "06697@2025-06-30", "06655@2025-06-30")
NEW = ("06688", "06661", "06706")
START, REFORM, LATER, END = (date(2025, month, 1) for month in (6, 7, 8, 9))
DAYS = [START + timedelta(days=n) for n in range((END - START).days)]
declarations = st.lists(
    st.tuples(st.sampled_from((*OLD, *NEW)), st.sampled_from(DAYS), st.integers(0, 9_000)), max_size=12
)
parts = st.lists(st.sampled_from(("whole", "whole", "part")), min_size=3, max_size=3)


def told(timelines: dict[str, list[PopulationSpell]]) -> list[PopulationOut]:
    """What units have declared, as the service keeps it."""
    now = datetime(2025, 9, 1)  # noqa: DTZ001  # of no account
    return [
        PopulationOut(id=UUID(int=0), unit=unit, timeline=spells, version=1, recorded_at=now)
        for unit, spells in timelines.items()
    ]


def counted(timelines: dict[str, list[PopulationSpell]], *, now: bool) -> dict[date, Counter[str]]:
    """Women by unit on every day, as reporting adds them up."""
    grown: dict[tuple[str, date], int] = Counter()
    for unit, spells in timelines.items():
        state: dict[str, Any] = {"timeline": [spell.model_dump(mode="json") for spell in spells]}
        here = Place(unit, None)
        rules = (contributions, inherited) if now else (contributions,)
        for rule in rules:
            for (cell, place), value in rule("members.population", state, here).items():
                assert cell.on is not None
                grown[place.unit, cell.on] += value
    found = {}
    for day in DAYS:
        sums = Counter[str]()
        for (unit, on), value in grown.items():
            sums[unit] += value if on <= day else 0
        found[day] = sums
    return found


@given(declarations, parts, st.sampled_from(NEW), st.sampled_from(NEW))
def test_declared_women_are_counted_on_both_maps(
    said: list[tuple[str, date, int]], extents: list[Any], origin: str, to: str
) -> None:
    """Old units go into new ones, and a new one into another: both maps give the province alike on every day; a whole
    unit's past is its heir's; on the day of a plan of whole units nobody is lost."""
    timelines: dict[str, list[PopulationSpell]] = {}
    for unit, since, number in sorted(said, key=lambda each: each[1]):
        if (unit in OLD) == (since < REFORM):
            spell = PopulationSpell(since=since, cause="changed", unit=unit, women_18=number)
            timelines[unit] = [*(s for s in timelines.get(unit, []) if s.since != since), spell]
    reform = [
        Mapping(origin=old, to=new, extent=extent)
        for old, new, extent in zip(OLD, (NEW[0], NEW[0], NEW[1]), extents, strict=True)
    ]
    plans = [(REFORM, reform)]
    if origin != to:
        plans.append((LATER, [Mapping(origin=origin, to=to)]))
    for day, mappings in plans:
        before = counted(timelines, now=False)
        plan = PlanIn(name="Mẫu", decision="1", effective_on=day, mappings=mappings)
        news = carried(plan, told(timelines))
        own = {unit for unit, spells in timelines.items() for s in spells if (s.since, s.cause) == (day, "changed")}
        timelines |= news
        then, now = counted(timelines, now=False), counted(timelines, now=True)
        for on in DAYS:
            assert then[on].total() == now[on].total()
            assert on >= day or then[on] == before[on]
        if all(mapping.extent == "whole" for mapping in mappings) and not own & {m.to for m in mappings}:
            eve = day - timedelta(days=1)
            touched = {unit for mapping in mappings for unit in (mapping.origin, mapping.to)}
            assert sum(then[day][unit] for unit in touched) == sum(before[eve][unit] for unit in touched)
    heirs = {unit: spells[-1].heir or unit for unit, spells in timelines.items()}
    for on in DAYS:
        brute = Counter[str]()
        for unit, spells in timelines.items():
            held = at(spells, on)
            brute[heirs[unit]] += held.women_18 if held and not (unit in OLD and on >= REFORM) else 0
        assert +brute == +now[on]
