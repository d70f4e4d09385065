"""What a figure is made of: values that fall on a day in a place; and how dated spells become them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

FOR_EVER = "9999-12-31"
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


def place_of(spell: State) -> Place:
    """Where a spell counts: its branch, or on today's map the heir of that."""
    branch = spell.get("heir_branch") or spell.get("branch")
    return Place(spell["unit"], branch_of(branch) if branch else None)


def stocks(timeline: list[State], counted: Callable[[State], Iterator[Counted]]) -> Parts:
    """Each spell counts from its first day on, until the next begins."""
    for number, spell in enumerate(timeline, 1):
        place, since = place_of(spell), day(spell["since"])
        until = day(timeline[number]["since"]) if number < len(timeline) else None
        for measure, dims, value in counted(spell):
            yield Cell(measure, dims, since), place, value
            if until is not None:
                yield Cell(measure, dims, until), place, -value


def split(timeline: list[State], days: Iterable[str]) -> list[State]:
    """The same with a spell beginning on each of these days."""
    cut = [*timeline, *({**spell, "since": on} for on in days if (spell := at(timeline, on)) is not None)]
    return sorted(cut, key=lambda spell: str(spell["since"]))


def place_on(timeline: list[State], on: str) -> Place:
    """Where something of a day counts."""
    return place_of(at(timeline, on) or timeline[0])


def at(timeline: list[State], on: str) -> State | None:
    """The spell in force on a day; None before the first."""
    return next((spell for spell in reversed(timeline) if spell["since"] <= on), None)
