"""What the units that go had declared of their women: of whole units it adds up, of parts nobody can say."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from contracts.members import PopulationSpell
from services.members.populations.schemas import PopulationOut
from services.members.reorganisations.schemas import PlanIn
from services.members.timeline import at


class Women(NamedTuple):
    """What a unit begins with (None: it must be declared anew), and of which units, of which nobody had said."""

    to: str
    origins: list[str]
    women_18: int | None
    undeclared: list[str]


def women(plan: PlanIn, told: Iterable[PopulationOut]) -> list[Women]:
    """Of each unit that others go into: the sum of what they, and it, had declared if they go whole.

    A unit that goes on after some of it has gone must declare anew, too.
    """
    eve = plan.effective_on - timedelta(days=1)
    declared = {each.unit: spell.women_18 for each in told if (spell := at(each.timeline, eve))}
    gone = {mapping.origin for mapping in plan.mappings if mapping.extent == "whole"}
    into: dict[str, list[str]] = defaultdict(list)
    for mapping in plan.mappings:
        into[mapping.to].append(mapping.origin)
    parted = {origin for origins in into.values() for origin in origins} - gone
    found = []
    for to in sorted({*into, *(origin for origin in parted if "@" not in origin)}):
        origins = into[to]
        known = [declared[unit] for unit in {*origins, to} - ({to} & gone) if unit in declared]
        whole = to not in parted and gone >= {*origins} and any(origin in declared for origin in origins)
        undeclared = [origin for origin in origins if origin not in declared]
        found.append(Women(to, origins, sum(known) if whole else None, undeclared))
    return found


def carried(plan: PlanIn, told: Sequence[PopulationOut]) -> dict[str, list[PopulationSpell]]:
    """The timelines that change, by unit. What a unit declared itself of the plan's day or later holds."""
    sums = {each.to: each.women_18 for each in women(plan, told) if each.women_18 is not None}
    since, there = plan.effective_on, {each.unit: each.timeline for each in told}
    to = {mapping.origin: mapping.to for mapping in plan.mappings if mapping.extent == "whole"}
    found: dict[str, list[PopulationSpell]] = {}
    for unit, number in sums.items():
        own = there.get(unit, [])
        later = [s for s in own if unit not in to and (s.since > since or (s.since == since and s.cause == "changed"))]
        fresh = [] if later and later[0].since == since else [spell_of(unit, since, number)]
        found[unit] = [*_before(own, since), *fresh, *later]
    for unit, timeline in there.items():
        if unit in to and unit not in found:
            heir = to[unit] if to[unit] in sums else None
            found[unit] = [*_before(timeline, since), spell_of(unit, since, 0, heir)]
        elif (heir := timeline[-1].heir) in to and to[heir] in sums and unit not in found:
            found[unit] = [*timeline[:-1], timeline[-1].model_copy(update={"heir": to[heir]})]
    return found


def _before(timeline: Sequence[PopulationSpell], since: date) -> Iterator[PopulationSpell]:
    yield from (spell for spell in timeline if spell.since < since)


def spell_of(unit: str, since: date, number: int, heir: str | None = None) -> PopulationSpell:
    """So many women, from a plan's day on."""
    return PopulationSpell(since=since, cause="reorganised", unit=unit, women_18=number, heir=heir)


def touched(plan: PlanIn) -> set[str]:
    """The units whose declarations a plan touches."""
    return {unit for mapping in plan.mappings for unit in (mapping.origin, mapping.to)}
