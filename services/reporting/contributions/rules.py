"""What one entity's state adds to the figures: a pure function, so a figure is a sum and can be recounted.

A change adds `f(after) - f(before)`. Each part falls on a day and counts in a place:

- what changes with time is a timeline of dated spells: a stock begins with a spell and ends with the next, a flow is
  the passage from one to the other, each in the unit and branch of its spell. News of the past, of a transfer, of a
  mistake puts every day right. A loan's spells reach into the future: what is owed after its due day is overdue;
- what falls on one day (money, an application) is dated itself, and counts in the place of that day.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from contracts import catalog, units
from contracts.event import Event

KINH = "01"
LEVELS, FOR_EVER = ("province", "commune", "branch", "group"), "9999-12-31"
ESCAPED = {"newly_escaped", "average", "other"}
COLLECTED = "loans.collected_principal"
DISTINCT = {"loans.disbursed_households", "loans.disbursed_households_by_programme"}
"""Measures of distinct entities in a period: summed from the log, never rolled up."""
State = Mapping[str, Any]


class Cell(NamedTuple):
    """Where a value counts: measure, breakdown (name, category) pairs, and which day it falls on.

    `previous` marks a measure of distinct entities: it counts in a period only if `previous` lies before the period.
    """

    measure: str
    dims: tuple[tuple[str, str], ...]
    on: date
    previous: date | None = None


class Place(NamedTuple):
    """The unit and branch something counts in."""

    unit: str
    branch: UUID | None


Part = tuple[Cell, Place, int]
Parts = Iterator[Part]
Counted = tuple[str, tuple[tuple[str, str], ...], int]
"""A measure and breakdown that one spell counts in, and how much."""
day = lru_cache(maxsize=65_536)(date.fromisoformat)
branch_of = lru_cache(maxsize=65_536)(UUID)


def _place(spell: State) -> Place:
    branch = spell.get("heir_branch") or spell.get("branch")
    return Place(spell["unit"], branch_of(branch) if branch else None)


def _stocks(timeline: list[State], counted: Callable[[State], Iterator[Counted]]) -> Parts:
    """Each spell counts from its first day on, until the next begins."""
    for number, spell in enumerate(timeline, 1):
        place, since = _place(spell), day(spell["since"])
        until = day(timeline[number]["since"]) if number < len(timeline) else None
        for measure, dims, value in counted(spell):
            yield Cell(measure, dims, since), place, value
            if until is not None:
                yield Cell(measure, dims, until), place, -value


def _split(timeline: list[State], days: Iterable[str]) -> list[State]:
    """The same with a spell beginning on each of these days."""
    cut = [*timeline, *({**spell, "since": on} for on in days if (spell := _at(timeline, on)) is not None)]
    return sorted(cut, key=lambda spell: str(spell["since"]))


def _place_on(timeline: list[State], on: str) -> Place:
    return _place(_at(timeline, on) or timeline[0])


def _at(timeline: list[State], on: str) -> State | None:
    return next((spell for spell in reversed(timeline) if spell["since"] <= on), None)


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

    yield from _stocks(timeline, counted)
    if timeline:
        dims = (("ethnicity", timeline[0]["ethnicity"]), born)
        yield Cell("members.enrolled", dims, day(timeline[0]["since"])), _place(timeline[0]), 1
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
    yield from _stocks(_split(timeline, days), counted)


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

    yield from _stocks(_split(timeline, {on for span in paid for on in span}), counted)


def _passages(timeline: list[State]) -> Parts:
    """Leaving, coming back, and moving from one commune to another."""
    for before, spell in pairwise(timeline):
        on = day(spell["since"])
        if spell["cause"] == "ended" and before["status"] == "active":
            reason = (("leaving_reason", spell.get("leaving_reason") or ""),)
            yield Cell("members.left", reason, on), _place(before), 1
        elif spell["cause"] == "resumed":
            yield Cell("members.rejoined", (), on), _place(spell), 1
        elif spell["cause"] == "moved" and before["unit"] != spell["unit"]:
            yield Cell("members.transferred_out", (), on), _place(before), 1
            yield Cell("members.transferred_in", (), on), _place(spell), 1


def _household(state: State, _: Place) -> Parts:
    timeline = state["timeline"]

    def counted(spell: State) -> Iterator[Counted]:
        status = spell.get("poverty_status") or ""
        yield "members.households", (("poverty_status", status),), 1
        if status == "poor":
            yield "members.households_poor", (), 1

    yield from _stocks(timeline, counted)
    for before, spell in pairwise(timeline):
        if before.get("poverty_status") in ("poor", "near_poor") and spell.get("poverty_status") in ESCAPED:
            yield Cell("members.households_escaped_poverty", (), day(spell["since"])), _place(spell), 1


def _branch(state: State, here: Place) -> Parts:
    """A branch is its own place."""

    def counted(spell: State) -> Iterator[Counted]:
        if spell["open"]:
            yield "members.branches", (("kind", spell["kind"]),), 1

    for cell, place, value in _stocks(state["timeline"], counted):
        yield cell, Place(place.unit, here.branch), value


def _loan(state: State, _: Place) -> Parts:
    timeline = state["timeline"]
    programme = ("programme", state["programme"])
    source = ("capital_source", state["capital_source"])

    def counted(spell: State) -> Iterator[Counted]:
        if outstanding := spell["in_term"] + spell["overdue"] + spell["frozen"]:
            yield "loans.outstanding", (programme, source), outstanding
        if spell["overdue"]:
            yield "loans.overdue", (programme,), spell["overdue"]
        if spell["frozen"]:
            yield "loans.frozen", (programme,), spell["frozen"]

    yield from _stocks(timeline, counted)
    flows = {"disbursed": ("loans.disbursed_amount", (programme, source)), "repaid": (COLLECTED, (programme,))}
    for flow in state["flows"]:
        if found := flows.get(flow["kind"]):
            yield Cell(*found, day(flow["on"])), _place_on(timeline, flow["on"]), flow["amount"]


def _borrower(state: State, _: Place) -> Parts:
    """A household counts once however many loans it has, and in a period once however often it received money."""
    timeline = state["timeline"]

    def counted(spell: State) -> Iterator[Counted]:
        if spell["owing"]:
            yield "loans.borrowers", (("poverty_status", spell.get("poverty_status") or ""),), 1
        if spell["overdue"]:
            yield "loans.overdue_borrowers", (), 1

    yield from _stocks(timeline, counted)
    days: dict[str, set[str]] = {"": set()}
    for disbursement in state["disbursements"]:
        days[""].add(disbursement["on"])
        days.setdefault(disbursement["programme"], set()).add(disbursement["on"])
    for programme, on in days.items():
        measure = "loans.disbursed_households" + ("_by_programme" if programme else "")
        dims = (("programme", programme),) if programme else ()
        previous = None
        for current in sorted(on):
            yield Cell(measure, dims, day(current), previous), _place_on(timeline, current), 1
            previous = day(current)


def _application(state: State, here: Place) -> Parts:
    """Counts on the day it was made, by what has become of it."""
    dims = (("programme", state["programme"]), ("decision", state["decision"]))
    yield Cell("loans.applications", dims, day(state["steps"][0]["on"])), here, 1


def _group(state: State, _: Place) -> Parts:
    def counted(spell: State) -> Iterator[Counted]:
        if spell["open"]:
            yield "members.groups", (), 1

    yield from _stocks(state["timeline"], counted)


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

    yield from _stocks(timeline, counted)


KINDS: dict[str, Callable[[State, Place], Parts]] = {
    "members.member": _member,
    "members.household": _household,
    "members.branch": _branch,
    "members.group": _group,
    "members.population": _population,
    "loans.loan": _loan,
    "loans.borrower": _borrower,
    "loans.application": _application,
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
