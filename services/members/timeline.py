"""Timelines: dated spells, oldest first, each holding until the next begins. Pure functions that give new ones."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, TypeVar
from uuid import UUID

from contracts.members import HouseholdSpell, MemberSpell, Spell

S = TypeVar("S", bound=Spell)
JOINED = ("began", "resumed")


def at(timeline: Sequence[S], day: date) -> S | None:
    """The spell in force on a day; None before the first."""
    return next((spell for spell in reversed(timeline) if spell.since <= day), None)


def nearest(timeline: Sequence[S], day: date) -> S:
    """The spell in force on a day, or the first if it has yet to begin."""
    return at(timeline, day) or timeline[0]


def next_after(timeline: Sequence[Spell], day: date) -> date | None:
    """The first day after `day` on which something changes."""
    return next((spell.since for spell in timeline if spell.since > day), None)


def spans(timeline: Sequence[S]) -> Iterator[tuple[S, date]]:
    """Each spell with the day on which it no longer holds."""
    yield from ((spell, following.since) for spell, following in pairwise(timeline))
    if timeline:
        yield timeline[-1], date.max


def put_right(timeline: Sequence[S], **values: Any) -> list[S]:
    """`values` held all along."""
    return [spell.model_copy(update=values) for spell in timeline]


def changed(timeline: Sequence[S], since: date, cause: str = "changed", **values: Any) -> list[S]:
    """`values` hold from `since` on, each until the day from which something else is already known of it.

    A mere change on the day on which a spell begins is part of that spell.
    """
    first = nearest(timeline, since)
    held = {name: getattr(first, name) for name in values}
    later = [spell for spell in timeline if spell.since > since]
    earlier = list(timeline[: len(timeline) - len(later)])
    fresh = first.model_copy(update={"since": since, "cause": cause, **values})
    if cause == "changed" and earlier and earlier[-1].since == since:
        fresh = earlier.pop().model_copy(update=values)
    found, carried = [*earlier, fresh], dict(values)
    for spell in later:
        carried = {name: value for name, value in carried.items() if getattr(spell, name) == held[name]}
        found.append(spell.model_copy(update=carried))
    return found


def moved_start(timeline: Sequence[S], place: int, since: date) -> list[S]:
    """The spell at `place` began on another day."""
    return [spell.model_copy(update={"since": since}) if n == place else spell for n, spell in enumerate(timeline)]


def joined(timeline: Sequence[MemberSpell], day: date) -> int:
    """Where the membership in force on a day, or the last before it, begins."""
    return max((n for n, s in enumerate(timeline) if s.cause in JOINED and s.since <= day), default=0)


def with_poverty(timeline: Sequence[MemberSpell], homes: Mapping[UUID, Sequence[HouseholdSpell]]) -> list[MemberSpell]:
    """The same with the poverty status that these households had at the time."""
    found: list[MemberSpell] = []
    for spell, until in spans(timeline):
        if spell.household and spell.household not in homes:
            found.append(spell)
            continue
        home = homes[spell.household] if spell.household else ()
        status = at(home, spell.since)
        found.append(spell.model_copy(update={"poverty_status": status.poverty_status if status else None}))
        for change in {each.since: each for each in home}.values():
            if spell.status == "active" and spell.since < change.since < until:
                news = {"since": change.since, "cause": "changed", "poverty_status": change.poverty_status}
                found.append(spell.model_copy(update=news))
    return compact(found)


def compact(timeline: Sequence[MemberSpell]) -> list[MemberSpell]:
    """The same without spells that change nothing."""
    found = list(timeline[:1])
    for spell in timeline[1:]:
        if spell.cause != "changed" or spell != found[-1].model_copy(update={"since": spell.since, "cause": "changed"}):
            found.append(spell)
    return found
