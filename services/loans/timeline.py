"""Timelines of borrowers and loans as the bus tells them: where a household lived, and what its ledgers add up to."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from contracts.loans import BorrowerSpell, LoanSpell
from contracts.members import PovertyStatus
from services.loans.entries.books import Balance


class Place(BaseModel):
    """Where a household lives and what its poverty status is, until the next begins."""

    model_config = ConfigDict(frozen=True)

    since: date
    unit: str
    branch: UUID | None = None
    poverty_status: PovertyStatus | None = None


class Begins(Protocol):
    """Something that holds from a day on."""

    @property
    def since(self) -> date:
        """Its first day."""


T = TypeVar("T", bound=Begins)
S = TypeVar("S", BorrowerSpell, LoanSpell)


def at(timeline: Sequence[T], day: date) -> T | None:
    """What is in force on a day; None before the first."""
    return next((each for each in reversed(timeline) if each.since <= day), None)


def place_on(places: Sequence[Place], day: date) -> Place:
    """Where a household lives on a day; before the first that is known, there."""
    return at(places, day) or places[0]


def whereabouts(places: Sequence[Place]) -> list[tuple[date | None, str, UUID | None]]:
    """Where a household has lived and since when; in the first place, from ever."""
    found: list[tuple[date | None, str, UUID | None]] = []
    for place in places:
        if not found or found[-1][1:] != (place.unit, place.branch):
            found.append((place.since if found else None, place.unit, place.branch))
    return found


def put_right(places: Sequence[Place], values: dict[str, Any], since: date | None) -> list[Place]:
    """The same with these values: all along, or from a day until the next that is known.

    The first place holds from ever, so a day before it moves its beginning.
    """
    if since is None:
        return [place.model_copy(update=values) for place in places]
    fresh = place_on(places, since).model_copy(update={**values, "since": since})
    first = places[0]
    if since < first.since:
        first = first.model_copy(update={"since": since - timedelta(days=1)})
    others = [place for place in (first, *places[1:]) if place.since != since]
    return sorted([*others, fresh], key=lambda place: place.since)


def of_loan(places: Sequence[Place], balances: Sequence[Balance]) -> list[LoanSpell]:
    """A loan's spells: each balance in each place."""
    first = balances[0].since
    days = {balance.since for balance in balances} | {place.since for place in places if place.since > first}
    found: list[LoanSpell] = []
    for day in sorted(days):
        balance, place = at(balances, day), place_on(places, day)
        assert balance is not None, "no day lies before the first balance"
        owed = {name: getattr(balance, name) for name in ("status", "in_term", "overdue", "frozen", "overdue_since")}
        _append(found, LoanSpell(since=day, cause=_cause(found, place), unit=place.unit, branch=place.branch, **owed))
    return found


def of_borrower(places: Sequence[Place], loans: Sequence[Sequence[Balance]]) -> list[BorrowerSpell]:
    """A household's spells: whether any of its loans is owed, or overdue, in each place."""
    days = {place.since for place in places} | {balance.since for loan in loans for balance in loan}
    found: list[BorrowerSpell] = []
    for day in sorted(days):
        place, held = place_on(places, day), [balance for loan in loans if (balance := at(loan, day))]
        spell = BorrowerSpell(
            since=day,
            cause=_cause(found, place),
            owing=any(balance.outstanding for balance in held),
            overdue=any(balance.overdue for balance in held),
            **place.model_dump(exclude={"since"}),
        )
        _append(found, spell)
    return found


def _cause(found: Sequence[BorrowerSpell | LoanSpell], place: Place) -> Any:
    if not found:
        return "began"
    return "changed" if (found[-1].unit, found[-1].branch) == (place.unit, place.branch) else "moved"


def _append(found: list[S], spell: S) -> None:
    """Unless it changes nothing."""
    if not found or _said(spell) != _said(found[-1]):
        found.append(spell)


def _said(spell: BorrowerSpell | LoanSpell) -> dict[str, Any]:
    """All but when and why it begins."""
    return {**vars(spell), "since": None, "cause": None}
