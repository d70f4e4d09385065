"""What one entity's state adds to the figures: a pure function, so a figure is a sum and can be recounted.

A change adds `f(after) - f(before)`. Each part falls on a day:

- a flow that carries its own day (`on`): joined, left, disbursed. Correcting the day moves it;
- a stock, and the growth of a cumulative total: the day of the change, though not before `earliest`. A loan due on
  day d contributes to overdue with `earliest = d + 1`, so overdue begins by date alone, and a repayment after d
  lowers it on its own day.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from contracts import catalog, units
from contracts.event import Event

KINH = "01"
DISTINCT = {"loans.disbursed_households", "loans.disbursed_households_by_programme"}
"""Measures of distinct entities in a period: summed from the log, never rolled up."""
State = Mapping[str, Any]


class Cell(NamedTuple):
    """Where a value counts: measure, breakdown (name, category) pairs, and which day it falls on.

    `previous` marks a measure of distinct entities: it counts in a period only if `previous` lies before the period.
    """

    measure: str
    dims: tuple[tuple[str, str], ...] = ()
    on: date | None = None
    earliest: date | None = None
    previous: date | None = None


Contributions = Iterator[tuple[Cell, int]]
day = date.fromisoformat


def _member(state: State) -> Contributions:
    ethnicity = ("ethnicity", state["ethnicity"])
    born = ("birth_year", str(state.get("birth_year") or ""))
    joined = day(state["joined_on"])
    yield Cell("members.enrolled", (ethnicity, born), on=joined), 1
    if state["status"] != "active":
        yield (
            Cell("members.left", (("leaving_reason", state.get("leaving_reason") or ""),), on=day(state["left_on"])),
            1,
        )
        return
    dims = (ethnicity, born, ("poverty_status", state.get("poverty_status") or ""), ("kind", state["kind"]))
    yield Cell("members.active", dims, earliest=joined), 1
    if ethnicity[1] != KINH:
        yield Cell("members.minority", (ethnicity,), earliest=joined), 1
    if state["core"]:
        yield Cell("members.core", earliest=joined), 1
    if state["kind"] == "honorary":
        yield Cell("members.honorary", earliest=joined), 1


def _household(state: State) -> Contributions:
    status = state.get("poverty_status") or ""
    yield Cell("members.households", (("poverty_status", status),)), 1
    if status == "poor":
        yield Cell("members.households_poor"), 1


def _branch(state: State) -> Contributions:
    if state.get("closed_on") is None:
        yield Cell("members.branches", (("kind", state["kind"]),), earliest=day(state["opened_on"])), 1


def _loan(state: State) -> Contributions:
    programme = ("programme", state["programme"])
    source = ("capital_source", state["capital_source"])
    if state["disbursed"]:
        yield Cell("loans.disbursed_amount", (programme, source)), state["disbursed"]
    if state["principal_repaid"]:
        yield Cell("loans.collected_principal", (programme,)), state["principal_repaid"]
    if state["outstanding"]:
        yield Cell("loans.outstanding", (programme, source)), state["outstanding"]
        if (due := day(state["due_on"])) < date.max:
            yield Cell("loans.overdue", (programme,), earliest=due + timedelta(days=1)), state["outstanding"]


def _borrower(state: State) -> Contributions:
    if state["outstanding"]:
        yield Cell("loans.borrowers", (("poverty_status", state.get("poverty_status") or ""),)), 1
        if overdue_from := state.get("overdue_from"):
            yield Cell("loans.overdue_borrowers", earliest=day(overdue_from)), 1
    days: dict[str, set[str]] = {"": set()}
    for disbursement in state["disbursements"]:
        days[""].add(disbursement["on"])
        days.setdefault(disbursement["programme"], set()).add(disbursement["on"])
    for programme, on in days.items():
        measure = "loans.disbursed_households" + ("_by_programme" if programme else "")
        dims = (("programme", programme),) if programme else ()
        previous = None
        for current in map(day, sorted(on)):
            yield Cell(measure, dims, on=current, previous=previous), 1
            previous = current


KINDS: dict[str, Callable[[State], Contributions]] = {
    "members.member": _member,
    "members.household": _household,
    "members.branch": _branch,
    "loans.loan": _loan,
    "loans.borrower": _borrower,
}


def read(raw: bytes) -> Event:
    """An event that can be counted. Raises ValueError where its contract fails, or its unit is not on the map in use.

    What cannot be read is parked, and counted by a redrive once a reader with the newer map or contract runs.
    """
    event = catalog.read(raw)
    unit = units.current().get(event.unit)
    if unit is None:
        raise ValueError(f"unit {event.unit} is not on the map")
    if unit.parent is None and event.kind in KINDS:
        raise ValueError(f"unit {event.unit} is a province: {event.kind} counts in a commune")
    return event


def contributions(kind: str, state: State | None) -> dict[Cell, int]:
    """What an entity of `kind` in `state` contributes; nothing for no state or a kind without figures."""
    found: dict[Cell, int] = {}
    if state is not None and kind in KINDS:
        for cell, value in KINDS[kind](state):
            found[cell] = found.get(cell, 0) + value
    return found


def falls_on(cell: Cell, occurredon: date) -> date:
    """The day a change made on `occurredon` counts for this cell."""
    if cell.on is not None:
        return cell.on
    return occurredon if cell.earliest is None else max(occurredon, cell.earliest)
