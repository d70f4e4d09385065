"""A group's row: where it was, how it was rated, and its public state. Pure functions that give new ones."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from contracts.credit_groups import CreditGroupSpell, Rated, Rating, Saved
from services.chassis.db import Row
from services.loans.groups.schemas import BoardSpell, MoveIn
from services.loans.timeline import at

Fields = Row | Mapping[str, Any]
TIMELINE = TypeAdapter(list[CreditGroupSpell])
RATINGS = TypeAdapter(list[Rated])
BOARDS = TypeAdapter(list[BoardSpell])


def timeline_of(row: Fields) -> list[CreditGroupSpell]:
    """Where it was from which day on."""
    return TIMELINE.validate_json(row["timeline"])


def ratings_of(row: Fields) -> list[Rated]:
    """Its ratings, oldest first."""
    return RATINGS.validate_json(row["ratings"])


def boards_of(row: Fields) -> list[BoardSpell]:
    """Its management boards, oldest first."""
    return BOARDS.validate_json(row["board"])


def kept(items: Iterable[CreditGroupSpell | Rated | BoardSpell]) -> str:
    """Spells as the row keeps them."""
    return json.dumps([item.model_dump(mode="json") for item in items])


def state_of(row: Fields, savings: Sequence[Saved]) -> dict[str, Any]:
    """The fields of `CreditGroupState`."""
    return {
        "split_from": row["split_from"],
        "timeline": timeline_of(row),
        "ratings": ratings_of(row),
        "savings": list(savings),
    }


def moved(timeline: Sequence[CreditGroupSpell], move: MoveIn) -> list[CreditGroupSpell]:
    """The same, in another place from a day on until the next day from which something else is known.

    A move on the day of another puts that one right; one that changes nothing is none.
    """
    first = timeline[0]
    held = at(timeline, move.effective_on) or first
    place = {"unit": move.unit, "branch": move.branch}
    cause = held.cause if move.effective_on == first.since else move.reason
    fresh = held.model_copy(update={**place, "since": move.effective_on, "cause": cause})
    others = [spell for spell in timeline if spell.since != move.effective_on]
    return _compact(sorted([*others, fresh], key=lambda spell: spell.since))


def ended(timeline: Sequence[CreditGroupSpell], on: date) -> list[CreditGroupSpell]:
    """The same, closed from a day on that is not before the last spell."""
    last = timeline[-1].model_copy(update={"since": on, "cause": "ended", "open": False})
    return [*timeline, last]


def rated(ratings: Sequence[Rated], month: date, rating: Rating) -> list[Rated]:
    """The same with a month's rating, in place of what was said of it before."""
    others = [each for each in ratings if each.since != month]
    return sorted([*others, Rated(since=month, rating=rating)], key=lambda each: each.since)


def led(boards: Sequence[BoardSpell], board: BoardSpell) -> list[BoardSpell]:
    """The same with a board from a day on, in place of what was said of that day before."""
    others = [each for each in boards if each.since != board.since]
    return sorted([*others, board], key=lambda each: each.since)


def leads(boards: Sequence[BoardSpell], borrower: UUID, since: date) -> bool:
    """Whether a household is on the board on a day or later."""
    now = at(boards, since)
    later = [each for each in boards if each.since > since]
    return any(borrower in (each.leader, each.deputy) for each in ([now] if now else []) + later)


def _compact(timeline: Sequence[CreditGroupSpell]) -> list[CreditGroupSpell]:
    """The same without spells that change nothing."""
    found = list(timeline[:1])
    for spell in timeline[1:]:
        if (spell.unit, spell.branch, spell.open) != (found[-1].unit, found[-1].branch, found[-1].open):
            found.append(spell)
    return found
