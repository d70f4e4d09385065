"""Events in a journal, on the wire and on a topic, for the tests of relay and readers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any
from uuid import UUID, uuid4

from kafka import TopicPartition

from deploy.dev.engines import Kafka
from services.chassis import worker
from services.chassis.db import Connection
from services.chassis.entities import Change, Record
from services.chassis.kafka import consumer, ensure_topic, producer, topic_of
from services.chassis.settings import Settings

TOPIC = "danvan.members"
BRANCH = "00000000-0000-7000-8000-000000000001"
SPELL = {"since": "2015-01-01", "cause": "began", "unit": "06760", "branch": BRANCH, "poverty_status": None}
CREATED = "vn.danvan.members.household.created.v1"
SET = "vn.danvan.members.household.status_set.v1"
NEWER = "vn.danvan.members.household.merged.v1"


def data(status_year: int, **fields: Any) -> dict[str, Any]:
    """A household's public state with one spell."""
    return {"timeline": [{**SPELL, "status_year": status_year, **fields}]}


def year(state: Mapping[str, Any] | None) -> int | None:
    """The `status_year` of a state; None of none."""
    return int(state["timeline"][0]["status_year"]) if state else None


def value(subject: UUID, version: int, state: dict[str, Any] | None = None, /, **envelope: Any) -> bytes:
    """A household's event on the wire; `status_year` is 2000 + version, so that a state tells its version."""
    content = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/members",
        "type": CREATED if version == 1 else SET,
        "subject": str(subject),
        "time": "2025-06-01T00:00:00+00:00",
        "occurredon": "2025-06-01",
        "unit": "06760",
        "branch": BRANCH,
        "version": version,
        "sequence": version,
        "data": data(**{"status_year": 2000 + version, **(state or {})}),
        **envelope,
    }
    return json.dumps(content).encode()


def record(offset: int, subject: UUID, version: int, state: dict[str, Any] | None = None, /, **envelope: Any) -> Record:
    """The same at an offset of partition 0, under its entity's key."""
    return Record(TOPIC, 0, offset, str(subject).encode(), value(subject, version, state, **envelope))


def settings(kafka: Kafka, url: str, **fields: Any) -> Settings:
    """Settings of a process on this database and on topics of its own."""
    prefix = f"test-{uuid4()}"
    return Settings(
        **{
            "database_url": url,
            "kafka_bootstrap": kafka.bootstrap,
            "kafka_topic_prefix": prefix,
            "kafka_partitions": 3,
            "consumer_group": prefix,
            **fields,
        }
    )


async def write(conn: Connection, subject: UUID, version: int, **columns: Any) -> None:
    """A household's journal row, committed with the caller's transaction."""
    row = {
        "type": CREATED if version == 1 else SET,
        "unit": "06760",
        "branch": None,
        "data": json.dumps(data(2000 + version)),
        "traceparent": None,
        **columns,
    }
    await conn.execute(
        """
        insert into journal (id, subject, version, type, occurred_on, unit, branch, data, actor, traceparent)
        values (gen_random_uuid(), $1, $2, $3, '2025-06-01', $4, $5, $6, 'tester', $7)
        """,
        subject,
        version,
        *(row[name] for name in ("type", "unit", "branch", "data", "traceparent")),
    )


async def published(settings: Settings, service: str = "members") -> list[Record]:
    """Everything on a service's topic now, by partition and offset."""
    return await asyncio.to_thread(_published, settings, topic_of(settings, service))


def _published(settings: Settings, topic: str) -> list[Record]:
    with closing(consumer(settings, "test", str(uuid4()))) as client:
        places = [TopicPartition(topic, number) for number in range(settings.kafka_partitions)]
        ends = client.end_offsets(places)
        client.assign(places)
        client.seek_to_beginning(*places)
        found: list[Record] = []
        while any(client.position(place) < ends[place] for place in places):
            for batch in client.poll(1_000).values():
                found += [Record(r.topic, r.partition, r.offset, r.key, r.value) for r in batch]
    return sorted(found)


async def nothing(_: Connection, __: Sequence[Change]) -> None:
    """A handler without effects: the entity rows tell what was applied."""


@asynccontextmanager
async def at_work(*bodies: Coroutine[Any, Any, None], jobs: Sequence[worker.Worker]) -> AsyncIterator[None]:
    """Run background processes as tasks, and let them drain."""
    tasks = [asyncio.create_task(body) for body in bodies]
    try:
        yield
    finally:
        for job in jobs:
            job.stopping.set()
        await asyncio.gather(*tasks)


async def until(what: Callable[[], Awaitable[object]], seconds: float = 30) -> None:
    """Wait for another process's or task's work to be seen; AssertionError if it is not in time."""
    deadline = time.monotonic() + seconds
    while not await what():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.02)


async def send(settings: Settings, *records: tuple[bytes | None, bytes], service: str = "members") -> None:
    """Put keys and values on a service's topic, in this order; made if there is none."""
    await asyncio.to_thread(_send, settings, topic_of(settings, service), records)


def _send(settings: Settings, topic: str, records: Sequence[tuple[bytes | None, bytes]]) -> None:
    ensure_topic(settings, topic)
    with closing(producer(settings, "test")) as client:
        sent = [client.send(topic, key=key, value=value) for key, value in records]
        client.flush(timeout=20)
        for future in sent:
            future.get(timeout=1)
