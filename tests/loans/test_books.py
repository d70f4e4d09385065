"""The books: a function of the set of entries, whatever the order of recording; interest day by day."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.loans.entries.books import KINDS, Balance, Contract, Entry, Impossible, at, balances, flows
from services.loans.entries.interest import Rates, accrued, months_after, months_between, schedule

START, DUE = date(2022, 1, 10), date(2024, 12, 31)
CONTRACT = Contract(START, DUE)
RATES = Rates(83_820, 130)
SIGNS = {"disbursement": 1, "principal": -1, "write_off": -1}


def entry(number: int, kind: str, amount: int, days: int, until: int = 0) -> Entry:
    """An entry so many days after the contract; an extension or freeze lasts `until` days more."""
    on = START + timedelta(days=days)
    last = on + timedelta(days=until) if kind in ("extension", "freeze") else None
    return Entry(UUID(int=number), kind, amount, on, last)  # type: ignore[arg-type]


lines = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(1, 60), st.integers(0, 1500), st.integers(1, 400)), max_size=14
)


def possible(drawn: list[tuple[str, int, int, int]]) -> list[Entry]:
    """Those of the entries that can be, one after the other."""
    kept: list[Entry] = []
    for number, line in enumerate(drawn, 1):
        try:
            balances(CONTRACT, [*kept, entry(number, *line)])
        except Impossible:
            continue
        kept.append(entry(number, *line))
    return kept


def owed(entries: list[Entry], day: date) -> int:
    """What is owed on a day by plain addition."""
    return sum(SIGNS.get(each.kind, 0) * each.amount for each in entries if each.occurred_on <= day)


@given(lines)
def test_the_parts_are_the_whole_on_every_day(drawn: list[tuple[str, int, int, int]]) -> None:
    """in_term + overdue + frozen = the sum of entries, none of them below nothing, and no part overdue unless dated."""
    entries = possible(drawn)
    for balance in balances(CONTRACT, entries):
        assert min(balance.in_term, balance.overdue, balance.frozen) >= 0
        assert balance.in_term + balance.overdue + balance.frozen == balance.outstanding == owed(entries, balance.since)
        assert (balance.overdue > 0) == (balance.overdue_since is not None)
        assert not balance.in_term or balance.since <= balance.due_on
    for each in entries:
        now = at(balances(CONTRACT, entries), each.occurred_on)
        assert now is not None
        assert now.outstanding == owed(entries, each.occurred_on)


@given(lines, st.randoms())
def test_the_order_of_recording_does_not_matter(drawn: list[tuple[str, int, int, int]], chance: st.randoms) -> None:  # type: ignore[valid-type]
    """Any permutation of the same entries adds up to the same books."""
    entries = possible(drawn)
    shuffled = list(entries)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert balances(CONTRACT, shuffled) == balances(CONTRACT, entries)
    assert list(flows(shuffled)) == list(flows(entries))


@given(lines)
def test_a_reversed_entry_counts_on_no_day(drawn: list[tuple[str, int, int, int]]) -> None:
    """With its reversal it is as if it had never been; money of each kind and day agrees with the entries."""
    entries = possible(drawn)
    assume(entries)
    last = entries[-1]
    counter = Entry(UUID(int=99), "reversal", last.amount, last.occurred_on, None, last.id)
    assert balances(CONTRACT, [*entries, counter]) == balances(CONTRACT, entries[:-1])
    assert sum(flow.amount for flow in flows(entries) if flow.kind == "disbursed") == sum(
        each.amount for each in entries if each.kind == "disbursement"
    )


@given(lines)
def test_news_changes_no_earlier_day(drawn: list[tuple[str, int, int, int]]) -> None:
    """An entry leaves every day before its own as it was."""
    entries = possible(drawn)
    assume(entries)
    *others, last = entries
    before, after = balances(CONTRACT, others), balances(CONTRACT, entries)
    day = last.occurred_on - timedelta(days=1)
    assert [b for b in before if b.since <= day] == [b for b in after if b.since <= day]


@given(lines, st.integers(0, 1800))
def test_interest_is_the_sum_of_its_days(drawn: list[tuple[str, int, int, int]], days: int) -> None:
    """The same as adding day by day, in fractions, and rounding once; frozen debt bears none."""
    timeline = balances(CONTRACT, possible(drawn))
    total = 0
    for number in range(days):
        now = at(timeline, START + timedelta(days=number))
        assert now is not None
        total += now.in_term * 100 + now.overdue * 130
    exact = total * 83_820 / (365 * 1_000_000 * 100)
    assert abs(accrued(RATES, timeline, START + timedelta(days=days)) - exact) <= 0.5000001


def test_interest_of_a_plain_year() -> None:
    """100 million at 8.382 % for 365 days are 8,382,000 VND; at 130 % of it, 10,896,600."""
    term = [Balance(START, "in_term", DUE, in_term=100_000_000)]
    late = [Balance(START, "overdue", DUE, overdue=100_000_000, overdue_since=START)]
    year = START + timedelta(days=365)
    assert (accrued(RATES, term, year), accrued(RATES, late, year)) == (8_382_000, 10_896_600)


@given(st.integers(1, 10**10), st.integers(1, 24), st.integers(0, 1500))
def test_a_schedule_pays_back_all_and_no_more(amount: int, every: int, days: int) -> None:
    """Instalments differ by one VND at most, add up to the balance, and the last is on the due day."""
    day = START + timedelta(days=days)
    planned = schedule(RATES, Balance(START, "in_term", DUE, in_term=amount), day, every)
    if day >= DUE:
        assert planned == []
        return
    assert sum(each.principal for each in planned) == amount
    assert planned[-1].due_on == DUE
    assert max(each.principal for each in planned) - min(each.principal for each in planned) <= 1
    assert [each.due_on for each in planned] == sorted({each.due_on for each in planned})


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.integers(0, 200))
def test_months_go_there_and_back(day: date, months: int) -> None:
    """So many months after a day are so many months between."""
    assert months_between(day, months_after(day, months)) == months


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("disbursement", 100, 0)], [("in_term", 100, 0, 0), ("overdue", 0, 100, 0)]),
        ([("disbursement", 100, 0), ("principal", 100, 9)], [("in_term", 100, 0, 0), ("repaid", 0, 0, 0)]),
        (
            [("disbursement", 100, 0), ("to_overdue", 30, 5), ("principal", 40, 9)],
            [("in_term", 100, 0, 0), ("overdue", 70, 30, 0), ("in_term", 60, 0, 0), ("overdue", 0, 60, 0)],
        ),
        (
            [("disbursement", 100, 0), ("freeze", 100, 5, 10), ("unfreeze", 40, 7)],
            [
                *(("in_term", 100, 0, 0), ("frozen", 0, 0, 100), ("frozen", 40, 0, 60), ("in_term", 100, 0, 0)),
                ("overdue", 0, 100, 0),
            ],
        ),
        (
            [("disbursement", 100, 0), ("freeze", 50, 5, 2000), ("write_off", 80, 9)],
            [("in_term", 100, 0, 0), ("frozen", 50, 0, 50), ("in_term", 20, 0, 0), ("overdue", 0, 20, 0)],
        ),
        (
            [("disbursement", 100, 0), ("extension", 100, 1100, 200)],
            [("in_term", 100, 0, 0), ("overdue", 0, 100, 0), ("extended", 100, 0, 0), ("overdue", 0, 100, 0)],
        ),
        ([("disbursement", 100, 1), ("write_off", 100, 9)], [*[("in_term", 100, 0, 0)], ("written_off", 0, 0, 0)]),
    ],
)
def test_each_kind_moves_what_it_should(lines: list[tuple[str, int, int]], expected: list[tuple[object, ...]]) -> None:
    """Overdue first, then in term, then frozen when paid; frozen first when written off; freezes end by date."""
    timeline = balances(CONTRACT, [entry(number, *line) for number, line in enumerate(lines, 1)])
    found = [(each.status, each.in_term, each.overdue, each.frozen) for each in timeline]
    assert [each for each in found if each[0] != "signed"] == expected
