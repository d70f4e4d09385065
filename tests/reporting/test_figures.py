"""Figures are sums that can be recounted: any history, every day, every tier; and the doors that answer them."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.members import MemberSpell
from services.members.timeline import at, changed, put_right
from services.reporting.contributions import commands, queries
from services.reporting.contributions.ages import age_band
from services.reporting.contributions.periods import Period
from services.reporting.contributions.rules import DISTINCT
from services.reporting.dashboards.board import year_earlier
from services.reporting.indicators.catalogue import catalogue
from tests.reporting.states import BRANCHES, UNITS, borrower_state, change, loan_state, member_state, spell

START = date(2024, 1, 1)
DAYS = 60


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
moves = st.lists(
    st.tuples(
        st.integers(0, 4),
        days,
        st.sampled_from(["changed", "moved", "ended", "resumed", "put right"]),
        st.sampled_from(["01", "09", "02"]),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=25,
)
FLOWS = ["enrolled", "rejoined", "transferred_in", "left", "transferred_out"]


def moved_on(timeline: list[MemberSpell], move: tuple[Any, ...]) -> list[MemberSpell]:
    """The timeline after a move; the same if the move cannot be made then."""
    _, day, cause, ethnicity, place, core = move
    where = {"unit": UNITS[place % 2], "branch": BRANCHES[place]}
    if not timeline:
        return [MemberSpell.model_validate(spell(day, ethnicity=ethnicity, **where))]
    last = timeline[-1]
    if cause == "put right":
        return put_right(timeline, ethnicity=ethnicity)
    if day < timeline[0].since or (cause != "changed" and day < last.since):
        return timeline
    if cause == "changed":
        return changed(timeline, day, ethnicity=ethnicity, core=core)
    if (last.status == "active") == (cause == "resumed"):
        return timeline
    if cause == "ended":
        return changed(timeline, day, cause, status="left", leaving_reason="own_wish")
    return changed(timeline, day, cause, status="active", leaving_reason=None, **where)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves)
async def test_members_of_any_history_are_counted_on_every_day(url: str, moves: list[tuple[Any, ...]]) -> None:
    """Enrol, change, put right, move, leave and come back, told in any order: each day's stock, flow and breakdown is
    the brute count at every tier, and flows explain stocks."""
    conn = await asyncpg.connect(url)
    await conn.execute("truncate contribution, rollup, rollup_month")
    timelines: dict[int, list[MemberSpell]] = {}
    versions: Counter[int] = Counter()
    for move in moves:
        number, day = move[:2]
        before = timelines.get(number, [])
        after = timelines[number] = moved_on(before, move)
        versions[number] += 1
        place = after[-1].unit, after[-1].branch
        states = [member_state(*(s.model_dump(mode="json") for s in spells)) for spells in (before, after)]
        step = change(
            "members.member",
            UUID(int=100 + number),
            versions[number],
            day,
            *place,
            before=states[0] if before else None,
            after=states[1],
        )
        await commands.apply(conn, [step])
    try:
        for offset in range(0, DAYS + 1, 4):
            end = START + timedelta(days=offset)
            period = Period(START + timedelta(days=offset // 2), end)
            now = {number: found for number, spells in timelines.items() if (found := at(spells, end))}
            active = [s for s in now.values() if s.status == "active"]
            asked = ["members.active", "members.minority", "members.core", *(f"members.{flow}" for flow in FLOWS)]
            told = await queries.sums(conn, ["22", *UNITS], asked, period)
            earlier = await queries.sums(
                conn, ["22", *UNITS], asked[:1], Period(START, period.start - timedelta(days=1))
            )
            known = await queries.sums(conn, ["22", *UNITS], asked, period, datetime(2030, 1, 1, tzinfo=UTC))
            assert known == told
            for scope in ("22", *UNITS):
                here = [s for s in active if scope in ("22", s.unit)]
                assert told[scope]["members.active"] == len(here)
                assert told[scope]["members.minority"] == sum(s.ethnicity != "01" for s in here)
                assert told[scope]["members.core"] == sum(s.core for s in here)
                sizes = [told[scope][f"members.{flow}"] for flow in FLOWS]
                grown = told[scope]["members.active"] - earlier[scope]["members.active"]
                assert grown == sum(sizes[:3]) - sum(sizes[3:])
                parts = await queries.breakdown(conn, scope, catalogue()["members.active"], "ethnicity", period)
                assert parts == dict(sorted(Counter(s.ethnicity for s in here).items()))
            branches = await queries.branch_sums(conn, UNITS[0], ["members.active"], period)
            told_branches = {
                branch: sums["members.active"] for branch, sums in branches.items() if sums["members.active"]
            }
            assert told_branches == dict(Counter(s.branch for s in active if s.unit == UNITS[0]))
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
        moves = [("disbursement" if a > 0 else "principal", abs(a), d) for d, a in kept]
        for kind, after in (
            ("loans.loan", loan_state(due, *moves, place=number)),
            ("loans.borrower", borrower_state(due, *moves, place=number)),
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
            told = (await queries.sums(conn, ["22", *UNITS], told_all, period))["22"]
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
