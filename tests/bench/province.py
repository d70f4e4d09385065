"""The members service's tables as a province fills them: 54 communes, 1,620 branches, 420,000 members, their journal.

By COPY, for commands would take an hour; but each row is what `branches`, `households` and `members` themselves make
of a record. Names are put together by chance from common Vietnamese words, and numbered: nobody's.
"""

import asyncio
import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from itertools import accumulate, chain, count, islice
from multiprocessing import get_context
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from contracts import members as events
from contracts import units
from contracts.members import BranchSpell, MemberSpell
from contracts.offices import Fee, OfficerRole
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.reach import Reach
from services.members import timeline
from services.members.branches import commands as branches
from services.members.branches.schemas import BranchOut
from services.members.households import commands as households
from services.members.households.schemas import HouseholdIn
from services.members.members.record import COLUMNS, Member
from tests.bench.events import COMMUNES, ETHNICITIES

PER_COMMUNE, HOUSEHOLDS, CHUNK = 30, 100_000, 10_000
FOUNDED, START = date(2010, 1, 1), date(2015, 7, 1)
WORDS = (
    """Nguyễn Trần Lê Phạm Hoàng Vũ Phan Đặng Bùi Đỗ Ngô Dương Lý Hồ Đinh Trịnh Mai Đoàn Lương Tô Tạ Hà Cao Lưu Chu Nông
    Bế Triệu Đàm Chíu Tằng Lỷ Voòng Sằn Phùn Loan Ninh Vi Từ Kiều""",
    "Thị Thu Thanh Ngọc Kim Hồng Minh Bích Phương Thúy Mỹ Diệu Hải Tuyết Như Lan Hoài Khánh Xuân Quỳnh",
    """Hoa Hương Lan Huyền Nga Hằng Thảo Hà Hạnh Liên Thủy Yến Mai Phương Dung Nhung Loan Trang Anh Oanh Hường Thúy Hiền
    Vân Linh Tuyết Bình Nguyệt Hòa Xuân Ngân Cúc Thơm Tâm Chi Giang Hậu Ly Lý My Nhàn Phượng Quyên Sen Thoa Trinh Tươi
    Vui Bích Cẩm Châu Diễm Duyên Đào Điệp Gấm Hân Hoài Hoàn Hợi Huệ Khuyên Lam Lành Lệ Lụa Mận Mùi Ngát Ngoan Nhạn Nụ
    Quế Quy Sáu Soan Tám Thắm Thêu Thìn Tỵ Uyên Vinh Xoan Ý""",
)
"""Family, middle and given names, the commonest first."""
REASONS = ("moved_away", "own_wish", "age_or_health", "long_absence")


class Branch(NamedTuple):
    """A branch, the unit it is in, and its way there."""

    id: UUID
    unit: str
    path: list[BranchSpell]
    homes: list[UUID]


class Version(NamedTuple):
    """A member at one version, the event that told it, and the day it counts from."""

    member: Member
    event: type[events.MemberState]
    day: date


class Province(NamedTuple):
    """What was loaded, as far as requests need it."""

    branches: list[Branch]
    members: list[UUID]


async def load(url: str, number: int) -> Province:
    """Fill an empty, migrated members database with so many members, in two processes, and analyze it."""
    conn = await asyncpg.connect(url)
    try:
        async with conn.transaction():
            found = await _branches(conn)
            await _households(conn, found)
        loop, half = asyncio.get_running_loop(), number // 2
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            parts = [loop.run_in_executor(pool, _members, url, found, half, seed) for seed in (1, 2)]
            ids = [each for part in await asyncio.gather(*parts) for each in part]
        await conn.execute("vacuum analyze")
    finally:
        await conn.close()
    return Province(found, ids)


def _members(url: str, found: Sequence[Branch], number: int, seed: int) -> list[UUID]:
    return asyncio.run(_enrol(url, found, number, random.Random(seed)))


async def _enrol(url: str, found: Sequence[Branch], number: int, chance: random.Random) -> list[UUID]:
    """So many members with their lives; their ids."""
    ids: list[UUID] = []
    conn = await asyncpg.connect(url)
    for _ in range(0, number, CHUNK):
        lives = [_life(chance, found) for _ in range(CHUNK)]
        members = [life[-1].member for life in lives]
        async with conn.transaction():
            rows = [member.row(today()) for member in members]
            await conn.copy_records_to_table("member", records=rows, columns=COLUMNS)
            facts = [member.fact(event, day) for life in lives for member, event, day in life]
            await journal.copy(conn, facts)
            roles = [
                (role.id, member.id, role.level, role.position, role.place, role.since, role.until)
                for member in members
                for role in member.roles
            ]
            await conn.copy_records_to_table("officer_role", records=roles)
        ids += [member.id for member in members]
    await conn.close()
    return ids


async def _branches(conn: asyncpg.Connection) -> list[Branch]:
    made = []
    for unit in COMMUNES:
        before = [pair.legacy.key for pair in units.predecessors(unit)]
        for number in range(PER_COMMUNE):
            first = BranchSpell(
                since=FOUNDED, cause="began", unit=before[number % len(before)], kind="residential", open=True
            )
            path = timeline.carried([first], units.REFORM, {"unit": first.unit}, unit=unit)
            made.append(Branch(journal.new_id(), unit, path, []))
    values: dict[str, Any] = {
        "kind": "residential",
        "opened_on": FOUNDED,
        "closed_on": None,
        "recorded_at": journal.now(),
    }
    shown = [
        BranchOut(id=each.id, unit=each.unit, name=f"Khu {n}", timeline=each.path, version=len(each.path), **values)
        for n, each in enumerate(made)
    ]
    records = [branches._row(each) for each in shown]
    await conn.copy_records_to_table("branch", records=records, columns=branches.COLUMNS)
    facts = [
        journal.Fact(events.BranchReorganised(timeline=each.path), each.id, 2, units.REFORM, each.unit, each.id)
        for each in made
    ]
    await journal.copy(conn, facts)
    return made


async def _households(conn: asyncpg.Connection, found: Sequence[Branch]) -> None:
    chance = random.Random(0)
    there = [chance.choice(found) for _ in range(HOUSEHOLDS)]
    for start in range(0, HOUSEHOLDS, CHUNK):
        part = there[start : start + CHUNK]
        bodies = [HouseholdIn(branch=each.id, address=f"Số {n}", registered_on=START) for n, each in enumerate(part)]
        made = await households.register(conn, Reach(COMMUNES), bodies)
        for branch, home in zip(part, made, strict=True):
            branch.homes.append(home.id)


def name(chance: random.Random) -> str:
    """A full name and a number; the first words of each list are the commonest, as in life."""
    words = [chance.choices(pool, cum_weights=weights)[0] for pool, weights in _POOLS]
    return f"{' '.join(words)} {chance.randint(1, 999)}"


def searches(chance: random.Random, number: int) -> list[str]:
    """What officers seek: a whole name, its last two words, or one; the last word often unfinished."""
    found = []
    for _ in range(number):
        words = name(chance).split()[:-1]
        words = words[chance.choices((0, 1, 2), (70, 20, 10))[0] :]
        last = words[-1]
        found.append(" ".join([*words[:-1], last[: max(2, len(last) - chance.randint(0, 2))]]))
    return found


def _pool(words: str, weights: Iterable[int]) -> tuple[list[str], list[int]]:
    """Words with cumulated weights."""
    found = words.split()
    return found, list(accumulate(islice(weights, len(found))))


_POOLS = [
    _pool(WORDS[0], chain([310, 110, 90, 70, 50, 45, 40, 30], (2_000 // n**2 for n in count(9)))),
    _pool(WORDS[1], chain([600], (400 // n for n in count(9)))),
    _pool(WORDS[2], (1_000 // n for n in count(4))),
]


def _life(chance: random.Random, found: Sequence[Branch]) -> list[Version]:
    """The versions of one member."""
    branch = chance.choice(found)
    joined = START + timedelta(days=int(chance.random() * 4_000))
    spell = MemberSpell(
        since=joined,
        cause="began",
        unit=branch.unit,
        branch=branch.id,
        household=chance.choice(branch.homes) if chance.random() < 0.7 else None,
        status="active",
        kind="honorary" if chance.random() < 0.01 else "ordinary",
        core=chance.random() < 0.1,
        ethnicity=chance.choice(ETHNICITIES),
    )
    year = chance.randint(1945, 1995)
    member = Member(
        id=journal.new_id(),
        name=name(chance),
        birth_date=date(year, 1, 1) + timedelta(days=chance.randrange(365)) if chance.random() < 0.7 else None,
        birth_year=year,
        card_number=f"QN-{chance.randrange(10**6)}" if chance.random() < 0.3 else None,
        timeline=timeline.placed([spell], {branch.id: branch.path}),
        version=1,
        recorded_at=journal.now(),
    )
    life = [Version(member, events.MemberEnrolled, joined)]
    for event, spells, day in _changes(chance, member.timeline, found):
        life.append(Version(life[-1].member.next(spells), event, day))
    last, _, day = life[-1]
    if last.timeline[-1].status == "active" and chance.random() < 0.5:
        fees = [Fee(year=2025, standing="paid", on=date(2025, 12, 1))]
        life.append(Version(last.next(last.timeline, fees=fees), events.MemberFeesChanged, fees[0].on))
    if last.timeline[-1].status == "active" and chance.random() < 0.01:
        place = str(last.timeline[-1].branch)
        role = OfficerRole(id=journal.new_id(), level="branch", position="head", place=place, since=day)
        life.append(Version(life[-1].member.next(last.timeline, roles=[role]), events.MemberRolesChanged, day))
    return life


def _changes(
    chance: random.Random, spells: list[MemberSpell], found: Sequence[Branch]
) -> Iterator[tuple[type[events.MemberState], list[MemberSpell], date]]:
    """What happens after she joined: a change, a move, the end; each to a few."""
    day = max(spells[-1].since, units.REFORM) + timedelta(days=chance.randint(1, 200))
    if chance.random() < 0.2:
        spells = timeline.changed(spells, day, core=True)
        yield events.MemberCorrected, spells, day
    day += timedelta(days=chance.randint(1, 100))
    if chance.random() < 0.1:
        branch = chance.choice(found)
        where = {"unit": branch.unit, "branch": branch.id, "group": None, "household": None}
        spells = timeline.changed(spells, day, cause="moved", **where)
        yield events.MemberTransferred, spells, day
    day += timedelta(days=chance.randint(1, 100))
    if chance.random() < 0.08:
        yield (
            events.MemberLeft,
            timeline.changed(spells, day, cause="ended", status="left", leaving_reason=chance.choice(REASONS)),
            day,
        )
