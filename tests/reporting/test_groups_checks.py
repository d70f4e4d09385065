"""Groups, savings and checks of any history are counted on every day: sums are a brute count at every tier."""

from collections import Counter
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.checks import CheckResult
from contracts.credit_groups import CreditGroupSpell, CreditGroupState, Rated, Rating, Saved
from contracts.loans import LoanState
from services.loans.checks.course import Done
from services.loans.entries.books import Contract, Entry, balances
from services.loans.groups.record import ended, moved, rated
from services.loans.groups.schemas import MoveIn
from services.loans.loans.record import state_of
from services.loans.timeline import Place, at
from services.reporting.contributions import commands, queries
from services.reporting.contributions.periods import Period
from services.reporting.indicators.catalogue import catalogue
from tests.reporting.states import BRANCHES, UNITS, change

START, DAYS = date(2024, 1, 1), 100
SCOPES = ["22", *UNITS]
days = st.integers(0, DAYS).map(lambda n: START + timedelta(days=n))
ratings: st.SearchStrategy[Rating] = st.sampled_from(["good", "fair", "average", "weak"])
results: st.SearchStrategy[CheckResult] = st.sampled_from(["proper", "partly", "misused", "not_started"])
news = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["rate", "save", "save", "move", "close"]),
        days,
        ratings,
        st.integers(-40, 60),
        st.integers(0, 3),
    ),
    max_size=25,
)


class Told:
    """Entities as their events tell them, one change after another."""

    def __init__(self, conn: Any, kind: str) -> None:
        self.conn, self.kind = conn, kind
        self.before: dict[int, dict[str, Any]] = {}
        self.versions: Counter[int] = Counter()

    async def tell(self, number: int, day: date, state: CreditGroupState | LoanState) -> None:
        """The projector's work for one event."""
        self.versions[number] += 1
        spell, after = state.timeline[-1], state.model_dump(mode="json")
        subject = UUID(int=1_000 + number)
        place = spell.unit, spell.branch or BRANCHES[0]
        before = self.before.get(number)
        step = change(self.kind, subject, self.versions[number], day, *place, before=before, after=after)
        await commands.apply(self.conn, [step])
        self.before[number] = after


def after_news(state: CreditGroupState, told: tuple[Any, ...]) -> CreditGroupState:
    """The group after news of it; as before if it cannot be."""
    _, what, day, rating, amount, place = told
    spells, last = state.timeline, state.timeline[-1]
    if what == "rate":
        return state.model_copy(update={"ratings": rated(state.ratings, day.replace(day=1), rating)})
    if what == "save":
        held = {each.on: each.amount for each in state.savings}
        held[day] = held.get(day, 0) + amount
        kept = [Saved(on=on, amount=value) for on, value in sorted(held.items()) if value]
        if day < spells[0].since or any(sum(each.amount for each in kept if each.on <= saved.on) < 0 for saved in kept):
            return state
        return state.model_copy(update={"savings": kept})
    if day < spells[0].since or not last.open or (what == "close" and day < last.since):
        return state
    if what == "close":
        return state.model_copy(update={"timeline": ended(spells, day)})
    move = MoveIn(unit=UNITS[place % 2], branch=BRANCHES[place], effective_on=day)
    return state.model_copy(update={"timeline": moved(spells, move)})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(news)
async def test_groups_and_savings_of_any_history_are_counted_on_every_day(
    url: str, news: list[tuple[Any, ...]]
) -> None:
    """Formed, rated, saved through, moved and closed, told in any order: each day's groups by rating and savings."""
    conn = await asyncpg.connect(url)
    await conn.execute("truncate contribution, rollup, rollup_month")
    states: dict[int, CreditGroupState] = {}
    told = Told(conn, "loans.group")
    try:
        for each in news:
            number, day = each[0], each[2]
            if number in states:
                states[number] = after_news(states[number], each)
            else:
                began = CreditGroupSpell(
                    since=day, cause="began", unit=UNITS[number % 2], branch=BRANCHES[number], open=True
                )
                states[number] = CreditGroupState(timeline=[began], ratings=[], savings=[])
            await told.tell(number, day, states[number])
        for offset in range(0, DAYS + 1, 5):
            end = START + timedelta(days=offset)
            now = {number: at(state.timeline, end) for number, state in states.items()}
            held = {n: sum(s.amount for s in state.savings if s.on <= end) for n, state in states.items()}
            sums = await queries.sums(conn, SCOPES, ["loans.groups", "loans.savings"], Period(START, end))
            for scope in SCOPES:
                here = {n: spell for n, spell in now.items() if spell and scope in ("22", spell.unit)}
                open_ = [n for n, spell in here.items() if spell.open]
                assert sums[scope]["loans.groups"] == len(open_)
                assert sums[scope]["loans.savings"] == sum(held[n] for n in here) >= 0
                rating = Counter(was.rating if (was := at(states[n].ratings, end)) else "" for n in open_)
                parts = await queries.breakdown(conn, scope, catalogue()["loans.groups"], "rating", Period(START, end))
                assert parts == dict(sorted(rating.items()))
            found = await queries.branch_sums(conn, UNITS[0], ["loans.savings"], Period(START, end))
            by_branch: Counter[UUID | None] = Counter()
            for n, spell in now.items():
                if spell and spell.unit == UNITS[0]:
                    by_branch[spell.branch] += held[n]
            told_branches = {branch: s["loans.savings"] for branch, s in found.items() if s["loans.savings"]}
            assert told_branches == {branch: value for branch, value in by_branch.items() if value}
    finally:
        await conn.close()


ledgers = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["disburse", "disburse", "check", "check", "reverse", "move"]),
        days,
        results,
        st.integers(0, 3),
    ),
    max_size=25,
)
CONTRACT = Contract(START, date(2030, 1, 1))


class Loan:
    """A loan, where its household lived, and what was found of its disbursements."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.done: dict[UUID, Done] = {}
        self.places = [Place(since=START, unit=UNITS[0], branch=BRANCHES[0])]

    def standing(self) -> list[Entry]:
        """Disbursements not reversed."""
        gone = {entry.reverses for entry in self.entries}
        return [entry for entry in self.entries if entry.kind == "disbursement" and entry.id not in gone]

    def hear(self, serial: int, told: tuple[Any, ...]) -> None:
        """News of it, if it can be."""
        _, what, day, result, which = told
        if what == "disburse":
            self.entries.append(Entry(UUID(int=serial), "disbursement", 10, day))
        elif what == "move":
            here = Place(since=day, unit=UNITS[which % 2], branch=BRANCHES[which])
            self.places = sorted([*(p for p in self.places if p.since != day), here], key=lambda place: place.since)
        elif standing := self.standing():
            entry = standing[which % len(standing)]
            if what == "reverse":
                self.entries.append(Entry(UUID(int=serial), "reversal", 10, entry.occurred_on, None, entry.id))
            elif day >= entry.occurred_on:
                self.done[entry.id] = Done(day, result)

    def state(self) -> LoanState:
        """What its events say."""
        row = {"borrower": UUID(int=1), "programme_code": "job_creation", "capital_source": "central"}
        row |= CONTRACT._asdict()
        return LoanState(**state_of(row, self.places, self.entries, self.done, balances(CONTRACT, self.entries)))

    def lay_in(self, scope: str, day: date) -> bool:
        """Whether its household lived there on a day."""
        there = at(self.places, day)
        return there is not None and scope in ("22", there.unit)

    def due(self, scope: str, on: date) -> int:
        """Checks due and not done on a day."""
        checks = ((entry.occurred_on + timedelta(days=30), self.done.get(entry.id)) for entry in self.standing())
        return sum(due <= on and not (done and done.done_on <= on) for due, done in checks) * self.lay_in(scope, on)

    def found(self, scope: str, period: Period) -> list[str]:
        """What checks of a period found."""
        checks = [self.done[entry.id] for entry in self.standing() if entry.id in self.done]
        inside = [done for done in checks if period.start <= done.done_on <= period.end]
        return [done.result for done in inside if self.lay_in(scope, done.done_on)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ledgers, st.tuples(days, days).map(sorted))
async def test_checks_of_any_ledger_are_counted_on_every_day(
    url: str, ledger: list[tuple[Any, ...]], asked: list[date]
) -> None:
    """Disbursed, looked after or not, reversed, moved: on each day what is due and not done, in a period what was."""
    conn = await asyncpg.connect(url)
    await conn.execute("truncate contribution, rollup, rollup_month")
    loans: dict[int, Loan] = {}
    told = Told(conn, "loans.loan")
    try:
        for serial, news in enumerate(ledger, 1):
            loan = loans.setdefault(news[0], Loan())
            loan.hear(serial, news)
            await told.tell(news[0], news[2], loan.state())
        measures = ["loans.checks_due", "loans.checks_done", "loans.checks_misused"]
        for end in {asked[1], *(START + timedelta(days=offset) for offset in range(0, DAYS + 31, 13))}:
            period = Period(min(asked[0], end), end)
            sums = await queries.sums(conn, SCOPES, measures, period)
            for scope in SCOPES:
                found = Counter(result for loan in loans.values() for result in loan.found(scope, period))
                share = round(100 * found["misused"] / found.total(), 4) if found.total() else None
                assert sums[scope]["loans.checks_due"] == sum(loan.due(scope, end) for loan in loans.values())
                assert sums[scope]["loans.checks_done"] == found.total()
                assert sums[scope]["loans.checks_misused"] == found["misused"]
                assert catalogue()["loans.misuse_share"].of(sums[scope]) == share
                parts = await queries.breakdown(conn, scope, catalogue()["loans.checks_done"], "result", period)
                assert parts == dict(sorted((+found).items()))
    finally:
        await conn.close()


def test_a_rating_holds_from_its_month_though_the_group_is_younger() -> None:
    """A group formed in mid-month is rated for that month from its first day."""
    spell = CreditGroupSpell(since=date(2024, 3, 15), cause="began", unit=UNITS[0], open=True)
    rating = Rated(since=date(2024, 3, 1), rating="good")
    state = CreditGroupState(timeline=[spell], ratings=[rating], savings=[]).model_dump(mode="json")
    step = change("loans.group", UUID(int=9), 1, date(2024, 4, 2), UNITS[0], BRANCHES[0], after=state)
    found = [(cell.dims, cell.on, value) for cell, _, _, value in commands.deltas(step)]
    assert found == [((("rating", "good"),), date(2024, 3, 15), 1)]
