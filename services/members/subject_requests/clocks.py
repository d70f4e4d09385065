"""The terms within which a data subject's request is answered and done: dated data, `terms.csv`.

Source: Decree 356/2025/NĐ-CP, in force 2026-01-01, read through commentaries; its own text was not at hand.

- answer: 2 working days after receipt, with how the request will be handled;
- withdrawal of consent, restriction, objection: done in 15 days, in 20 where a processor or third party must act too;
  one extension of at most 15 days;
- access, correction, erasure: done in 10 to 20 days. That access and correction have 10, erasure 20, and that their
  extension is 15 too, is unconfirmed: the file says so in each row, and a decision changes the row, not the code.

Days are counted from the day after receipt (Civil Code 2015, article 147); a term that ends on a day off ends on the
next working day (article 148).
"""

import csv
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from contracts.calendars import working_days_after

Kind = Literal["access", "correct", "erase", "restrict", "object", "withdraw_consent"]


class Term(NamedTuple):
    """What was in force for one kind of request."""

    valid_from: date
    answer_working_days: int
    completion_days: int
    third_party_days: int
    extension_days: int


class Due(NamedTuple):
    """Last days to answer a request and to have it done."""

    answer: date
    completion: date


@cache
def terms() -> dict[str, list[Term]]:
    """Every term by kind, the newest first."""
    found: dict[str, list[Term]] = {}
    with (Path(__file__).parent / "terms.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            numbers = (int(row[name]) for name in Term._fields[1:])
            found.setdefault(row["kind"], []).append(Term(date.fromisoformat(row["valid_from"]), *numbers))
    return {kind: sorted(each, reverse=True) for kind, each in found.items()}


def term(kind: Kind, received_on: date) -> Term | None:
    """The term in force for a request received on a day; None before there was any."""
    return next((each for each in terms()[kind] if each.valid_from <= received_on), None)


def due(term: Term, received_on: date, *, third_party: bool) -> Due:
    """Both clocks of a request; `third_party` if a processor or third party must act too."""
    days = term.third_party_days if third_party else term.completion_days
    return Due(working_days_after(received_on, term.answer_working_days), ends(received_on, days))


def ends(start: date, days: int) -> date:
    """The last day of a term of calendar days that begins after `start`."""
    return working_days_after(start + timedelta(days=days - 1), 1)
