"""Both maps: units as they stood on each day, and the same history on the units of today; recounted on every day."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.members import BranchSpell, MemberSpell
from services.members.timeline import at, carried, changed, placed
from services.reporting.contributions import commands, queries
from services.reporting.contributions.cells import Place
from services.reporting.contributions.periods import Period
from services.reporting.contributions.rules import contributions, inherited
from services.reporting.indicators.catalogue import catalogue
from tests.reporting.states import change, keep_branch, member_state, spell

HA_KHAU, DAI_YEN = "06655@2025-06-30", "06706@2025-06-30"
VIET_HUNG, TUAN_CHAU, HA_LONG = "06661", "06706", "06688"
UNITS = (HA_KHAU, DAI_YEN, VIET_HUNG, TUAN_CHAU, HA_LONG)
START, DAYS = date(2025, 6, 1), 60
REFORM, LATER = date(2025, 7, 1), date(2025, 7, 15)
HOMES = {1: HA_KHAU, 2: HA_KHAU, 3: DAI_YEN}
MEASURES = [
    *("members.active", "members.minority", "members.branches", "members.enrolled", "members.left"),
    *("members.transferred_in", "members.transferred_out", "members.rejoined"),
]
FOREVER = datetime(2100, 1, 1, tzinfo=UTC)


def branch_id(number: int) -> UUID:
    """The id of a branch of these tests."""
    return UUID(int=number)


class World:
    """Branches and members by number, and what reporting is told of them."""

    def __init__(self, conn: asyncpg.Connection) -> None:
        self.conn = conn
        self.members: dict[int, list[MemberSpell]] = {}
        self.branches: dict[UUID, list[BranchSpell]] = {}
        self.versions: Counter[UUID] = Counter()

    async def begin(self) -> None:
        """Three branches in two wards, opened before all days."""
        for number, unit in HOMES.items():
            began = BranchSpell(since=date(2020, 1, 1), cause="began", unit=unit, kind="residential", open=True)
            await self.tell_branch(branch_id(number), [began])

    async def tell_branch(self, branch: UUID, after: list[BranchSpell]) -> None:
        """A branch's new timeline."""
        await self._tell("members.branch", branch, branch, self.branches.get(branch), after)
        self.branches[branch] = after
        await keep_branch(self.conn, branch, after[-1].unit)

    async def tell_member(self, number: int, after: list[MemberSpell]) -> None:
        """A member's new timeline."""
        before = self.members.get(number)
        self.members[number] = after
        await self._tell("members.member", UUID(int=100 + number), after[-1].branch, before, after)

    async def _tell(self, kind: str, subject: UUID, branch: UUID, before: Any, after: Any) -> None:
        self.versions[subject] += 1
        states = [
            {**member_state(), "timeline": [s.model_dump(mode="json") for s in spells]} if spells else None
            for spells in (before, after)
        ]
        step = change(
            kind, subject, self.versions[subject], START, after[-1].unit, branch, before=states[0], after=states[1]
        )
        await commands.apply(self.conn, [step])

    async def carry(self, to: dict[UUID, str], since: date, split: tuple[UUID, UUID, str, set[int]] | None) -> None:
        """A reorganisation: branches go to units; of one, some members go to a branch that is opened elsewhere."""
        news = {
            branch: carried(self.branches[branch], since, {"unit": self.branches[branch][-1].unit}, unit=unit)
            for branch, unit in to.items()
        }
        if split:
            origin, fresh, unit, _ = split
            came = {"since": since, "kind": "residential"}
            out_of = self.branches[origin][-1].unit
            news[fresh] = [
                BranchSpell(cause="began", unit=out_of, open=False, **came),  # type: ignore[arg-type]
                BranchSpell(cause="reorganised", unit=unit, open=True, **came),  # type: ignore[arg-type]
            ]
        for number, spells in list(self.members.items()):
            after = spells
            if split and number in split[3]:
                after = carried(after, since, {"branch": split[0]}, branch=split[1])
            after = placed(after, {**self.branches, **news})
            if after != spells:
                await self.tell_member(number, after)
        for branch, path in news.items():
            await self.tell_branch(branch, path)

    def heir(self, spells: list[MemberSpell], there: MemberSpell) -> UUID:
        """Where one spell counts today: its branch, or the one she was carried into from it."""
        branch = there.branch
        for following in spells[spells.index(there) + 1 :]:
            if following.branch != branch and following.cause != "reorganised":
                break
            branch = following.branch
        return branch

    def now(self, spells: list[MemberSpell], there: MemberSpell) -> str:
        """The unit of today of one spell."""
        return self.branches[self.heir(spells, there)][-1].unit


days = st.integers(0, DAYS).map(lambda n: START + timedelta(days=n))
steps = st.lists(
    st.tuples(
        st.integers(0, 4),
        days,
        st.sampled_from(["changed", "moved", "moved", "ended", "resumed", "reform", "later"]),
        st.integers(1, 3),
        st.sampled_from(["01", "09"]),
        st.sets(st.integers(0, 4), max_size=3),
    ),
    max_size=20,
)


def moved_on(world: World, step: tuple[Any, ...]) -> list[MemberSpell] | None:
    """A member's timeline after a step; None if it cannot be made."""
    number, day, cause, place, ethnicity, _ = step
    spells, where = world.members.get(number), {"branch": branch_id(place)}
    if spells is None:
        first = MemberSpell.model_validate(spell(day, branch=where["branch"], unit=HA_KHAU, ethnicity=ethnicity))
        return placed([first], world.branches)
    last = max(s.since for s in spells if s.cause != "reorganised")
    active = spells[-1].status == "active"
    if day < last or active == (cause == "resumed"):
        return None
    if cause == "changed":
        return changed(spells, day, ethnicity=ethnicity)
    if cause == "ended":
        return changed(spells, day, cause, status="left", leaving_reason="own_wish")
    ended = [s for s in spells if s.since <= day]
    return placed(changed(ended, day, cause, status="active", leaving_reason=None, **where), world.branches)


async def take(world: World, step: tuple[Any, ...], done: set[str]) -> None:
    """Make one step, if it can be made; each reorganisation once."""
    one, two, three, fresh = (branch_id(number) for number in (1, 2, 3, 9))
    if step[2] == "reform" and "reform" not in done:
        done.add("reform")
        to = {one: VIET_HUNG, two: TUAN_CHAU, three: TUAN_CHAU}
        await world.carry(to, REFORM, (one, fresh, TUAN_CHAU, step[5]))
    elif step[2] == "later" and done == {"reform"}:
        done.add("later")
        await world.carry({one: HA_LONG, three: HA_LONG}, LATER, None)
    elif step[2] not in ("reform", "later") and (after := moved_on(world, step)):
        await world.tell_member(step[0], after)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
async def test_any_history_is_counted_on_both_maps(url: str, steps: list[tuple[Any, ...]]) -> None:
    """Movements and reorganisations in any order: on every day each unit's stock and flows are the brute count, on the
    units of then and of now; the province is the same on both, and so are reports as known."""
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("truncate contribution, rollup, rollup_month, carried, inherited")
        world, done = World(conn), set[str]()
        await world.begin()
        for step in steps:
            await take(world, step, done)
        for offset in range(0, DAYS + 1, 3):
            period = Period(START + timedelta(days=offset // 2), START + timedelta(days=offset))
            then = await queries.sums(conn, ["22", *UNITS], MEASURES, period)
            now = await queries.sums(conn, ["22", *UNITS], MEASURES, period, now=True)
            assert now == await queries.sums(conn, ["22", *UNITS], MEASURES, period, FOREVER, now=True)
            assert then["22"] == now["22"]
            for told in (then, now):
                for measure in MEASURES:
                    assert sum(told[unit][measure] for unit in UNITS) == told["22"][measure]
            active = [
                (there, world.now(spells, there))
                for spells in world.members.values()
                if (there := at(spells, period.end)) and there.status == "active"
            ]
            for unit in UNITS:
                assert then[unit]["members.active"] == sum(there.unit == unit for there, _ in active)
                assert now[unit]["members.active"] == sum(place == unit for _, place in active)
                groups = await queries.breakdown(
                    conn, unit, catalogue()["members.active"], "ethnicity", period, now=True
                )
                assert groups == dict(sorted(Counter(s.ethnicity for s, place in active if place == unit).items()))
                open_ones = {
                    branch: path[-1].unit
                    for branch, path in world.branches.items()
                    if (found := at(path, period.end)) and found.open
                }
                assert now[unit]["members.branches"] == list(open_ones.values()).count(unit)
                joined = [s[0] for s in world.members.values() if period.start <= s[0].since <= period.end]
                assert then[unit]["members.enrolled"] == sum(s.unit == unit for s in joined)
            if done == {"reform", "later"}:
                assert not any(now[unit][measure] for unit in (HA_KHAU, DAI_YEN) for measure in MEASURES)
    finally:
        await conn.close()


async def test_a_report_as_known_before_can_be_read_on_todays_map(url: str) -> None:
    """What had been recorded then, where it is now; not what was recorded later."""
    conn = await asyncpg.connect(url)
    try:
        world = World(conn)
        await world.begin()
        await world.tell_member(1, [MemberSpell.model_validate(spell("2025-06-05", branch=branch_id(1), unit=HA_KHAU))])
        await world.carry({branch_id(1): VIET_HUNG, branch_id(2): TUAN_CHAU}, REFORM, None)
        known = datetime(2024, 6, 1, tzinfo=UTC)
        await conn.execute("update contribution set known_at = $1 where version > 1", known + timedelta(days=1))
        period = Period(START, START + timedelta(days=20))
        for now, unit in ((False, HA_KHAU), (True, VIET_HUNG)):
            told = await queries.sums(conn, ["22", *UNITS], ["members.active"], period, known, now=now)
            assert {code for code, sums in told.items() if sums["members.active"]} == {"22", unit}
    finally:
        await conn.close()


@pytest.mark.parametrize(
    ("spells", "heirs"),
    [
        ([("1", "began"), ("1", "reorganised")], {}),
        ([("1", "began"), ("2", "moved")], {}),
        ([("1", "began"), ("2", "reorganised")], {"1": "2"}),
        ([("1", "began"), ("1", "changed"), ("2", "reorganised"), ("3", "reorganised")], {"1": "3", "2": "3"}),
        ([("1", "began"), ("2", "moved"), ("3", "reorganised")], {"2": "3"}),
        ([("1", "began"), ("2", "moved"), ("1", "moved"), ("3", "reorganised")], {"1": "3"}),
    ],
)
def test_who_is_split_off_takes_her_history_along(spells: list[tuple[str, str]], heirs: dict[str, str]) -> None:
    """From one branch into another by a reorganisation, not by a transfer; of the time right before it."""
    timeline = [
        spell(START + timedelta(days=n), cause, branch=str(UUID(int=int(branch))), unit=HA_KHAU)
        for n, (branch, cause) in enumerate(spells)
    ]
    here = Place(HA_KHAU, branch_id(1))
    found = inherited("members.member", member_state(*timeline), here)
    taken = {str(place.branch and place.branch.int) for (_, place), value in found.items() if value}
    assert taken == {branch for pair in heirs.items() for branch in pair}
    told = contributions("members.member", member_state(*timeline), here)
    assert sum(found.values()) == 0
    assert all(key in told or value >= 0 for key, value in found.items())
