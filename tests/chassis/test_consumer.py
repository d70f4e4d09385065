"""Readers on real engines: each event's effect once and in order, whoever joins, leaves, fails or goes away."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from itertools import count
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.catalog import EVENTS, read
from deploy.dev.engines import Kafka, Postgres
from services.chassis import consumer, worker
from services.chassis.consumer import consume
from services.chassis.db import Connection
from services.chassis.entities import Change
from services.chassis.settings import Settings
from tests.chassis import bus
from tests.conftest import Database

Start = Callable[..., worker.Worker]
Handler = Callable[..., Awaitable[None]]


async def effects(conn: Connection, changes: Sequence[Change], reader: int = 0) -> None:
    """A handler whose effect is one row per event applied, saying which reader it was."""
    await conn.executemany(
        "insert into effect (subject, version, reader) values ($1, $2, $3)",
        [(change.event.subject, change.event.version, reader) for change in changes],
    )


@pytest.fixture
async def settings(kafka: Kafka, database: Database) -> Settings:
    """A reader's database with a table of effects, and topics of this test's own."""
    settings = bus.settings(kafka, await database("reporting"), consumer_batch=50)
    conn = await asyncpg.connect(settings.database_url)
    await conn.execute("create table effect (number bigserial, subject uuid, version int, reader int)")
    await conn.close()
    return settings


@pytest.fixture
async def conn(settings: Settings) -> AsyncIterator[Connection]:
    """A session of that database."""
    conn = await asyncpg.connect(settings.database_url)
    yield conn
    await conn.close()


@pytest.fixture
async def start(settings: Settings) -> AsyncIterator[Start]:
    """`start(group, handler)`: one more reader as a task; `stopping.set()` on what it gives stops it."""
    running: list[tuple[worker.Worker, asyncio.Task[None]]] = []

    def begin(group: str = settings.consumer_group, handler: Handler = effects) -> worker.Worker:
        job, apply = worker.Worker(), partial(handler, reader=len(running))
        reading = consume(job, settings, group, ("members",), read, EVENTS, apply)
        running.append((job, asyncio.create_task(reading)))
        return job

    yield begin
    for job, _ in running:
        job.stopping.set()
    await asyncio.gather(*(task for _, task in running))


def events(homes: Sequence[UUID], *versions: int) -> list[tuple[bytes | None, bytes]]:
    """These versions of every household, version by version."""
    return [(str(home).encode(), bus.value(home, version)) for version in versions for home in homes]


async def applied(url: str, number: int) -> dict[UUID, list[int]]:
    """Once there are this many effects: each entity's versions, in the order of application."""
    conn = await asyncpg.connect(url)

    async def there() -> bool:
        return bool(await conn.fetchval("select count(*) >= $1 from effect", number))

    try:
        await bus.until(there, 60)
        rows = await conn.fetch("select subject, version from effect order by number")
    finally:
        await conn.close()
    found: dict[UUID, list[int]] = defaultdict(list)
    for row in rows:
        found[row["subject"]].append(row["version"])
    return found


async def caught_up(settings: Settings, conn: Connection) -> None:
    """Wait until the stored offsets are the ends of the topic."""
    ends = len(await bus.published(settings))

    async def there() -> bool:
        return bool(await conn.fetchval("select coalesce(sum(next_offset), 0) = $1 from consumer_offset", ends))

    await bus.until(there, 60)


async def test_readers_that_join_and_leave_apply_each_event_once(
    settings: Settings, conn: Connection, start: Start
) -> None:
    """One, then three, then two, then two others: while events flow, none is lost, doubled or out of order."""
    homes, versions = [uuid4() for _ in range(40)], count(1)
    last = 0

    async def flow(*readers: int) -> None:
        """Send versions, the one before again each time, until all of these readers have applied some."""
        nonlocal last
        before = await conn.fetchval("select coalesce(max(number), 0) from effect")

        async def all_did() -> bool:
            nonlocal last
            last = next(versions)
            await bus.send(settings, *events(homes, max(1, last - 1), last))
            rows = await conn.fetch("select distinct reader from effect where number > $1", before)
            return {row["reader"] for row in rows} >= set(readers)

        await bus.until(all_did, 60)

    jobs = [start()]
    await flow(0)
    jobs += [start(), start()]
    await flow(0, 1, 2)
    jobs[0].stopping.set()
    await flow(1, 2)
    jobs[1].stopping.set()
    start()
    await flow(2, 3)
    found = await applied(settings.database_url, len(homes) * last)
    await caught_up(settings, conn)
    assert found == {home: list(range(1, last + 1)) for home in homes}
    assert await conn.fetchval("select count(*) from effect") == len(homes) * last
    assert await conn.fetchval("select count(*) from parked") == 0


async def test_a_reader_that_joins_while_another_is_inside_a_batch_repeats_nothing(
    settings: Settings, conn: Connection, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both lanes are inside slow batches when a second reader gets some of their partitions: it waits at the fence,
    drops what the first has applied, and goes on; nothing is twice, lost or out of order."""
    monkeypatch.setattr(consumer, "POLL_MS", 30_000)  # the group settles within one poll, while the batches are open
    homes = [uuid4() for _ in range(20)]
    await bus.send(settings, *events(homes, 1, 2))
    inside, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slowly(conn: Connection, changes: Sequence[Change], reader: int) -> None:
        await effects(conn, changes, reader)
        inside.release()
        await go_on.wait()

    first = start(handler=slowly)
    async with asyncio.timeout(60):
        for _ in ("even", "odd"):
            await inside.acquire()
    start()

    async def at_the_fence() -> bool:
        query = """
            select count(*) from pg_stat_activity where datname = current_database()
                and wait_event_type = 'Lock' and query like '%for update of consumer_offset%'
        """
        return bool(await conn.fetchval(query))

    await bus.until(at_the_fence, 60)
    assert await conn.fetchval("select count(*) from effect") == 0
    monkeypatch.undo()
    go_on.set()
    assert await applied(settings.database_url, 40) == {home: [1, 2] for home in homes}
    await bus.send(settings, *events(homes, 2, 3))
    assert await applied(settings.database_url, 60) == {home: [1, 2, 3] for home in homes}
    await caught_up(settings, conn)
    rows = await conn.fetch("select distinct reader, version from effect order by version, reader")
    assert [tuple(row) for row in rows] == [(0, 1), (0, 2), (0, 3), (1, 3)]
    assert await conn.fetchval("select count(*) from effect") == 60
    assert await conn.fetchval("select count(*) from parked") == 0
    assert first.ready == {"database": True, "kafka": True}


async def test_the_second_of_two_readers_of_one_partition_applies_nothing(
    settings: Settings, conn: Connection, start: Start
) -> None:
    """Two groups over one database, as a zombie beside its successor: both fetch everything, each effect is once."""
    homes = [uuid4() for _ in range(30)]
    await bus.send(settings, *events(homes, 1, 2, 3))
    start()
    start(f"{settings.consumer_group}-zombie")
    await applied(settings.database_url, 90)
    await bus.send(settings, *events(homes, 4, 5))
    found = await applied(settings.database_url, 150)
    await caught_up(settings, conn)
    assert found == {home: [1, 2, 3, 4, 5] for home in homes}
    assert await conn.fetchval("select count(*) from effect") == 150


async def test_poison_between_good_ones_stops_only_its_own(settings: Settings, conn: Connection, start: Start) -> None:
    """Garbage, a null value, a broken contract and an unknown key lie among good events, which all arrive."""
    good, bad = uuid4(), uuid4()
    key = str(good).encode()
    await bus.send(
        settings,
        (key, bus.value(good, 1)),
        (None, b"\x00garbage"),
        (key, bus.value(good, 2)),
        (str(bad).encode(), bus.value(bad, 1, {"status_year": "never"})),
        (b"nobody", b""),
        (str(bad).encode(), bus.value(bad, 2)),
        (key, bus.value(good, 3)),
    )
    start()
    await caught_up(settings, conn)
    assert await applied(settings.database_url, 3) == {good: [1, 2, 3]}
    rows = await conn.fetch("select subject, reason from parked")
    kept = sorted((row["subject"] == bad, row["reason"]) for row in rows)
    assert kept == [(False, "unreadable"), (False, "unreadable"), (True, "behind"), (True, "unreadable")]


async def divide(_: Connection) -> object:
    """A plain bug."""
    return 1 // 0


async def ask(conn: Connection) -> object:
    """An argument that is not of its parameter's type: nothing that waiting would mend."""
    return await conn.fetchval("select $1::integer", "words")


@pytest.mark.parametrize(("wrong", "fault"), [(divide, ZeroDivisionError), (ask, asyncpg.DataError)])
async def test_a_bug_in_the_handler_ends_the_reader_with_nothing_applied(
    settings: Settings, conn: Connection, wrong: Callable[[Connection], Awaitable[object]], fault: type[Exception]
) -> None:
    """The fault comes out; neither effect nor entity nor offset is kept, so a mended reader starts over."""
    homes = [uuid4() for _ in range(3)]
    await bus.send(settings, *events(homes, 1))

    async def bug(conn: Connection, changes: Sequence[Change]) -> None:
        await effects(conn, changes)
        await wrong(conn)

    with pytest.raises(fault):
        async with asyncio.timeout(30):
            await consume(worker.Worker(), settings, settings.consumer_group, ("members",), read, EVENTS, bug)
    for table in ("effect", "entity", "parked"):
        assert await conn.fetchval(f"select count(*) from {table}") == 0  # noqa: S608
    assert await conn.fetchval("select coalesce(sum(next_offset), 0) from consumer_offset") == 0


async def test_a_database_that_goes_away_is_waited_for(settings: Settings, start: Start, postgres: Postgres) -> None:
    """Not ready while PostgreSQL is dead; ready and complete when it is back, each effect once."""
    homes = [uuid4() for _ in range(10)]
    await bus.send(settings, *events(homes, 1))
    job = start()
    await applied(settings.database_url, 10)
    postgres.kill()
    try:
        await bus.send(settings, *events(homes, 2))

        async def away() -> bool:
            return not job.ready["database"]

        await bus.until(away)
    finally:
        postgres.start()  # in this thread: the engine ends with the thread that started it
    assert await applied(settings.database_url, 20) == {home: [1, 2] for home in homes}
    assert job.ready == {"database": True, "kafka": True}


async def test_a_reader_begins_where_the_database_stands(settings: Settings, conn: Connection, start: Start) -> None:
    """Kafka's own offsets mean nothing: what lies before the stored offset is not read again, by any group."""
    home = uuid4()
    await bus.send(settings, *events([home], 1, 2))
    first = start()
    await applied(settings.database_url, 2)
    first.stopping.set()
    await conn.execute("update entity set version = 0")
    start(f"{settings.consumer_group}-new")
    await bus.send(settings, *events([home], 3))
    await caught_up(settings, conn)
    assert await applied(settings.database_url, 2) == {home: [1, 2]}
    assert await conn.fetchval("select version from parked where reason = 'gap'") == 3


async def test_a_database_put_back_to_an_earlier_state_is_caught_up(
    settings: Settings, conn: Connection, start: Start
) -> None:
    """A reader that is ahead of a restored database fetches again from where that stands, with batches in hand too."""
    homes = [uuid4() for _ in range(10)]
    await bus.send(settings, *events(homes, 1, 2))
    start()
    await applied(settings.database_url, 20)
    await caught_up(settings, conn)
    async with conn.transaction():
        await conn.execute("lock table consumer_offset; truncate effect, entity, parked")
        await conn.execute("update consumer_offset set next_offset = 0")
    for version in range(3, 13):
        await bus.send(settings, *events(homes, version))
    assert await applied(settings.database_url, 120) == {home: list(range(1, 13)) for home in homes}
