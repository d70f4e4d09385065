"""Figures are sums that can be recounted: any history, every day, every tier; and the doors that answer them."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.reporting.contributions import commands, queries
from services.reporting.contributions.queries import Period, age_band
from services.reporting.contributions.rules import DISTINCT, Cell, contributions, falls_on
from services.reporting.dashboards.queries import year_earlier
from services.reporting.indicators.catalogue import catalogue
from tests.reporting.states import BRANCHES, UNITS, borrower_state, change, loan_state, member_state

START = date(2024, 1, 1)
DAYS = 60


def measures(kind: str, state: dict[str, Any]) -> dict[str, int]:
    """Contribution by measure."""
    found: Counter[str] = Counter()
    for cell, value in contributions(kind, state).items():
        found[cell.measure] += value
    return dict(found)


@pytest.mark.parametrize(
    ("kind", "state", "expected"),
    [
        ("members.member", member_state(), {"members.enrolled": 1, "members.active": 1}),
        (
            "members.member",
            member_state(ethnicity="09", core=True, kind="honorary"),
            dict.fromkeys(
                ("members.enrolled", "members.active", "members.minority", "members.core", "members.honorary"), 1
            ),
        ),
        (
            "members.member",
            member_state(status="left", left_on="2024-02-01", leaving_reason="own_wish"),
            {"members.enrolled": 1, "members.left": 1},
        ),
        ("members.household", {"poverty_status": "poor"}, {"members.households": 1, "members.households_poor": 1}),
        ("members.household", {}, {"members.households": 1}),
        ("members.branch", {"kind": "residential", "opened_on": "2020-01-01"}, {"members.branches": 1}),
        ("members.branch", {"kind": "residential", "opened_on": "2020-01-01", "closed_on": "2024-01-01"}, {}),
        (
            "loans.loan",
            loan_state(60, date(2025, 1, 1), 100),
            {
                "loans.disbursed_amount": 100,
                "loans.collected_principal": 40,
                "loans.outstanding": 60,
                "loans.overdue": 60,
            },
        ),
        ("loans.loan", loan_state(0, date(2025, 1, 1), 0), {}),
        ("loans.programme", {"code": "x"}, {}),
    ],
)
def test_what_a_state_contributes(kind: str, state: dict[str, Any], expected: dict[str, int]) -> None:
    """By kind, from the state alone."""
    assert measures(kind, state) == expected


def test_the_day_a_part_falls_on() -> None:
    """A flow on its own day; a stock when it changed; overdue not before the day after the due date."""
    day = date(2024, 5, 5)
    assert falls_on(Cell("m", on=date(2020, 1, 1)), day) == date(2020, 1, 1)
    assert falls_on(Cell("m"), day) == day
    assert falls_on(Cell("m", earliest=date(2024, 6, 1)), day) == date(2024, 6, 1)
    assert falls_on(Cell("m", earliest=date(2024, 1, 1)), day) == day


@pytest.mark.parametrize(
    ("birth_year", "band"),
    [("1996", "under_30"), ("1995", "30_39"), ("1966", "50_59"), ("1965", "60_plus"), ("", "unknown")],
)
def test_age_bands(birth_year: str, band: str) -> None:
    """By the age reached in the year."""
    assert age_band(birth_year, date(2025, 3, 1)) == band


def test_a_year_earlier() -> None:
    """The same days; 29 February becomes the 28th."""
    assert year_earlier(Period(date(2024, 2, 29), date(2024, 12, 31))) == (date(2023, 2, 28), date(2023, 12, 31))


def test_every_indicator_is_made_of_measures_that_are_counted() -> None:
    """Ratios name indicators of the catalogue; labels are there in both languages."""
    for indicator in catalogue().values():
        assert set(indicator.parts) <= set(catalogue())
        assert all(indicator.name(language) for language in ("vi", "en"))
        assert indicator.of(dict.fromkeys(indicator.parts, 0)) == (None if indicator.kind == "ratio" else 0)


days = st.integers(0, DAYS).map(lambda n: START + timedelta(days=n))
movements = st.lists(
    st.tuples(st.integers(0, 5), days, st.sampled_from(["01", "09", "02"]), st.booleans(), st.booleans()), max_size=25
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(movements)
async def test_members_of_any_history_are_counted_on_every_day(url: str, movements: list[tuple[Any, ...]]) -> None:
    """Enrol, correct and leave on any days: each day's stock, flow and breakdown is the brute count, at every tier."""
    conn = await asyncpg.connect(url)
    await conn.execute("truncate contribution, rollup, rollup_month")
    states: dict[int, dict[str, Any]] = {}
    versions: Counter[int] = Counter()
    since: dict[int, list[tuple[date, dict[str, Any]]]] = {}
    for number, day, ethnicity, core, leave in movements:
        before = states.get(number)
        if before is None:
            after = member_state(ethnicity=ethnicity, core=core, joined_on=str(day))
        elif before["status"] == "active":
            day = max([day, *(when for when, _ in since[number])])
            leaving = {"status": "left", "left_on": str(day), "leaving_reason": "own_wish"}
            after = {**before, **(leaving if leave else {"ethnicity": ethnicity, "core": core})}
        else:
            continue
        versions[number] += 1
        place = UNITS[number % 2], BRANCHES[number % 4]
        step = change(
            "members.member", UUID(int=100 + number), versions[number], day, *place, before=before, after=after
        )
        await commands.apply(conn, [step])
        states[number] = after
        since.setdefault(number, []).append((day, after))
    try:
        for offset in range(0, DAYS + 1, 4):
            end = START + timedelta(days=offset)
            period = Period(START + timedelta(days=offset // 2), end)
            now = {
                number: [state for when, state in history if when <= end][-1]
                for number, history in since.items()
                if history[0][0] <= end
            }
            active = {number for number, state in now.items() if state["status"] == "active"}
            asked = ["members.active", "members.minority", "members.core", "members.enrolled"]
            told = await queries.sums(conn, ["22", *UNITS], asked, period)
            known = await queries.sums(conn, ["22"], asked, period, datetime(2030, 1, 1, tzinfo=UTC))
            assert known["22"] == told["22"]
            for scope, mine in (("22", {0, 1}), (UNITS[0], {0}), (UNITS[1], {1})):
                here = {number for number in active if number % 2 in mine}
                assert told[scope]["members.active"] == len(here)
                assert told[scope]["members.minority"] == sum(now[n]["ethnicity"] != "01" for n in here)
                assert told[scope]["members.core"] == sum(now[n]["core"] for n in here)
                joined = [history[0][0] for n, history in since.items() if n % 2 in mine]
                assert told[scope]["members.enrolled"] == sum(period.start <= day <= end for day in joined)
                parts = await queries.breakdown(conn, scope, catalogue()["members.active"], "ethnicity", period)
                assert parts == dict(sorted(Counter(now[n]["ethnicity"] for n in here).items()))
            branches = await queries.branch_sums(conn, UNITS[0], ["members.active"], period)
            told_branches = {
                branch: sums["members.active"] for branch, sums in branches.items() if sums["members.active"]
            }
            assert told_branches == dict(Counter(BRANCHES[n % 4] for n in active if n % 2 == 0))
    finally:
        await conn.close()


entries = st.lists(st.tuples(st.integers(0, 3), days, st.integers(-40, 60)), max_size=20)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries, st.tuples(days, days).map(sorted))
async def test_loans_of_any_ledger_are_counted_on_every_day(
    url: str, entries: list[tuple[int, date, int]], asked: list[date]
) -> None:
    """Tranches and repayments, also late and past-dated: balances, overdue, distinct households of any range."""
    conn = await asyncpg.connect(url)
    await conn.execute("truncate contribution, rollup, rollup_month")
    due = START + timedelta(days=30)
    ledger: dict[int, list[tuple[date, int]]] = {}
    states: dict[tuple[str, int], dict[str, Any]] = {}
    versions: Counter[tuple[str, int]] = Counter()
    for number, day, amount in entries:
        kept = ledger.setdefault(number, [])
        if amount == 0 or any(
            sum(a for d, a in [*kept, (day, amount)] if d <= when) < 0 for when in {day, *(d for d, _ in kept)}
        ):
            continue
        kept.append((day, amount))
        owed, out = sum(a for _, a in kept), sum(a for _, a in kept if a > 0)
        late = due + timedelta(days=1) if owed else None
        for kind, after in (
            ("loans.loan", loan_state(owed, due, out)),
            ("loans.borrower", borrower_state(owed, late, [d for d, a in kept if a > 0])),
        ):
            key = (kind, number)
            versions[key] += 1
            subject = UUID(int=number + (1000 if kind == "loans.loan" else 2000))
            place = UNITS[number % 2], BRANCHES[number % 4]
            step = change(kind, subject, versions[key], day, *place, before=states.get(key), after=after)
            await commands.apply(conn, [step])
            states[key] = after
    try:
        told_all = ["loans.outstanding", "loans.overdue", "loans.disbursed_amount", "loans.disbursed_households"]
        for end in {asked[1], due, due + timedelta(days=1), START + timedelta(days=DAYS)}:
            period = Period(min(asked[0], end), end)
            told = (await queries.sums(conn, ["22"], told_all, period))["22"]
            owed = sum(amount for kept in ledger.values() for day, amount in kept if day <= end)
            assert told["loans.outstanding"] == owed
            assert told["loans.overdue"] == (owed if end > due else 0)
            paid = [
                (n, day, amount)
                for n, kept in ledger.items()
                for day, amount in kept
                if amount > 0 and period.start <= day <= end
            ]
            assert told["loans.disbursed_amount"] == sum(amount for _, _, amount in paid)
            assert told["loans.disbursed_households"] == len({n for n, _, _ in paid})
            parts = await queries.breakdown(conn, "22", catalogue()["loans.disbursed_households"], "programme", period)
            assert sum(parts.values()) == len({n for n, _, _ in paid})
        assert not await conn.fetchval("select count(*) from rollup where measure = any($1)", list(DISTINCT))
    finally:
        await conn.close()
