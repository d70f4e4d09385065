"""Timelines: a change holds from its day on, touches nothing else, and ends where something else is known."""

from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from contracts.members import HouseholdSpell, MemberSpell
from services.members.timeline import at, changed, compact, joined, nearest, next_after, put_right, with_poverty

START, DAYS = date(2024, 1, 1), 30
HOME = UUID(int=7)
days = st.integers(0, DAYS).map(lambda n: START + timedelta(days=n))
EVERY = [START + timedelta(days=n) for n in range(DAYS + 1)]


def spell(since: date = START, cause: str = "began", **fields: object) -> MemberSpell:
    """A spell of one member."""
    place = {"unit": "06760", "branch": UUID(int=1), "status": "active", "kind": "ordinary", "ethnicity": "01"}
    return MemberSpell.model_validate({"since": since, "cause": cause, "core": False, **place, **fields})


timelines = st.lists(st.tuples(days, st.booleans(), st.sampled_from(["01", "09"])), max_size=5).map(
    lambda found: [
        spell(),
        *(spell(on, "changed", core=core, ethnicity=code) for on, core, code in sorted(found)),
    ]
)


@given(timelines, days, st.booleans())
def test_a_change_holds_until_something_else_is_known(timeline: list[MemberSpell], since: date, core: bool) -> None:
    """Before it nothing changes; from it on it holds until a later spell had said otherwise; nothing else moves."""
    after = changed(timeline, since, core=core)
    held = nearest(timeline, since).core
    until = next((s.since for s in timeline if s.since > since and s.core != held), date.max)
    for day in EVERY:
        was, now = nearest(timeline, day), nearest(after, day)
        assert now.ethnicity == was.ethnicity
        assert now.core == (core if since <= day < until else was.core)
    assert [s.since for s in after] == sorted(s.since for s in after)


@given(timelines)
def test_compacting_changes_no_day(timeline: list[MemberSpell]) -> None:
    """Spells that say nothing new go; every day reads the same, and doing it again changes nothing."""
    kept = compact(timeline)
    assert all(
        nearest(kept, day).model_dump(exclude={"since", "cause"})
        == nearest(timeline, day).model_dump(exclude={"since", "cause"})
        for day in EVERY
    )
    assert compact(kept) == kept


@given(timelines, st.lists(st.tuples(days, st.sampled_from(["poor", "near_poor", "other"])), max_size=4))
def test_a_member_carries_her_households_status_of_each_day(
    timeline: list[MemberSpell], statuses: list[tuple[date, str]]
) -> None:
    """On every day the household's status of that day, none before its first; told again it is the same."""
    home = [
        HouseholdSpell.model_validate(
            {"since": on, "cause": "changed", "unit": "06760", "branch": UUID(int=1), "poverty_status": status}
        )
        for on, status in sorted(statuses)
    ]
    inside = put_right(timeline, household=HOME)
    told = with_poverty(inside, {HOME: home})
    for day in EVERY:
        status = at(home, day)
        assert nearest(told, day).poverty_status == (status.poverty_status if status else None)
        assert nearest(told, day).core == nearest(timeline, day).core
    assert with_poverty(told, {HOME: home}) == told
    assert with_poverty(inside, {}) == compact(inside)


def test_where_a_membership_begins_and_what_is_still_to_come() -> None:
    """The last beginning up to a day; the next day on which something changes."""
    timeline = [
        spell(),
        spell(START + timedelta(days=5), "ended", status="left"),
        spell(START + timedelta(days=9), "resumed"),
    ]
    assert [joined(timeline, START + timedelta(days=n)) for n in (0, 6, 9)] == [0, 0, 2]
    assert next_after(timeline, START) == START + timedelta(days=5)
    assert next_after(timeline, START + timedelta(days=9)) is None
    assert at(timeline, START - timedelta(days=1)) is None
