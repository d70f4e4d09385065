"""Kafka away at the start, and lost in between: relay and reader wait, say so, and go on without loss or repeat."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from prometheus_client import REGISTRY

from contracts.catalog import EVENTS, read
from deploy.dev.engines import Kafka
from services.chassis import kafka, worker
from services.chassis.consumer import consume
from services.chassis.db import Connection
from services.chassis.entities import Change
from services.chassis.relay import relay
from tests.chassis import bus
from tests.conftest import Database


@pytest.fixture
def broker(folder: Path) -> Iterator[Kafka]:
    """A Kafka of this test's own, not yet started."""
    engine = Kafka(folder / f"kafka-{uuid4()}")
    yield engine
    engine.stop()


async def test_kafka_away_at_the_start_and_lost_in_between(
    broker: Kafka, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written while Kafka is away, thrice: not ready then, afterwards everything is applied once, in order."""
    monkeypatch.setattr(kafka, "REQUEST_MS", 3_000)
    monkeypatch.setattr(kafka, "DELIVERY_MS", 6_000)
    owner = bus.settings(broker, await database("members"))
    reader = owner.model_copy(update={"database_url": await database("reporting")})
    written, kept = await asyncpg.connect(owner.database_url), await asyncpg.connect(reader.database_url)
    homes = [uuid4() for _ in range(20)]
    seen: list[tuple[object, int]] = []

    async def note(_: Connection, changes: Sequence[Change]) -> None:
        seen.extend((change.event.subject, change.event.version) for change in changes)

    async def write(version: int) -> None:
        async with written.transaction():
            for home in homes:
                await bus.write(written, home, version)

    async def away() -> bool:
        return [job.ready.get("kafka") for job in jobs] == [False, False]

    async def given_up() -> bool:
        return await away() and REGISTRY.get_sample_value("danvan_relay_leader") == 0

    async def applied() -> bool:
        return bool(await kept.fetchval("select count(*) = 20 from entity where version = $1", version))

    async def ready() -> bool:
        return [job.ready for job in jobs] == [{"database": True, "kafka": True}] * 2

    jobs = [worker.Worker(), worker.Worker()]
    threads = set(threading.enumerate())
    tasks = [
        asyncio.create_task(relay(jobs[0], owner, "members")),
        asyncio.create_task(consume(jobs[1], reader, reader.consumer_group, ("members",), read, EVENTS, note)),
    ]
    await write(1)
    await bus.until(away)
    version = 1
    await asyncio.to_thread(broker.start)
    await bus.until(applied, 60)
    await bus.until(ready)
    for version, lost in ((2, away), (3, given_up)):
        await asyncio.to_thread(broker.kill)
        await write(version)
        await bus.until(lost, 60)
        assert all(job.live() for job in jobs)
        await asyncio.to_thread(broker.start)
        await bus.until(applied, 60)
        await bus.until(ready)
    for job in jobs:
        job.stopping.set()
    await asyncio.gather(*tasks)
    assert sorted(seen, key=str) == sorted(((home, version) for home in homes for version in (1, 2, 3)), key=str)
    assert await kept.fetchval("select count(*) from parked") == 0
    assert await written.fetchval("select published from relay_state") == 60
    left = {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")} - threads
    assert not left, "clients that failed have ended their threads"
    await written.close()
    await kept.close()
