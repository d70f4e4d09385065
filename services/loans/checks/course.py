"""Which checks a loan's ledger asks for: one of each disbursement not reversed. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from contracts.checks import CheckResult, FundsCheck, Outcome
from services.loans.entries.books import Entry, effective
from services.loans.parameters import parameter


class Done(NamedTuple):
    """A check that was done."""

    done_on: date
    result: CheckResult
    follow_up_due_on: date | None = None
    settled_on: date | None = None
    outcome: Outcome | None = None


def due_on(disbursed_on: date) -> date:
    """By when money paid out on a day has to be looked after."""
    return disbursed_on + timedelta(days=parameter("check.days", disbursed_on))


def checks(entries: Iterable[Entry], done: Mapping[UUID, Done]) -> Iterator[FundsCheck]:
    """The checks of a ledger, in the order of its disbursements; what was done of a reversed one counts no more."""
    for entry in effective(entries):
        if entry.kind == "disbursement":
            found = done.get(entry.id)
            yield FundsCheck(due_on=due_on(entry.occurred_on), **(found._asdict() if found else {}))
