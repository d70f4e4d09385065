"""What a reorganisation of the members service makes of places here. Pure.

A household, or a branch, is told with where it was from when. What was told before and what is told now say where it is
instead, on each day; so a plan and its reversal are the same thing, and twice is once.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from contracts import catalog, units
from contracts.credit_groups import CreditGroupSpell
from contracts.event import Event
from contracts.members import BranchReorganised, HouseholdReorganised
from services.chassis.paging import fold
from services.loans.timeline import Place, at, place_on

BRANCH, HOUSEHOLD = "members.branch", "members.household"
CARRYING = {BranchReorganised.TYPE, HouseholdReorganised.TYPE}
"""Nothing else moves a household or a branch: a correction is of its address or its first day."""
EVE = timedelta(days=1)
S = TypeVar("S", Place, CreditGroupSpell)


class Where(NamedTuple):
    """A unit, and a branch in it."""

    unit: str
    branch: UUID | None


class Stay(NamedTuple):
    """Where a household or a branch was from a day on, as the members service tells it."""

    since: date
    cause: str
    unit: str
    branch: UUID | None


class Carried(NamedTuple):
    """From a day on: where a household or a branch was said to be, and where it is said to be now."""

    since: date
    before: Sequence[Stay]
    after: Sequence[Stay]


def read(raw: bytes) -> Event | None:
    """A household's or a branch's event, of which only the places are kept; None of any other.

    Raises ValueError where its contract fails.
    """
    if Event.model_validate_json(raw).kind not in (BRANCH, HOUSEHOLD):
        return None
    event = catalog.read(raw)
    if event.type not in catalog.EVENTS:
        return event
    kept = [{name: spell.get(name) for name in Stay._fields} for spell in event.data["timeline"]]
    return event.model_copy(update={"data": {"timeline": kept}})


def stays_of(subject: UUID, state: Mapping[str, Any] | None) -> list[Stay]:
    """What is kept of a household's or a branch's event; a branch is its own."""
    return [
        Stay(date.fromisoformat(s["since"]), s["cause"], s["unit"], UUID(s["branch"]) if s["branch"] else subject)
        for s in (state or {}).get("timeline", ())
    ]


def on(stays: Sequence[Stay], day: date) -> Where:
    """Where it was on a day; before the first that is told, there."""
    stay = at(stays, day) or stays[0]
    return Where(stay.unit, stay.branch)


def with_household(place: Where, before: Where, after: Where) -> Where | None:
    """Where a borrower is instead that was where its household was; of one of no branch only the unit is known."""
    if place.unit != before.unit or place.branch not in (None, before.branch):
        return None
    return Where(after.unit, place.branch and after.branch)


def exactly(place: Where, before: Where, after: Where) -> Where | None:
    """Where a group is instead that was just there."""
    return after if place == before else None


def follow(
    spells: Sequence[S], carried: Carried, rule: Callable[[Where, Where, Where], Where | None] = exactly
) -> list[S]:
    """The same with who was carried, wherever it was where the carried was; without spells that then change nothing."""
    if not carried.before or not carried.after:
        return list(spells)
    days = {carried.since, *(stay.since for stay in (*carried.before, *carried.after) if stay.since > carried.since)}
    ends = [*(spell.since for spell in spells[1:]), date.max]
    found: list[S] = []
    for spell, end in zip(spells, ends, strict=True):
        for day in _within(spell.since, end, days):
            values: dict[str, Any] = {"since": day}
            if day > spell.since and isinstance(spell, CreditGroupSpell):
                values["cause"] = "reorganised"
            place = Where(spell.unit, spell.branch)
            there = rule(place, on(carried.before, day), on(carried.after, day)) if day >= carried.since else None
            piece = spell.model_copy(update=values | (there._asdict() if there else {}))
            if not found or _said(piece) != _said(found[-1]):
                found.append(piece)
    return found


def _within(first: date, end: date, days: Iterable[date]) -> list[date]:
    """The first day, and those of these that lie between it and an end."""
    return [first, *sorted(day for day in days if first < day < end)]


def _said(spell: Place | CreditGroupSpell) -> dict[str, Any]:
    """All but when and why it begins."""
    return {**vars(spell), "since": None, "cause": None}


def follow_household(places: Sequence[Place], carried: Carried) -> list[Place]:
    """A borrower's places with its household carried. The first holds from ever, so also until a plan of before."""
    first = places[0]
    if carried.since <= first.since:
        places = [first.model_copy(update={"since": carried.since - EVE}), *places]
        found = follow(places, carried, with_household)
        return found if len(found) > 1 else [first]
    return follow(places, carried, with_household)


def arrived(place: Place, stays: Sequence[Stay]) -> list[Place]:
    """Where a household that is registered only now has lived since: reorganisations already known carried it."""
    places = [place]
    for number, stay in enumerate(stays):
        if number and stay.cause == "reorganised":
            carried = Carried(stay.since, stays[:number], stays[: number + 1])
            places = follow(places, carried, with_household)
    return places


def lead(
    spells: Sequence[CreditGroupSpell],
    since: date,
    branches: Sequence[Carried],
    before: Sequence[Sequence[Place]],
    after: Sequence[Sequence[Place]],
    homes: Mapping[UUID, Sequence[Stay]],
) -> tuple[list[CreditGroupSpell], bool | None]:
    """A group after branches, and its households (from these places to those), were carried on a day.

    It goes with its branch; but where all its households went to one place, it is there. Its households are those that
    were of its branch, or of a group of no branch in its commune, on the eve; of a group formed since, all. `homes`:
    where branches are told to be now. With it, whether nobody can tell where it is; None: nothing is told of that.
    """
    eve = at(spells, since - EVE)
    group = eve or spells[0]
    was: set[Where | None] = set()
    now: set[Where | None] = set()
    for lived, lives in zip(before, after, strict=True):
        first, old, new = place_on(lived, since - EVE), place_on(lived, since), place_on(lives, since)
        if group.branch is None:
            if eve is None or first.unit == group.unit:
                was.add(Where(old.unit, None))
                now.add(Where(new.unit, None))
        elif first.branch in (None, group.branch) or (eve is None and group.branch in (old.branch, new.branch)):
            was.add(_beside(old, group.branch))
            now.add(_beside(new, group.branch))
    led = list(spells)
    for carried in branches:
        led = follow(led, carried)
    return _led(led, since, was, now, homes), None if was == now else len(now) > 1


def _beside(place: Place, branch: UUID) -> Where | None:
    """Where somebody is that is not with a branch, wherever that is."""
    return None if place.branch in (None, branch) else Where(place.unit, place.branch)


def _led(
    spells: list[CreditGroupSpell],
    since: date,
    before: Collection[Where | None],
    after: Collection[Where | None],
    homes: Mapping[UUID, Sequence[Stay]],
) -> list[CreditGroupSpell]:
    """A group whose households were in these places, and are in those: where they all are, if it was with them.

    None is a place with its branch. Where all are back where they were on the eve, so is the group: whoever said that
    the plan took it elsewhere.
    """
    if len(after) != 1:
        return spells
    (there,) = after
    eve, now = at(spells, since - EVE), at(spells, since) or spells[0]
    group, here = eve or spells[0], Where(now.unit, now.branch)

    def is_at(place: Where | None) -> bool:
        return here.branch == group.branch if place is None else here == place

    home = group.branch is not None and homes.get(group.branch)
    back = there is None or (group.branch is None and there.unit == group.unit)
    undone = eve is not None and back and (now.since, now.cause) == (since, "reorganised")
    if is_at(there) or not (undone or any(map(is_at, before))):
        return spells
    to = there or Where(on(home, since).unit if home else group.unit, group.branch)
    return follow(spells, Carried(since, [Stay(since, "", *here)], [Stay(since, "", *to)]))


def renamed(name: str, taken: Collection[str], old: str, unit: str) -> str:
    """What a group is called that comes from an old unit: with a name that is taken there, by the old unit's too.

    Back where it took that name, it gives it up. `taken` are folded.
    """
    known = units.known()
    own = name.partition(f" ({known[unit].name or unit}")[0]
    longer = f"{name} ({known[old].name or old}"
    choice = (own, name, f"{longer})", *(f"{longer} {number})" for number in range(2, len(taken) + 3)))
    return next(each for each in choice if fold(each) not in taken)


def rounds(subjects: Sequence[tuple[UUID, date]]) -> Iterator[list[int]]:
    """Which of these changes, each of a subject and a plan's day, are made at once: the next of each, a day's."""
    found: dict[tuple[int, date], list[int]] = {}
    times: dict[UUID, int] = {}
    for number, (subject, since) in enumerate(subjects):
        times[subject] = times.get(subject, 0) + 1
        found.setdefault((times[subject], since), []).append(number)
    yield from (found[key] for key in sorted(found))
