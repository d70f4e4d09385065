"""Members whose lives a test knows beside the service: what each command does, and where it leaves her."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from contracts import units
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Problem
from services.chassis.reach import Reach
from services.members.branches import commands as branches
from services.members.branches.schemas import BranchIn
from services.members.departures import commands as departures
from services.members.departures.schemas import DepartureIn, RejoinIn
from services.members.history import commands as history
from services.members.households import commands as households
from services.members.households import queries as homes
from services.members.households.schemas import HouseholdIn, PovertyStatusIn
from services.members.members import commands, queries
from services.members.members.schemas import MemberIn, MemberPatch
from services.members.merges import commands as merges
from services.members.merges.schemas import MergeIn, UnmergeIn
from services.members.reorganisations import commands as plans
from services.members.reorganisations.schemas import Mapping, PlanIn, PlanOut
from services.members.timeline import PASSAGES, at
from services.members.transfers import commands as transfers
from services.members.transfers import queries as requests
from services.members.transfers.schemas import AcceptanceIn, RefusalIn, TransferIn
from tests.builders import BA_CHE, MONG_DUONG
from tests.members.planning import HA_LONG

REACH = Reach(units.subtree("22"))
UNITS = (MONG_DUONG, BA_CHE, HA_LONG)


class Passage(NamedTuple):
    """From a day on she is in a branch, or in none."""

    since: date
    kind: str
    branch: UUID | None


@dataclass
class Life:
    """What the test knows of one record."""

    passages: list[Passage]
    asked: Passage | None = None
    merges: dict[UUID, tuple[list[Passage], list[Passage], list[Passage]]] = field(default_factory=dict)
    merged: bool = False

    def on(self, day: date) -> UUID | None:
        """The branch she is in on a day."""
        return next((p.branch for p in reversed(self.passages) if p.since <= day), None)

    def add(self, passage: Passage) -> None:
        """She does something on a day."""
        self.passages = sorted([*self.passages, passage], key=lambda p: p.since)


Path = list[tuple[date, str]]
"""From which day a branch is in which unit."""


class World:
    """Three branches in two communes, a household, the records made so far, and where plans carried the branches."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.day = today()
        self.lives: dict[UUID, Life] = {}
        self.plans: list[tuple[PlanOut, dict[UUID, Path]]] = []

    async def begin(self) -> None:
        """Branches, and a household that becomes poor."""
        made = [
            await branches.create(self.conn, REACH, BranchIn(unit=unit, name=name, opened_on=date(2010, 1, 1)))
            for unit, name in ((MONG_DUONG, "Khu 1"), (MONG_DUONG, "Khu 2"), (BA_CHE, "Khu 1"))
        ]
        self.branches = [branch.id for branch in made]
        self.paths = {branch.id: [(branch.opened_on, branch.unit)] for branch in made}
        born = HouseholdIn(branch=self.branches[0], registered_on=date(2020, 1, 1))
        (home,) = await households.register(self.conn, REACH, [born])
        self.home = home.id

    def unit(self, branch: UUID, day: date | None = None) -> str:
        """The unit a branch is in on a day; default: now."""
        return [unit for since, unit in self.paths[branch] if day is None or since <= day][-1]

    async def step(self, kind: str, who: int, offset: int, place: int, flag: bool) -> None:
        """Do one thing; what is refused changes nothing, neither there nor here."""
        day = self.day + timedelta(days=offset)
        ids = list(self.lives)
        subject = ids[who % len(ids)] if ids else None
        if kind != "enrol" and subject is None:
            return
        try:
            async with self.conn.transaction():
                known = await getattr(self, kind)(subject, day, self.branches[place], flag)
        except Problem:
            return
        known()

    async def version(self, subject: UUID) -> int:
        """What a caller would have read."""
        return (await queries.record(self.conn, REACH, subject)).version

    async def enrol(self, _: UUID | None, day: date, branch: UUID, flag: bool) -> Any:
        """A member joins, in the household if she can."""
        home = self.home if flag and self.unit(branch) == self.unit(self.branches[0]) else None
        body = MemberIn(branch=branch, household=home, name="Hội viên Mẫu", core=flag, joined_on=day)
        made = await commands.enrol(self.conn, REACH, body)
        return lambda: self.lives.update({made.id: Life([Passage(day, "began", branch)])})

    async def correct(self, subject: UUID, day: date, _: UUID, flag: bool) -> Any:
        """She is a core member from a day on, or had joined on another."""
        life = self.lives[subject]
        if flag:
            body = MemberPatch(core=day.toordinal() % 2 == 0, effective_on=day)
            await commands.correct(self.conn, REACH, subject, await self.version(subject), body)
            return lambda: None
        version = await self.version(subject)
        await commands.correct(self.conn, REACH, subject, version, MemberPatch(joined_on=day))
        number = max(n for n, p in enumerate(life.passages) if n == 0 or (p.kind == "resumed" and p.since <= self.day))

        def known() -> None:
            life.passages[number] = life.passages[number]._replace(since=day)

        return known

    async def poor(self, _: UUID, day: date, __: UUID, flag: bool) -> Any:
        """The household's status of a year."""
        home = await homes.get(self.conn, REACH, self.home)
        body = PovertyStatusIn(status="poor" if flag else "near_poor", standard="mau", effective_on=day)
        await households.set_poverty_status(self.conn, REACH, self.home, home.version, day.year, body)
        return lambda: None

    async def transfer(self, subject: UUID, day: date, branch: UUID, flag: bool) -> Any:
        """She moves, or wants to."""
        life, body = self.lives[subject], TransferIn(to_branch=branch, effective_on=day, reason="mẫu" if flag else None)
        made = await transfers.request(self.conn, REACH, subject, await self.version(subject), body)
        moved = Passage(day, "moved", branch)

        def known() -> None:
            if made.state == "accepted":
                life.add(moved)
            life.asked = None if made.state == "accepted" else moved

        return known

    async def decide(self, subject: UUID, day: date, _: UUID, flag: bool) -> Any:
        """The receiver accepts, for the day asked or another, or refuses; or the sender withdraws."""
        life = self.lives[subject]
        found = await requests.last(self.conn, subject, "requested")
        assert (found is None) == (life.asked is None)
        if found is None or life.asked is None:
            return lambda: None
        moved = life.asked._replace(since=day) if flag else life.asked
        if day.toordinal() % 4 == 0:
            await transfers.refuse(self.conn, REACH, found.id, found.version, RefusalIn(reason="mẫu"))
        elif day.toordinal() % 4 == 1 and not flag:
            await transfers.withdraw(self.conn, REACH, found.id, found.version)
        else:
            body = AcceptanceIn(effective_on=day if flag else None)
            await transfers.accept(self.conn, REACH, found.id, found.version, body)

        async def state() -> str:
            return (await requests.get(self.conn, REACH, found.id)).state

        accepted = await state() == "accepted"

        def known() -> None:
            life.asked = None
            if accepted:
                life.add(moved)

        return known

    async def leave(self, subject: UUID, day: date, _: UUID, __: bool) -> Any:
        """She leaves, or dies."""
        life, body = (
            self.lives[subject],
            DepartureIn(left_on=day, reason="deceased" if day.toordinal() % 5 == 0 else "moved_away"),
        )
        await departures.leave(self.conn, REACH, subject, await self.version(subject), body)

        def known() -> None:
            life.add(Passage(day, "ended", None))
            life.asked = None

        return known

    async def rejoin(self, subject: UUID, day: date, branch: UUID, _: bool) -> Any:
        """She comes back."""
        life, body = self.lives[subject], RejoinIn(branch=branch, joined_on=day)
        await departures.rejoin(self.conn, REACH, subject, await self.version(subject), body)
        return lambda: life.add(Passage(day, "resumed", branch))

    async def take_back(self, subject: UUID, day: date, _: UUID, __: bool) -> Any:
        """The last thing that began on or before a day is undone."""
        life = self.lives[subject]
        before = await queries.record(self.conn, REACH, subject)
        spell = at(before.timeline, day)
        since = spell.since if spell else day
        await history.take_back(self.conn, REACH, subject, before.version, since)

        def known() -> None:
            if spell and spell.cause in PASSAGES:
                gone = max(n for n, p in enumerate(life.passages) if p.since == since)
                life.passages.pop(gone)

        return known

    async def merge(self, subject: UUID, day: date, _: UUID, flag: bool) -> Any:
        """Another record turns out to be hers."""
        other = list(self.lives)[day.toordinal() % len(self.lives)]
        life, gone = self.lives[subject], self.lives[other]
        body = MergeIn(duplicate=other, keep="earliest" if flag else "survivor")
        await merges.merge(self.conn, REACH, subject, await self.version(subject), body)
        first = life.passages[0]
        earlier = [p for p in gone.passages if p.since < first.since] if flag else []
        after = life.passages
        if earlier:
            kind = "resumed" if earlier[-1].branch is None else "moved"
            same = earlier[-1].branch == first.branch
            after = [*earlier, *([] if same else [first._replace(kind=kind)]), *life.passages[1:]]

        def known() -> None:
            life.merges[other] = (gone.passages, life.passages, after)
            life.passages, gone.passages, gone.asked, gone.merged = after, [], None, True

        return known

    async def unmerge(self, subject: UUID, day: date, _: UUID, __: bool) -> Any:
        """And then not."""
        life = self.lives[subject]
        if not life.merges:
            return lambda: None
        other = list(life.merges)[day.toordinal() % len(life.merges)]
        kept, before, after = life.merges[other]
        await merges.unmerge(self.conn, REACH, subject, await self.version(subject), UnmergeIn(duplicate=other))
        own = life.passages
        if before != after:
            since = before[0].since
            own = [p for p in life.passages if p.since >= since]
            if not own or own[0].since > since:
                own = [Passage(since, "began", life.on(since)), *own] if life.passages[0].since <= since else own
            own = [own[0]._replace(kind="began"), *own[1:]]

        def known() -> None:
            del life.merges[other]
            life.passages, self.lives[other].passages, self.lives[other].merged = own, kept, False

        return known

    async def reform(self, _: UUID | None, day: date, branch: UUID, flag: bool) -> Any:
        """A commune, or a branch of it, goes into another from a day on."""
        origin = self.unit(branch)
        to = [unit for unit in UNITS if unit != origin][day.toordinal() % 2]
        part: dict[str, Any] = {} if flag else {"extent": "part", "branches": [branch]}
        body = PlanIn(name="Mẫu", decision="1", effective_on=day, mappings=[Mapping(origin=origin, to=to, **part)])
        plan = await plans.create(self.conn, "22", REACH, body, None)
        plan = await plans.apply(self.conn, "22", plan.id, plan.version)
        goes = [one for one in self.branches if self.unit(one) == origin] if flag else [branch]

        def known() -> None:
            self.plans.append((plan, dict(self.paths)))
            for one in goes:
                self.paths[one] = _carried(self.paths[one], day, to)

        return known

    async def undo(self, _: UUID | None, __: date, ___: UUID, ____: bool) -> Any:
        """The last plan was wrong."""
        if not self.plans:
            return lambda: None
        plan, before = self.plans[-1]
        await plans.reverse(self.conn, "22", plan.id, plan.version)

        def known() -> None:
            self.plans.pop()
            self.paths = before

        return known


def _carried(path: Path, day: date, to: str) -> Path:
    """The path with another unit from a day on, where it would have been in the one it is in now."""
    found: Path = []
    for (since, unit), (until, _) in zip(path, [*path[1:], (date.max, "")], strict=True):
        goes = unit == path[-1][1] and until > day
        found += [(since, unit)] if not goes or since < day else []
        found += [(max(since, day), to)] if goes else []
    return found
