"""The relay on real engines: every journal row once in order, through late commits, crashes, and two of them."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.catalog import EVENTS, read
from deploy.dev.engines import Kafka
from services.chassis import worker
from services.chassis.db import Connection
from services.chassis.relay import Refused, relay
from services.chassis.settings import Settings
from tests.chassis import bus
from tests.conftest import Api, Database

EXAMPLES = Path(__file__).parents[2] / "contracts" / "examples"
LEADERS = """
select pid from pg_locks join pg_database on pg_database.oid = database
where locktype = 'advisory' and granted and datname = current_database()
"""
Relay = Callable[[], worker.Worker]


@pytest.fixture
async def settings(kafka: Kafka, database: Database) -> Settings:
    """A members database and topics of this test's own."""
    return bus.settings(kafka, await database("members"))


@pytest.fixture
async def conn(settings: Settings) -> AsyncIterator[Connection]:
    """A session of that database."""
    conn = await asyncpg.connect(settings.database_url)
    yield conn
    await conn.close()


@pytest.fixture
async def start(settings: Settings) -> AsyncIterator[Relay]:
    """`start()`: one more relay as a task; `stopping.set()` on what it gives stops it."""
    running: list[tuple[worker.Worker, asyncio.Task[None]]] = []

    def begin() -> worker.Worker:
        process = worker.Worker()
        running.append((process, asyncio.create_task(relay(process, settings, "members"))))
        return process

    yield begin
    for process, _ in running:
        process.stopping.set()
    await asyncio.gather(*(task for _, task in running))


async def marked(conn: Connection, count: int) -> None:
    """Wait until this many rows are acknowledged."""

    async def there() -> bool:
        return bool(await conn.fetchval("select published >= $1 from relay_state", count))

    await bus.until(there)


async def leader(conn: Connection) -> int | None:
    """The backend that holds the lock; never two."""
    pids = [row["pid"] for row in await conn.fetch(LEADERS)]
    assert len(pids) <= 1
    return pids[0] if pids else None


async def test_a_backlog_is_published_once_in_journal_order(settings: Settings, conn: Connection, start: Relay) -> None:
    """Sequence follows position without a hole; each entity's events lie in one partition, in version order."""
    homes = [uuid4() for _ in range(20)]
    async with conn.transaction():
        for version in (1, 2, 3):
            for home in homes:
                await bus.write(conn, home, version)
    start()
    await marked(conn, 60)
    rows = await conn.fetch("select sequence from journal order by position")
    assert [row["sequence"] for row in rows] == list(range(1, 61))
    places: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
    for record in await bus.published(settings):
        event = read(record.value)
        assert record.key == str(event.subject).encode()
        places[event.subject].append((record.partition, event.version))
    assert set(places) == set(homes)
    assert all([version for _, version in found] == [1, 2, 3] for found in places.values())
    assert all(len({partition for partition, _ in found}) == 1 for found in places.values())
    assert len({found[0][0] for found in places.values()}) > 1


async def test_the_leader_does_its_services_chores(settings: Settings, conn: Connection) -> None:
    """On the session that leads, after what waits is published."""
    done: list[int] = []

    async def chore(session: Connection) -> None:
        done.append(await session.fetchval("select published from relay_state"))
        process.stopping.set()

    process = worker.Worker()
    await bus.write(conn, uuid4(), 1)
    leading = asyncio.create_task(relay(process, settings, "members", chore))
    await leading
    assert done == [1]


async def test_writers_at_once_leave_no_hole(settings: Settings, conn: Connection, start: Relay) -> None:
    """Eight writers while the relay runs, and one that commits last what it wrote first: each row once, in order."""
    start()
    slow = await asyncpg.connect(settings.database_url)
    late, transaction = uuid4(), slow.transaction()
    await transaction.start()
    await bus.write(slow, late, 1)

    async def writer() -> None:
        mine = await asyncpg.connect(settings.database_url)
        home = uuid4()
        for version in range(1, 41):
            async with mine.transaction():
                await bus.write(mine, home, version)
        await mine.close()

    await asyncio.gather(*(writer() for _ in range(8)))
    await marked(conn, 320)
    await transaction.commit()
    await slow.close()
    await marked(conn, 321)
    events = [read(record.value) for record in await bus.published(settings)]
    assert sorted(event.sequence for event in events) == list(range(1, 322))
    assert next(event.sequence for event in events if event.subject == late) == 321
    versions: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
    for event in events:
        versions[event.subject].append((event.sequence, event.version))
    assert all(found == sorted(found) for found in versions.values())
    assert sorted(map(len, versions.values())) == [1] + [40] * 8


async def test_a_crash_before_the_mark_repeats_under_the_same_numbers(
    settings: Settings, conn: Connection, start: Relay
) -> None:
    """The session dies twice between acknowledgement and mark: the same bytes come again, nothing is renumbered."""
    await conn.execute(
        """
        create sequence crashes;
        create function crash() returns trigger language plpgsql as $$
        begin
            if nextval('crashes') <= 2 then perform pg_terminate_backend(pg_backend_pid()); end if;
            return new;
        end $$;
        create trigger crash before update on relay_state for each row execute function crash();
        """
    )
    homes = [uuid4() for _ in range(5)]
    async with conn.transaction():
        for home in homes:
            await bus.write(conn, home, 1)
    start()
    await marked(conn, 5)
    copies: dict[int, list[bytes]] = defaultdict(list)
    for record in await bus.published(settings):
        copies[read(record.value).sequence].append(record.value)
    assert sorted(copies) == [1, 2, 3, 4, 5]
    assert all(len(found) == 3 and len(set(found)) == 1 for found in copies.values())


async def test_of_two_one_leads_and_the_other_takes_over(settings: Settings, conn: Connection, start: Relay) -> None:
    """The leader's session is terminated, then the leader stops for good: somebody always publishes, in order."""
    home = uuid4()
    first = start()
    await bus.write(conn, home, 1)
    await marked(conn, 1)
    start()
    pid = await leader(conn)
    await conn.fetchval("select pg_terminate_backend($1)", pid)
    await bus.write(conn, home, 2)
    await marked(conn, 2)
    assert await leader(conn) not in (pid, None)
    first.stopping.set()
    await bus.write(conn, home, 3)
    await marked(conn, 3)
    assert await leader(conn) is not None
    events = [read(record.value) for record in await bus.published(settings)]
    assert {(event.sequence, event.version) for event in events} == {(1, 1), (2, 2), (3, 3)}
    assert [event.version for event in events] == sorted(event.version for event in events)


async def test_a_second_relay_stands_by(settings: Settings, conn: Connection, start: Relay) -> None:
    """While one leads, the other is ready, holds nothing and publishes nothing."""
    home = uuid4()
    start()
    await bus.write(conn, home, 1)
    await marked(conn, 1)
    pid = await leader(conn)
    second = start()

    async def waiting() -> bool:
        query = "select count(*) from pg_stat_activity where application_name = 'members-relay' and datname = $1"
        return bool(await conn.fetchval(query, settings.database_url.rsplit("/", 1)[1].split("?")[0]) == 2)

    await bus.until(waiting)
    await bus.write(conn, home, 2)
    await marked(conn, 2)
    assert await leader(conn) == pid
    assert second.ready == {"database": True}
    assert len(await bus.published(settings)) == 2


async def test_what_kafka_refuses_for_ever_stops_it_and_is_named(settings: Settings, conn: Connection) -> None:
    """An event larger than a broker takes ends the process with its name; nothing is skipped over it."""
    home, huge = uuid4(), uuid4()
    await bus.write(conn, home, 1)
    await bus.write(conn, huge, 1, data=json.dumps(bus.data(2001, standard="x" * 2_000_000)))
    await bus.write(conn, home, 2)
    with pytest.raises(Refused, match=f"created.v1 {huge}, sequence 2"):
        await asyncio.wait_for(relay(worker.Worker(), settings, "members"), 30)
    assert await conn.fetchval("select published from relay_state") < 2
    assert await leader(conn) is None
    assert {read(record.value).sequence for record in await bus.published(settings)} <= {1}


async def test_every_type_of_event_is_read_as_its_contract_says_and_the_feed_says_the_same(
    settings: Settings, conn: Connection, start: Relay, api: Api
) -> None:
    """Bus and feed carry one event per type of the catalogue: same attributes, same order, readable."""
    for number, (kind, example) in enumerate(sorted((e.parent.name, e) for e in EXAMPLES.glob("*/1.json"))):
        content = json.loads(example.read_text(encoding="utf-8"))
        trace = f"00-{number + 1:032x}-{number + 1:016x}-00" if number % 2 else None
        branch = uuid4() if number % 3 else None
        data = json.dumps(content.get("data", content), ensure_ascii=False)
        await bus.write(conn, uuid4(), 1, type=kind, data=data, traceparent=trace, branch=branch)
    start()
    await marked(conn, len(EVENTS))
    records = [record.value for record in await bus.published(settings)]
    assert {read(raw).type for raw in records} == set(EVENTS)
    members = await api("members", settings.database_url)
    fed: list[dict[str, object]] = []
    after, limit = 0, 4
    while page := (await members.get(f"/v1/events?after={after}&limit={limit}")).json()["items"]:
        fed, after = fed + page, page[-1]["sequence"]
    assert fed == sorted(map(json.loads, records), key=lambda event: int(event["sequence"]))


async def test_the_feed_never_shows_an_event_behind_a_position_read(settings: Settings, start: Relay, api: Api) -> None:
    """A reader that follows while writers write and commit late sees every event, once, in order."""
    members = await api("members", settings.database_url)
    start()
    seen: list[int] = []
    after, written = 0, 6 * 25

    async def writer(number: int) -> None:
        mine = await asyncpg.connect(settings.database_url)
        for _ in range(25):
            async with mine.transaction():
                await bus.write(mine, uuid4(), 1)
                await asyncio.sleep(0.002 * number)
        await mine.close()

    writers = asyncio.gather(*(writer(number) for number in range(6)))

    async def followed() -> bool:
        nonlocal after
        answer = (await members.get(f"/v1/events?after={after}&limit=7")).json()
        seen.extend(item["sequence"] for item in answer["items"])
        after = answer["next_after"]
        return len(seen) >= written

    await bus.until(followed)
    await writers
    assert seen == list(range(1, written + 1))
