"""A loan's public state: a pure function of its row, its borrower's places, its entries and the checks done."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.chassis.db import Row
from services.loans import timeline
from services.loans.checks.course import Done, checks
from services.loans.entries.books import Balance, Contract, Entry, balances, flows
from services.loans.timeline import Place

Fields = Row | Mapping[str, Any]
"""A loan's row, or what will be."""


def contract_of(loan: Fields) -> Contract:
    """What a loan's books begin with."""
    return Contract(loan["contract_on"], loan["due_on"], loan["withdrawn_on"])


def state_of(
    loan: Fields,
    places: Sequence[Place],
    entries: Sequence[Entry],
    done: Mapping[UUID, Done],
    kept: Sequence[Balance] | None = None,
) -> dict[str, Any]:
    """The fields of `LoanState`; `done` are the checks done, `kept` the balances if they are known."""
    kept = kept or balances(contract_of(loan), entries)
    return {
        "borrower": loan["borrower"],
        "programme": loan["programme_code"],
        "capital_source": loan["capital_source"],
        "contract_on": loan["contract_on"],
        "due_on": kept[-1].due_on,
        "timeline": timeline.of_loan(places, kept),
        "flows": list(flows(entries)),
        "checks": list(checks(entries, done)),
    }
