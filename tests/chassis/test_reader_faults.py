"""What a reader does when something that it stands on is missing, held or wrong."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from kafka.errors import OffsetOutOfRangeError

from contracts.catalog import EVENTS, read
from contracts.event import Event
from deploy.dev.engines import Kafka, Postgres
from services.chassis import worker
from services.chassis.consumer import consume
from services.chassis.db import Connection
from services.chassis.entities import redrive, settle
from services.chassis.settings import Settings
from tests.chassis import bus
from tests.conftest import Database


@pytest.fixture
async def settings(kafka: Kafka, database: Database) -> Settings:
    """A reader's database, and topics of this test's own."""
    return bus.settings(kafka, await database("reporting"))


@pytest.fixture
async def conn(settings: Settings) -> AsyncIterator[Connection]:
    """A session of that database."""
    conn = await asyncpg.connect(settings.database_url)
    yield conn
    await conn.close()


class Reader:
    """A reader as a task."""

    def __init__(self, settings: Settings, **changed: Any) -> None:
        self.job = worker.Worker()
        settings = settings.model_copy(update=changed)
        reading = consume(self.job, settings, settings.consumer_group, ("members",), read, EVENTS, bus.nothing)
        self.task = asyncio.create_task(reading)

    async def __aenter__(self) -> "Reader":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.job.stopping.set()
        await self.task


async def versions(conn: Connection, count: int) -> None:
    """Wait until the entities' versions add up to this."""

    async def there() -> bool:
        return bool(await conn.fetchval("select coalesce(sum(version), 0) = $1 from entity", count))

    await bus.until(there)


async def test_a_database_that_is_away_when_partitions_are_assigned(settings: Settings, postgres: Postgres) -> None:
    """Nowhere to read from is "not now": the reader waits, then begins where the database stands."""
    home = uuid4()
    await bus.send(settings, (str(home).encode(), bus.value(home, 1)))
    await asyncio.to_thread(postgres.kill)
    try:
        reader = Reader(settings)

        async def seen() -> bool:
            return reader.job.ready.get("database") is False or reader.task.done()

        await bus.until(seen)
        assert not reader.task.done()
        assert reader.job.live()
    finally:
        await asyncio.to_thread(postgres.start)
    conn = await asyncpg.connect(settings.database_url)
    async with reader:
        await versions(conn, 1)
    await conn.close()


async def test_a_partition_that_another_reader_holds_is_waited_for(settings: Settings, conn: Connection) -> None:
    """A frozen predecessor in mid-transaction keeps the fence: not ready until its session ends, then on."""
    home = uuid4()
    key = str(home).encode()
    await bus.send(settings, (key, bus.value(home, 1)))
    async with Reader(settings, statement_timeout_ms=300) as reader:
        await versions(conn, 1)
        async with conn.transaction():
            await conn.execute("select from consumer_offset for update")
            await bus.send(settings, (key, bus.value(home, 2)))

            async def held() -> bool:
                return not reader.job.ready["database"]

            await bus.until(held)
            assert not reader.task.done()
        await versions(conn, 2)


async def test_an_offset_that_the_topic_does_not_have_stops_the_reader(settings: Settings, conn: Connection) -> None:
    """A topic shorter than what was read from it has lost history: that is said, not read over."""
    home = uuid4()
    await bus.send(settings, (str(home).encode(), bus.value(home, 1)))
    await conn.executemany(
        "insert into consumer_offset (topic, partition, next_offset) values ($1, $2, 1000)",
        [(f"{settings.kafka_topic_prefix}.members", partition) for partition in range(settings.kafka_partitions)],
    )
    with pytest.raises(OffsetOutOfRangeError):
        await asyncio.wait_for(Reader(settings).task, 30)
    assert await conn.fetchval("select count(*) from entity") == 0


async def test_how_far_a_partition_is_read_is_its_greatest_sequence(settings: Settings, conn: Connection) -> None:
    """Of the events of one batch, whatever entities they are of; an older one that comes again takes nothing back."""
    settings = settings.model_copy(update={"kafka_partitions": 1})
    first, second = uuid4(), uuid4()
    late = "2025-06-01T00:00:09+00:00"
    await bus.send(
        settings,
        (str(first).encode(), bus.value(first, 1, sequence=1)),
        (str(second).encode(), bus.value(second, 1, sequence=2)),
        (str(first).encode(), bus.value(first, 2, sequence=3, time=late)),
    )
    async with Reader(settings):
        await versions(conn, 3)
        await bus.send(settings, (str(second).encode(), bus.value(second, 1, sequence=2)))

        async def there() -> bool:
            return bool(await conn.fetchval("select next_offset = 4 from consumer_offset"))

        await bus.until(there)
    row = await conn.fetchrow("select sequence, event_time::text as event_time from consumer_offset")
    assert row is not None
    assert (row["sequence"], row["event_time"][:19]) == (3, "2025-06-01 00:00:09")


async def test_redrive_waits_for_the_reader_of_the_partition(conn: Connection, settings: Settings) -> None:
    """Both would else see the same version of an entity, and apply the same event twice."""
    home = uuid4()
    await conn.execute(
        "insert into consumer_offset (topic, partition, next_offset) values ($1, 0, 0), ($1, 1, 0)", bus.TOPIC
    )
    async with conn.transaction():
        await settle(conn, [bus.record(0, home, 2)], read, EVENTS, bus.nothing)
    operator = await asyncpg.connect(settings.database_url, server_settings={"lock_timeout": "100ms"})
    async with conn.transaction():
        await conn.execute("select from consumer_offset where partition = 0 for update")
        with pytest.raises(asyncpg.LockNotAvailableError):
            async with operator.transaction():
                await redrive(operator, home, read, EVENTS, bus.nothing)
    async with conn.transaction():
        await conn.execute("select from consumer_offset where partition = 1 for update")
        async with operator.transaction():
            outcome = await redrive(operator, home, read, EVENTS, bus.nothing)
    assert outcome is not None
    assert outcome.gaps == 1
    await operator.close()


async def test_what_waits_and_cannot_be_read_any_more_stops_only_its_own(conn: Connection) -> None:
    """A reader that has become stricter since an event was parked finds it unreadable, and goes on."""
    home, other = uuid4(), uuid4()
    async with conn.transaction():
        await settle(conn, [bus.record(0, home, 2)], read, EVENTS, bus.nothing)

    def stricter(raw: bytes) -> Event:
        event = read(raw)
        return event if event.version != 2 else Event.model_validate({})

    async with conn.transaction():
        records = [bus.record(1, home, 1), bus.record(2, other, 1), bus.record(3, home, 3)]
        await settle(conn, records, stricter, EVENTS, bus.nothing)
    rows = await conn.fetch('select "offset", version, reason, error <> $1 as said from parked order by "offset"', "")
    assert [tuple(row) for row in rows] == [(0, None, "unreadable", True), (3, 3, "behind", False)]
    assert await conn.fetchval("select version from entity where subject = $1", home) == 1
    async with conn.transaction():
        done = await redrive(conn, home, read, EVENTS, bus.nothing)
    assert done is not None
    assert [change.event.version for change in done.changes] == [2, 3]
    assert await conn.fetchval("select count(*) from parked") == 0
