"""What reorganisations make of places: on every day, in whatever order they are told, and undone; sums stay."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from contracts.credit_groups import CreditGroupSpell
from services.loans import timeline
from services.loans.entries.books import Contract, Entry, balances
from services.loans.reorganisations.course import (
    Carried,
    Stay,
    arrived,
    follow_household,
    lead,
    on,
    renamed,
    rounds,
)
from services.loans.timeline import Place, place_on

OLD, ONE, TWO = "06655@2025-06-30", "06661", "06706"
START, PLAN = date(2025, 6, 1), date(2025, 7, 1)
DAYS = [START + timedelta(days=n) for n in range(61)]
HOME, OTHER, FRESH = (UUID(int=n) for n in (1, 2, 3))
HOMES = {HOME: OLD, OTHER: OLD}
days = st.sampled_from(DAYS)
spots = st.tuples(st.sampled_from([OLD, ONE, TWO]), st.sampled_from([HOME, OTHER, None]))


def place(since: date, unit: str, branch: UUID | None, status: str | None = None) -> Place:
    """A borrower's place."""
    return Place.model_validate({"since": since, "unit": unit, "branch": branch, "poverty_status": status})


def dated(pairs: dict[date, tuple[str, UUID | None]]) -> list[Place]:
    """A borrower's places, oldest first."""
    return [place(since, *pairs[since], "poor" if since.day % 2 else None) for since in sorted(pairs)]


def stayed(branch: UUID, to: str | None = None, by: UUID | None = None, since: date = START) -> list[Stay]:
    """Where a household or branch is told to be, carried on the plan's day if `to`."""
    if to and since >= PLAN:
        return [Stay(since, "began", to, by or branch)]
    began = Stay(since, "began", OLD, branch)
    return [began, Stay(PLAN, "reorganised", to, by or branch)] if to else [began]


places = st.dictionaries(days, spots, min_size=1, max_size=4).map(dated)
households = st.tuples(
    st.sampled_from([HOME, OTHER]), st.sampled_from([ONE, TWO]), st.sampled_from([None, FRESH]), days
)


@given(places, households)
def test_a_borrower_is_where_its_household_went_on_every_day(
    lived: list[Place], told: tuple[UUID, str, UUID | None, date]
) -> None:
    """From the plan's day where it was where its household was; else, and before, as it was. Undone, and twice, too."""
    branch, to, by, since = told
    carried = Carried(PLAN, stayed(branch, since=since), stayed(branch, to, by, since))
    after = follow_household(lived, carried)
    for day in DAYS:
        was, now = place_on(lived, day), place_on(after, day)
        goes = day >= PLAN and was.unit == OLD and was.branch in (None, branch)
        expected = (to, was.branch and (by or branch)) if goes else (was.unit, was.branch)
        assert (now.unit, now.branch, now.poverty_status) == (*expected, was.poverty_status)
    assert follow_household(after, carried) == after
    held = [place_on(lived, day) for day in DAYS if day >= PLAN]
    if not any((each.unit, each.branch) in ((to, by or branch), (to, None)) for each in held):
        back = follow_household(after, Carried(PLAN, carried.after, carried.before))
        for day in DAYS:
            was, now = place_on(lived, day), place_on(back, day)
            assert (now.unit, now.branch, now.poverty_status) == (was.unit, was.branch, was.poverty_status)


@given(places, households)
def test_who_is_registered_later_is_where_it_would_have_been(
    lived: list[Place], told: tuple[UUID, str, UUID | None, date]
) -> None:
    """Registered before the plan was told or after it: the same place from the first day on."""
    branch, to, by, _ = told
    first, after = lived[0], stayed(branch, to, by)
    late = arrived(first, after)
    early = follow_household([first], Carried(PLAN, stayed(branch), after))
    for day in [day for day in DAYS if day >= first.since]:
        assert place_on(late, day) == place_on(early, day).model_copy(update={"since": place_on(late, day).since})


loans = st.tuples(places, st.integers(1, 50), days, st.sampled_from([HOME, OTHER]), st.booleans())


@given(st.lists(loans, max_size=8), st.sampled_from([ONE, TWO]))
def test_the_province_owes_the_same_as_the_sum_of_its_communes(
    lent: list[tuple[list[Place], int, date, UUID, bool]], to: str
) -> None:
    """On every day, before and after: what leaves one commune comes to another, to the last đồng."""

    def owed(carry: bool) -> dict[date, Counter[str]]:
        found = {day: Counter[str]() for day in DAYS}
        for number, (lived, amount, paid_on, branch, goes) in enumerate(lent):
            carried = Carried(PLAN, stayed(branch), stayed(branch, to))
            lives = follow_household(lived, carried) if carry and goes else lived
            entries = [Entry(UUID(int=number + 1), "disbursement", amount, paid_on)]
            spells = timeline.of_loan(lives, balances(Contract(paid_on, date(2027, 1, 1)), entries))
            for day in DAYS:
                if spell := timeline.at(spells, day):
                    found[day][spell.unit] += spell.in_term + spell.overdue + spell.frozen
        return found

    before, after = owed(False), owed(True)
    for day in DAYS:
        province = sum(amount for _, amount, paid_on, _, _ in lent if paid_on <= day)
        assert before[day].total() == after[day].total() == province
        assert day >= PLAN or before[day] == after[day]


class Village:
    """A group and its members, and what is told of branches and households, in any order."""

    def __init__(self, opened_on: date, branch: UUID | None, homes: Sequence[UUID]) -> None:
        began = {"since": opened_on, "cause": "began", "unit": OLD, "branch": branch, "open": True}
        self.spells = [CreditGroupSpell.model_validate(began)]
        self.members = [[place(START, OLD, home)] for home in homes]
        self.branches = {branch: stayed(branch) for branch in HOMES}
        self.households = [stayed(home) for home in homes]
        self.undecided = False

    def tell(self, *news: tuple[UUID | int, list[Stay]]) -> None:
        """A batch of what branches (by id) and households (by number) are told to be now."""
        before = list(self.members)
        branches = []
        for who, stays in news:
            if isinstance(who, UUID):
                branches.append(Carried(PLAN, self.branches[who], stays))
                self.branches[who] = stays
            else:
                carried = Carried(PLAN, self.households[who], stays)
                self.members[who] = follow_household(self.members[who], carried)
                self.households[who] = stays
        self.spells, undecided = lead(self.spells, PLAN, branches, before, self.members, self.branches)
        self.undecided = self.undecided if undecided is None else undecided

    @property
    def place(self) -> tuple[str, UUID | None, bool]:
        """Where the group is, and whether that is undecided."""
        return self.spells[-1].unit, self.spells[-1].branch, self.undecided


members = st.lists(st.tuples(st.sampled_from([HOME, OTHER]), st.booleans()), min_size=1, max_size=5)


@given(
    st.sampled_from([START, PLAN + timedelta(days=9)]),
    st.sampled_from([HOME, None]),
    members,
    st.sampled_from([ONE, None]),
    st.sampled_from([ONE, TWO]),
    st.data(),
)
def test_a_group_ends_in_one_place_however_it_is_told(
    opened_on: date,
    entrusted: UUID | None,
    who: list[tuple[UUID, bool]],
    first: str | None,
    second: str,
    data: st.DataObject,
) -> None:
    """Its branch goes or stays, the other branch goes, some households are split off: the order decides nothing.

    With its branch, where its households went if that is one place, and undecided otherwise; back once all is undone.
    """
    homes = [home for home, _ in who]
    village = Village(opened_on, entrusted, homes)
    to = {HOME: first, OTHER: second}
    news: list[tuple[UUID | int, list[Stay]]] = [(branch, stayed(branch, unit)) for branch, unit in to.items() if unit]
    split = [home == HOME and away for home, away in who]
    for number, home in enumerate(homes):
        if split[number] or to[home]:
            unit, by = (TWO, FRESH) if split[number] else (to[home], None)
            news.append((number, stayed(home, unit, by)))
    order, cut = data.draw(st.permutations(news)), data.draw(st.integers(0, len(news)))
    for batch in (order[:cut], order[cut:]):
        village.tell(*batch)
    own = [split[number] for number, home in enumerate(homes) if home == HOME]
    if entrusted:
        parted = len(set(own)) > 1
        gone = own and all(own)
        assert village.place == ((TWO, FRESH, False) if gone else (first or OLD, HOME, parted))
    else:
        units = {TWO if split[number] else to[home] or OLD for number, home in enumerate(homes)}
        assert village.place == ((*units, None, False) if len(units) == 1 else (OLD, None, True))
    undone: list[tuple[UUID | int, list[Stay]]] = [
        (who_, stayed(who_ if isinstance(who_, UUID) else homes[who_])) for who_, _ in news
    ]
    order, cut = data.draw(st.permutations(undone)), data.draw(st.integers(0, len(news)))
    for batch in (order[:cut], order[cut:]):
        village.tell(*batch)
    assert village.place == (OLD, entrusted, False)
    assert len(village.spells) == 1


def test_a_name_that_is_taken_there_is_told_apart_until_it_is_back() -> None:
    """By the unit it came from, and by a number if even that is taken; its own again where it came from."""
    assert renamed("Tổ 1", {"to 2"}, OLD, ONE) == "Tổ 1"
    longer = renamed("Tổ 1", {"to 1"}, OLD, ONE)
    assert longer == "Tổ 1 (Phường Hà Khẩu)"
    assert renamed("Tổ 1", {"to 1", "to 1 (phuong ha khau)"}, OLD, ONE) == "Tổ 1 (Phường Hà Khẩu 2)"
    assert renamed(longer, set(), ONE, OLD) == "Tổ 1"
    assert renamed("Tổ 1 (Phường Hà Khẩu 2)", {"to 1"}, ONE, OLD) == "Tổ 1 (Phường Hà Khẩu 2)"


@given(st.lists(st.tuples(st.sampled_from([HOME, OTHER, FRESH]), st.sampled_from([START, PLAN])), max_size=9))
def test_rounds_keep_each_subjects_order(changes: list[tuple[UUID, date]]) -> None:
    """Every change is in one round, of one day, once a subject, after the earlier ones of its subject."""
    made = list(rounds(changes))
    assert sorted(number for each in made for number in each) == list(range(len(changes)))
    for each in made:
        assert len({changes[number][1] for number in each}) == 1
        assert len({changes[number][0] for number in each}) == len(each)
    order = [number for each in made for number in each]
    for subject in (HOME, OTHER, FRESH):
        own = [number for number in order if changes[number][0] == subject]
        assert own == sorted(own)


def test_before_anything_is_told_a_household_is_where_it_was_first() -> None:
    """A day before the first stay is answered with the first."""
    assert on(stayed(HOME, ONE), date(2000, 1, 1)) == (OLD, HOME)
