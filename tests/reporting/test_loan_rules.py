"""What loans, borrowers and applications add to the figures, and on which day."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.catalog import STATES
from services.reporting.contributions.cells import Place
from services.reporting.contributions.commands import deltas
from services.reporting.contributions.rules import contributions
from tests.reporting.states import BRANCHES, UNITS, Step, added, borrower_state, change, loan_state

OUT, DUE = date(2023, 2, 1), date(2024, 12, 31)
APPLIED = {"step": "applied", "on": "2023-01-05", "amount": 100}
REJECTED = {"step": "rejected", "on": "2023-01-20", "amount": None}
APPLICATION = {"borrower": str(BRANCHES[0]), "programme": "job_creation", "decision": "pending", "steps": [APPLIED]}


def loan(*moves: tuple[Any, ...], due_on: date = DUE) -> dict[str, Any]:
    """The loan of 100 after these entries."""
    return loan_state(due_on, ("disbursement", 100, OUT), *moves)


def paid(amount: int, *on: int) -> tuple[str, int, date]:
    """An entry of principal paid back on a day."""
    return ("principal", amount, date(*on))


@pytest.mark.parametrize(
    ("kind", "state", "measures"),
    [
        ("loans.loan", loan(), {"loans.disbursed_amount", "loans.outstanding", "loans.overdue"}),
        (
            "loans.loan",
            loan(paid(100, 2024, 1, 1), ("interest", 5, DUE)),
            {"loans.disbursed_amount", "loans.collected_principal", "loans.outstanding"},
        ),
        (
            "loans.loan",
            loan(("freeze", 40, DUE, date(2026, 1, 1)), ("write_off", 100, date(2025, 6, 1))),
            {"loans.disbursed_amount", "loans.outstanding", "loans.overdue", "loans.frozen"},
        ),
        ("loans.loan", loan_state(DUE), set()),
        ("loans.loan", loan(due_on=date.max), {"loans.disbursed_amount", "loans.outstanding"}),
        ("loans.borrower", borrower_state(DUE), set()),
        ("loans.application", APPLICATION, {"loans.applications"}),
    ],
)
def test_each_state_counts_in_these_measures(kind: str, state: dict[str, Any], measures: set[str]) -> None:
    """What is owed, overdue, frozen, paid out and back; what counts nowhere."""
    parts = contributions(kind, state, Place(UNITS[0], BRANCHES[0]))
    assert {cell.measure for (cell, _), value in parts.items() if value} == measures
    STATES[kind].read(state)


@pytest.mark.parametrize(
    ("kind", "measure", "steps", "expected"),
    [
        ("loans.loan", "loans.overdue", [("2023-02-01", loan())], {"2025-01-01": 100}),
        (
            "loans.loan",
            "loans.overdue",
            [
                ("2023-02-01", loan()),
                ("2024-06-01", loan(paid(60, 2024, 6, 1))),
                ("2025-03-05", loan(paid(60, 2024, 6, 1), paid(40, 2025, 3, 5))),
            ],
            {"2025-01-01": 40, "2025-03-05": -40},
        ),
        (
            "loans.loan",
            "loans.overdue",
            [("2023-02-01", loan()), ("2024-06-01", loan(("extension", 1, date(2024, 6, 1), date(2025, 12, 31))))],
            {"2026-01-01": 100},
        ),
        (
            "loans.loan",
            "loans.overdue",
            [("2023-02-01", loan()), ("2025-02-01", loan(("extension", 1, date(2025, 2, 1), date(2025, 12, 31))))],
            {"2025-01-01": 100, "2025-02-01": -100, "2026-01-01": 100},
        ),
        (
            "loans.loan",
            "loans.outstanding",
            [
                ("2023-02-01", loan()),
                ("2024-06-01", loan(paid(60, 2024, 6, 1))),
                ("2024-03-01", loan(paid(60, 2024, 6, 1), paid(30, 2024, 3, 1))),
            ],
            {"2023-02-01": 100, "2024-03-01": -30, "2024-06-01": -60},
        ),
        (
            "loans.loan",
            "loans.frozen",
            [("2023-02-01", loan()), ("2024-03-01", loan(("freeze", 50, date(2024, 3, 1), date(2024, 8, 31))))],
            {"2024-03-01": 50, "2024-09-01": -50},
        ),
        (
            "loans.loan",
            "loans.collected_principal",
            [("2024-06-01", loan(paid(60, 2024, 6, 1))), ("2024-06-01", loan())],
            {},
        ),
        (
            "loans.application",
            "loans.applications",
            [
                ("2023-01-05", APPLICATION),
                ("2023-01-20", {**APPLICATION, "decision": "rejected", "steps": [APPLIED, REJECTED]}),
            ],
            {"2023-01-05": 1},
        ),
    ],
)
def test_each_part_falls_on_its_day(kind: str, measure: str, steps: list[Step], expected: dict[str, int]) -> None:
    """Overdue by date alone, paid late, extended, frozen, reversed; what became of an application."""
    assert added(kind, steps, measure) == expected


received = st.lists(st.integers(0, 40), max_size=10)


@given(received, st.tuples(st.integers(-2, 42), st.integers(-2, 42)).map(sorted))
def test_a_household_counts_once_in_any_range_it_was_lent_to(days: list[int], asked: list[int]) -> None:
    """In whatever order disbursements become known: 1 in every range that holds one of their days, else 0."""
    start = date(2024, 1, 1)
    totals: dict[tuple[date, date | None], int] = {}
    before = None
    for version in range(1, len(days) + 1):
        after = borrower_state(DUE, *(("disbursement", 1, start + timedelta(days=day)) for day in days[:version]))
        step = change("loans.borrower", UUID(int=1), version, start, UNITS[0], BRANCHES[0], before=before, after=after)
        for cell, _, _, value in deltas(step):
            if cell.measure == "loans.disbursed_households":
                totals[cell.on, cell.previous] = totals.get((cell.on, cell.previous), 0) + value
        before = after
    first, last = (start + timedelta(days=day) for day in asked)
    counted = sum(
        value
        for (on, previous), value in totals.items()
        if first <= on <= last and (previous is None or previous < first)
    )
    assert counted == any(asked[0] <= day <= asked[1] for day in days)
