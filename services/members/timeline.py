"""Timelines: dated spells, oldest first, each holding until the next begins. Pure functions that give new ones."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, TypeVar
from uuid import UUID

from contracts.members import BranchSpell, GroupSpell, HouseholdSpell, MemberSpell, Spell

S = TypeVar("S", bound=Spell)
P = TypeVar("P", GroupSpell, HouseholdSpell, MemberSpell)
Part = GroupSpell | HouseholdSpell
JOINED = ("began", "resumed")
PASSAGES = ("moved", "resumed", "ended")
"""What somebody did, and can be taken back."""
PLACE = ("unit", "branch", "group", "household")


def at(timeline: Sequence[S], day: date) -> S | None:
    """The spell in force on a day; None before the first."""
    return next((spell for spell in reversed(timeline) if spell.since <= day), None)


def nearest(timeline: Sequence[S], day: date) -> S:
    """The spell in force on a day, or the first if it has yet to begin."""
    return at(timeline, day) or timeline[0]


def done_last(timeline: Sequence[Spell]) -> date:
    """The day of the last thing that was done, not only undergone by a reorganisation."""
    return max(spell.since for spell in timeline if spell.cause != "reorganised")


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
    later = [spell for spell in timeline if spell.since > since]
    earlier = list(timeline[: len(timeline) - len(later)])
    fresh = first.model_copy(update={"since": since, "cause": cause, **values})
    if cause == "changed" and earlier and earlier[-1].since == since:
        fresh = earlier.pop().model_copy(update=values)
    return [*earlier, fresh, *_carried(later, first, values)]


def without(timeline: Sequence[S], number: int) -> list[S]:
    """The same as if the spell `number` (not the first) had never begun."""
    before, gone = timeline[number - 1 : number + 1]
    values = before.model_dump(exclude={"since", "cause"})
    return [*timeline[:number], *_carried(timeline[number + 1 :], gone, values)]


def _carried(later: Sequence[S], held: S, values: Mapping[str, Any]) -> Iterator[S]:
    """Later spells with these values instead of those `held`, each until one says otherwise.

    Who moves or comes back says where to: her place is not carried on from before.
    """
    for spell in later:
        values = {
            name: value
            for name, value in values.items()
            if getattr(spell, name) == getattr(held, name) and (name not in PLACE or spell.cause not in PASSAGES[:2])
        }
        yield spell.model_copy(update=values)


def stays(timeline: Sequence[MemberSpell], day: date) -> bool:
    """Whether nothing is known of another place after a day but where reorganisations took her."""
    known = [nearest(timeline, day), *(spell for spell in timeline if spell.since > day)]
    return all(
        spell.cause == "reorganised" or all(getattr(spell, name) == getattr(before, name) for name in PLACE[1:])
        for before, spell in pairwise(known)
    )


def stay(timeline: Sequence[MemberSpell], day: date) -> MemberSpell:
    """Where she who was in a place on a day is, or was until she did something: reorganisations took her along."""
    last = nearest(timeline, day)
    for spell in timeline:
        if spell.since > day:
            if spell.cause in PASSAGES[:2]:
                break
            last = spell
    return last


def settled(timeline: Sequence[MemberSpell], day: date) -> list[MemberSpell]:
    """The same as if she had stayed where she was on a day; `placed` says what reorganisations make of that."""
    here = {name: getattr(nearest(timeline, day), name) for name in PLACE}
    return [spell.model_copy(update=here) if spell.since > day else spell for spell in timeline]


def taken_over(timeline: Sequence[MemberSpell], other: Sequence[MemberSpell]) -> list[MemberSpell]:
    """The membership with that of another record for the days before it."""
    first = timeline[0]
    earlier = [spell for spell in other if spell.since < first.since]
    if not earlier:
        return list(timeline)
    last = earlier[-1]
    cause = "resumed" if last.status != "active" else "changed" if last.branch == first.branch else "moved"
    return compact([*earlier, first.model_copy(update={"cause": cause}), *timeline[1:]])


def given_back(timeline: Sequence[MemberSpell], since: date) -> list[MemberSpell]:
    """The membership from a day on, as if it had begun then."""
    later = [spell for spell in timeline if spell.since >= since]
    first = at(timeline, since)
    if first is not None and (not later or later[0].since > since):
        later.insert(0, first.model_copy(update={"since": since}))
    return [spell.model_copy(update={"cause": "began"}) if n == 0 else spell for n, spell in enumerate(later)]


def moved_start(timeline: Sequence[S], place: int, since: date) -> list[S]:
    """The spell at `place` began on another day."""
    return [spell.model_copy(update={"since": since}) if n == place else spell for n, spell in enumerate(timeline)]


def carried(timeline: Sequence[S], since: date, of: Mapping[str, Any], **values: Any) -> list[S]:
    """What is `of` these values on a day and later is carried over to others: by a reorganisation of that day."""

    def goes(spell: S) -> bool:
        return all(getattr(spell, name) == value for name, value in of.items())

    found: list[S] = []
    for spell, until in spans(timeline):
        if not goes(spell) or spell.since < since >= until:
            found.append(spell)
        elif spell.since >= since:
            cause = "reorganised" if (spell.since, spell.cause) == (since, "changed") else spell.cause
            found.append(spell.model_copy(update={"cause": cause, **values}))
        else:
            found += [spell, spell.model_copy(update={"since": since, "cause": "reorganised", **values})]
    return found


def placed(timeline: Sequence[P], branches: Mapping[UUID, Sequence[BranchSpell]]) -> list[P]:
    """The same in the units where these branches were at the time: who stays in a branch goes where it is carried.

    Inside a branch the unit changes by nothing else: a change of that day is part of it.
    """
    found: list[P] = []
    for spell, until in spans(timeline):
        there = branches.get(spell.branch)
        if there is None:
            found.append(spell)
            continue
        unit, cause = nearest(there, spell.since).unit, spell.cause
        if found and found[-1].branch == spell.branch and cause in ("changed", "reorganised"):
            cause = "changed" if found[-1].unit == unit else "reorganised"
        same = (spell.unit, spell.cause) == (unit, cause)
        found.append(spell if same else spell.model_copy(update={"unit": unit, "cause": cause}))
        for move in there:
            if spell.since < move.since < until and move.unit != found[-1].unit:
                news = {"since": move.since, "cause": "reorganised", "unit": move.unit}
                found.append(spell.model_copy(update=news))
    return found


def followed(timeline: Sequence[MemberSpell], parts: Mapping[UUID, Sequence[Part]]) -> list[MemberSpell]:
    """The same carried along with its last household, or group, into the branch that a reorganisation took that to.

    A group that went another way than she is hers no more.
    """
    spells, last = list(timeline), timeline[-1]
    for name in (last.household, last.group):
        for before, part in pairwise(parts.get(name, ()) if name else ()):
            if part.cause == "reorganised" and part.branch != before.branch:
                spells = carried(spells, part.since, {"branch": before.branch}, branch=part.branch)
    return [
        spell.model_copy(update={"group": None})
        if spell.group and spell.group in parts and nearest(parts[spell.group], spell.since).branch != spell.branch
        else spell
        for spell in spells
    ]


def uncarried(timeline: Sequence[S], place: int, since: date) -> list[S]:
    """The same without what reorganisations alone did between the spell at `place` and the day it will begin on."""
    found: list[S] = []
    for number, spell in enumerate(timeline):
        alone = number > place and spell.cause == "reorganised" and spell.since <= since
        if not alone or _but_for_place(spell) != _but_for_place(timeline[number - 1]):
            found.append(spell)
    return found


def _but_for_place(spell: Spell) -> dict[str, Any]:
    return spell.model_dump(exclude={"since", "cause", *PLACE[:3]})


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
        status = (held := at(home, spell.since)) and held.poverty_status
        found.append(spell if spell.poverty_status == status else spell.model_copy(update={"poverty_status": status}))
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
