"""What one entity's state adds to the figures: a pure function, so a figure is a sum and can be recounted.

A change adds `f(after) - f(before)`. Each part falls on a day and counts in a place:

- what changes with time is a timeline of dated spells: a stock begins with a spell and ends with the next, a flow is
  the passage from one to the other, each in the unit and branch of its spell. News of the past, of a transfer, of a
  mistake puts every day right. A loan's spells reach into the future: what is owed after its due day is overdue;
- what falls on one day (money, an application) is dated itself, and counts in the place of that day.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise

from contracts import catalog, units
from contracts.event import Event
from services.reporting.contributions import lending
from services.reporting.contributions.cells import (
    FOR_EVER,
    Cell,
    Counted,
    Parts,
    Place,
    State,
    day,
    place_of,
    split,
    stocks,
)

KINH = "01"
LEVELS = ("province", "commune", "branch", "group")
ESCAPED = {"newly_escaped", "average", "other"}
DISTINCT = {"loans.disbursed_households", "loans.disbursed_households_by_programme"}
"""Measures of distinct entities in a period: summed from the log, never rolled up."""


def _member(state: State, _: Place) -> Parts:
    timeline, born = state["timeline"], ("birth_year", str(state.get("birth_year") or ""))

    def counted(spell: State) -> Iterator[Counted]:
        if spell["status"] != "active":
            return
        ethnicity = ("ethnicity", spell["ethnicity"])
        poverty = ("poverty_status", spell.get("poverty_status") or "")
        yield "members.active", (ethnicity, born, poverty, ("kind", spell["kind"])), 1
        if ethnicity[1] != KINH:
            yield "members.minority", (ethnicity,), 1
        if spell["core"]:
            yield "members.core", (), 1
        if spell["kind"] == "honorary":
            yield "members.honorary", (), 1

    yield from stocks(timeline, counted)
    if timeline:
        dims = (("ethnicity", timeline[0]["ethnicity"]), born)
        yield Cell("members.enrolled", dims, day(timeline[0]["since"])), place_of(timeline[0]), 1
    yield from _passages(timeline)
    if roles := state.get("roles"):
        yield from _officer(timeline, roles)
    if fees := state.get("fees"):
        yield from _fees(timeline, fees)


def _officer(timeline: list[State], roles: list[State]) -> Parts:
    """An officer counts once, at the highest level of the offices she holds where she is a member."""

    def counted(spell: State) -> Iterator[Counted]:
        here = {units.province_of(spell["unit"]), spell["unit"], spell["branch"], spell.get("group")}
        levels = {
            role["level"]
            for role in roles
            if role["since"] <= spell["since"] < (role.get("until") or FOR_EVER) and role["place"] in here
        }
        if levels and spell["status"] == "active":
            yield "members.officers", (("level", min(levels, key=LEVELS.index)),), 1

    days = {on for role in roles for on in (role["since"], role.get("until")) if on}
    yield from stocks(split(timeline, days), counted)


def _fees(timeline: list[State], fees: list[State]) -> Parts:
    """Who has paid counts from then, or from the year's first day, to the year's end while she is a member."""
    paid = [
        (max(fee["on"], f"{fee['year']}-01-01"), f"{fee['year'] + 1}-01-01")
        for fee in fees
        if fee["standing"] == "paid"
    ]

    def counted(spell: State) -> Iterator[Counted]:
        if spell["status"] == "active" and any(first <= spell["since"] < after for first, after in paid):
            yield "members.fee_paid", (), 1

    yield from stocks(split(timeline, {on for span in paid for on in span}), counted)


def _passages(timeline: list[State]) -> Parts:
    """Leaving, coming back, and moving from one commune to another."""
    for before, spell in pairwise(timeline):
        on = day(spell["since"])
        if spell["cause"] == "ended" and before["status"] == "active":
            reason = (("leaving_reason", spell.get("leaving_reason") or ""),)
            yield Cell("members.left", reason, on), place_of(before), 1
        elif spell["cause"] == "resumed":
            yield Cell("members.rejoined", (), on), place_of(spell), 1
        elif spell["cause"] == "moved" and before["unit"] != spell["unit"]:
            yield Cell("members.transferred_out", (), on), place_of(before), 1
            yield Cell("members.transferred_in", (), on), place_of(spell), 1


def _household(state: State, _: Place) -> Parts:
    timeline = state["timeline"]

    def counted(spell: State) -> Iterator[Counted]:
        status = spell.get("poverty_status") or ""
        yield "members.households", (("poverty_status", status),), 1
        if status == "poor":
            yield "members.households_poor", (), 1

    yield from stocks(timeline, counted)
    for before, spell in pairwise(timeline):
        if before.get("poverty_status") in ("poor", "near_poor") and spell.get("poverty_status") in ESCAPED:
            yield Cell("members.households_escaped_poverty", (), day(spell["since"])), place_of(spell), 1


def _branch(state: State, here: Place) -> Parts:
    """A branch is its own place."""

    def counted(spell: State) -> Iterator[Counted]:
        if spell["open"]:
            yield "members.branches", (("kind", spell["kind"]),), 1

    for cell, place, value in stocks(state["timeline"], counted):
        yield cell, Place(place.unit, here.branch), value


def _group(state: State, _: Place) -> Parts:
    def counted(spell: State) -> Iterator[Counted]:
        if spell["open"]:
            yield "members.groups", (), 1

    yield from stocks(state["timeline"], counted)


def _population(state: State, _: Place) -> Parts:
    """What a commune declares holds while it is in force: its successors declare anew."""
    timeline = state["timeline"]
    last = units.known()[timeline[0]["unit"]].valid_to
    if last is not None:
        held = [spell for spell in timeline if spell["since"] <= str(last)]
        timeline = [*held, {**timeline[0], "since": str(last + timedelta(days=1)), "women_18": 0}]

    def counted(spell: State) -> Iterator[Counted]:
        if spell["women_18"]:
            yield "members.women_18", (), spell["women_18"]

    yield from stocks(timeline, counted)


KINDS: dict[str, Callable[[State, Place], Parts]] = {
    "members.member": _member,
    "members.household": _household,
    "members.branch": _branch,
    "members.group": _group,
    "members.population": _population,
    **lending.KINDS,
}


def read(raw: bytes) -> Event:
    """An event that can be counted. Raises ValueError where its contract fails, or its units are not on the map in use.

    What cannot be read is parked, and counted by a redrive once a reader with the newer map or contract runs.
    """
    event = catalog.read(raw)
    if event.kind in KINDS:
        for code in {event.unit, *(spell["unit"] for spell in event.data.get("timeline", ()))}:
            unit = units.known().get(code)
            if unit is None or code not in units.subtree(units.province_of(code)):
                raise ValueError(f"unit {code} is not on the map")
            if unit.parent is None:
                raise ValueError(f"unit {code} is a province: {event.kind} counts in a commune")
    return event


def contributions(kind: str, state: State | None, here: Place) -> dict[tuple[Cell, Place], int]:
    """What an entity of `kind` in `state` contributes, where it does not say itself in `here`."""
    if state is None or kind not in KINDS:
        return {}
    parts = [((cell, place), value) for cell, place, value in KINDS[kind](state, here)]
    found = dict(parts)
    if len(found) < len(parts):
        found = dict.fromkeys(found, 0)
        for where, value in parts:
            found[where] += value
    return found


def inherited(kind: str, state: State | None, here: Place) -> dict[tuple[Cell, Place], int]:
    """What counts in another branch on today's map than then, there and (negative) here: of who left it by a split.

    What happened in a branch counts where the branch is now; but of those whom a reorganisation carried into another
    branch, in that one. What a unit declared counts in the one it went into whole.
    """
    if state is None or "timeline" not in state:
        return {}
    if kind == "members.population":
        return _of_heir(state, here)
    timeline = _with_heirs(state["timeline"])
    if timeline is None:
        return {}
    found = contributions(kind, {**state, "timeline": timeline}, here)
    for place, value in contributions(kind, state, here).items():
        found[place] = found.get(place, 0) - value
    return found


def _with_heirs(timeline: list[State]) -> list[State] | None:
    """The same with the branch in which each spell counts on today's map as its `heir_branch`; None if none differs."""
    if not any(spell["cause"] == "reorganised" for spell in timeline[1:]) or "branch" not in timeline[0]:
        return None
    heir, found = timeline[-1]["branch"], [timeline[-1]]
    for following, spell in pairwise(reversed(timeline)):
        if following["branch"] != spell["branch"] and following["cause"] != "reorganised":
            heir = spell["branch"]
        found.append({**spell, "heir_branch": heir})
    return found[::-1] if any(spell.get("heir_branch", spell["branch"]) != spell["branch"] for spell in found) else None


def _of_heir(state: State, here: Place) -> dict[tuple[Cell, Place], int]:
    """All that a unit declared, in the one it went into instead of its own."""
    heir = state["timeline"][-1].get("heir")
    parts = contributions("members.population", state, here) if heir else {}
    there = {(cell, Place(heir, None)): value for (cell, _), value in parts.items()}
    return there | {where: -value for where, value in parts.items()}
