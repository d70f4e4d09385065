"""Kafka → handler, exactly once: offsets and entity versions are stored with the effects, in one transaction a batch.

The offset row of a partition is the fence. A reader that lost the partition, or a zombie, finds another offset there
than the one its batch begins at: what lies before it was applied by somebody and is dropped, what lies after it is
fetched again. Kafka's own committed offsets are never used.

Even and odd partitions go in a lane each, so that one is computed while the database works on the other, and the next
batch is fetched meanwhile. A partition may then move on with a batch under way: the fence makes its next reader wait
for that batch, and drop it.
"""

import asyncio
import gc
import logging
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from kafka import ConsumerRebalanceListener, TopicPartition

from contracts.event import Event
from services.chassis import db, kafka, tracing, worker
from services.chassis.context import Context, current
from services.chassis.entities import Apply, Change, Outcome, Read, Record, redrive, settle
from services.chassis.settings import Settings
from services.chassis.telemetry import (
    CONSUMER_BATCH,
    CONSUMER_EVENTS,
    CONSUMER_LAG,
    CONSUMER_LAG_SECONDS,
    CONSUMER_PARKED,
    CONSUMER_SECONDS,
)

POLL_MS, JOIN_MS = 1_000, 5_000  # a join that completes between two short polls would be thrown away
GAUGE_SECONDS, ANSWER_MS = 1.0, 2_000
OBJECTS = 100  # more than an event and its effects are: looking for garbage in a live batch is a tenth of its cost
Batch = Mapping[TopicPartition, Sequence[Any]]
log = logging.getLogger("danvan.consumer")
__all__ = ["Apply", "Change", "Read", "redrive", "run"]


class AheadError(Exception):
    """A batch begins after the offset the database expects: it must be fetched again from there."""


async def run(
    settings: Settings, *, group: str, services: Sequence[str], read: Read, known_types: Container[str], apply: Apply
) -> None:
    """Feed `apply` with the events of these services' topics until SIGTERM. What it journals has the actor
    `system:<group>`."""

    async def body(job: worker.Worker) -> None:
        gc.set_threshold(OBJECTS * settings.consumer_batch)
        await consume(job, settings, group, services, read, known_types, apply)

    await worker.run(settings, body)


async def consume(
    job: worker.Worker,
    settings: Settings,
    group: str,
    services: Sequence[str],
    read: Read,
    known_types: Container[str],
    apply: Apply,
) -> None:
    """Join the group, and again after every fault that waiting mends, until told to stop."""
    job.ready.update(database=False, kafka=False)
    pool = db.Pool(settings, group)
    try:
        while not job.stopping.is_set():
            try:
                await _Reader(settings, group, services, read, known_types, apply, pool, job).run()
            except db.NOT_NOW as error:
                await job.not_now("database", error)
            except kafka.NOT_NOW as error:
                await job.not_now("kafka", error)
    finally:
        pool.terminate()


class _Reader(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python ships no types
    """One membership in the group: from joining it to leaving it or losing a dependency."""

    def __init__(
        self,
        settings: Settings,
        group: str,
        services: Sequence[str],
        read: Read,
        known_types: Container[str],
        apply: Apply,
        pool: db.Pool,
        job: worker.Worker,
    ) -> None:
        self.settings, self.group, self.pool, self.job = settings, group, pool, job
        self.topics = [kafka.topic_of(settings, service) for service in services]
        self.read, self.known_types, self.apply = read, known_types, apply
        self.loop = asyncio.get_running_loop()
        self.fault: BaseException | None = None
        self.sought: dict[TopicPartition, int] = {}
        self.position: dict[TopicPartition, int] = {}
        self.gauge_at = 0.0
        self.kafka: Any = None

    async def run(self) -> None:
        """Poll and apply until told to stop; raises what ended it."""
        for topic in self.topics:
            await asyncio.to_thread(kafka.ensure_topic, self.settings, topic)
        self.kafka = await asyncio.to_thread(kafka.consumer, self.settings, self.group, self.group)
        lanes = [asyncio.create_task(self._take({})) for _ in _halves({})]
        try:
            self.kafka.subscribe(self.topics, listener=self)
            while not self.job.stopping.is_set():
                polled = await self._poll()
                self.job.progress()
                for number, half in enumerate(_halves(polled)):
                    undone = await lanes[number]
                    if undone:
                        await self._go_back({*undone, *half})
                    lanes[number] = asyncio.create_task(self._take({} if undone else half))
                await self._gauge()
        finally:
            await asyncio.gather(*lanes, return_exceptions=True)
            await asyncio.to_thread(self.kafka.close, autocommit=False)

    async def _poll(self) -> Batch:
        """Records to apply, none after a while without any. An assignment that failed leaves no place to read from."""
        try:
            wait = POLL_MS if self.kafka.assignment() else JOIN_MS
            return cast(Batch, await asyncio.to_thread(self.kafka.poll, wait))
        finally:
            if self.fault is not None:
                raise self.fault

    def on_partitions_revoked(self, _: Iterable[TopicPartition]) -> None:
        """A batch may be under way: the fence keeps its partitions until it is whole."""
        self.position.clear()
        CONSUMER_LAG.clear()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Go to where the database stands. Called in the client's thread, while the poll waits and the loop is free."""
        try:
            places = asyncio.run_coroutine_threadsafe(self._places(list(assigned)), self.loop).result(10)
            for partition, offset in places.items():
                self._seek(partition, offset)
            log.info("assigned", extra={"partitions": {f"{p.topic}/{p.partition}": at for p, at in places.items()}})
        except BaseException as error:  # noqa: BLE001  # the client would swallow it; run() raises it
            self.fault = error

    def _seek(self, partition: TopicPartition, offset: int) -> None:
        self.kafka.seek(partition, offset)
        self.sought[partition] = self.position[partition] = offset

    async def _places(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        async with db.transaction(self.pool) as conn:
            return await _offsets(conn, partitions)

    async def _go_back(self, partitions: Iterable[TopicPartition]) -> None:
        """Fetch what is still ours again from where the database stands."""
        held = self.kafka.assignment()
        for partition, offset in (await self._places([p for p in partitions if p in held])).items():
            self._seek(partition, offset)

    async def _take(self, batch: Batch) -> Batch:
        """Apply a batch in one transaction. It is given back, with nothing left behind, if it must be fetched again."""
        if not batch:
            return {}
        current.set(Context(actor=f"system:{self.group}"))
        started, sought = time.monotonic(), dict(self.sought)  # not what an assignment meanwhile seeks for the next
        try:
            async with db.transaction(self.pool) as conn:
                outcome, places = await self._apply(conn, batch, sought)
        except AheadError:
            return batch
        for partition, offset in places.items():
            self.sought.pop(partition, None)
            if partition in self.position:
                self.position[partition] = offset
        self.job.succeeded("kafka", "database")
        CONSUMER_SECONDS.observe(time.monotonic() - started)
        _count(outcome)
        return {}

    async def _apply(
        self, conn: db.Connection, polled: Batch, sought: Mapping[TopicPartition, int]
    ) -> tuple[Outcome, dict[TopicPartition, int]]:
        fence = await _fence(conn, list(polled))
        records: list[Record] = []
        places: dict[TopicPartition, int] = {}
        for partition, batch in polled.items():
            expected = fence[partition]
            fresh = [r for r in batch if r.offset >= expected]
            if fresh and fresh[0].offset > expected and sought.get(partition) != expected:
                raise AheadError
            if fresh:
                places[partition] = fresh[-1].offset + 1
            records += [Record(partition.topic, partition.partition, r.offset, r.key, r.value or b"") for r in fresh]
        started = time.time_ns()
        outcome = await settle(conn, records, self.read, self.known_types, self.apply)
        tracing.applied(self.group, [change.event for change in outcome.changes], started)
        await _move(conn, places, outcome.changes)
        return outcome, places

    async def _gauge(self) -> None:
        """Measure lag once a second, which also shows whether Kafka answers: a poll is silent when it does not."""
        if time.monotonic() < self.gauge_at:
            return
        self.gauge_at = time.monotonic() + GAUGE_SECONDS
        async with self.pool.acquire() as conn:
            CONSUMER_PARKED.set(await conn.fetchval("select count(*) from parked"))
        asked = list(self.position) or [TopicPartition(self.topics[0], 0)]
        try:
            ends = await asyncio.to_thread(self.kafka.end_offsets, asked, ANSWER_MS)
        except kafka.NOT_NOW as error:
            if self.job.ready.get("kafka"):
                log.warning("not now", extra={"dependency": "kafka", "error": repr(error)})
            self.job.ready["kafka"] = False
            return
        for partition, offset in self.position.items():
            CONSUMER_LAG.labels(partition.topic, partition.partition).set(ends[partition] - offset)
        self.job.succeeded("kafka", "database")


def _halves(batch: Batch) -> list[Batch]:
    """The batch by partitions of even and of odd number."""
    return [{p: records for p, records in batch.items() if p.partition % 2 == odd} for odd in (0, 1)]


def _count(outcome: Outcome) -> None:
    CONSUMER_BATCH.observe(len(outcome.changes))
    for verdict in ("repeats", "gaps", "unreadable", "unknown"):
        if number := getattr(outcome, verdict):
            CONSUMER_EVENTS.labels(verdict).inc(number)
    CONSUMER_EVENTS.labels("applied").inc(len(outcome.changes))
    if outcome.changes:
        newest = outcome.changes[-1].event
        CONSUMER_LAG_SECONDS.labels(newest.source).set((datetime.now(UTC) - newest.time).total_seconds())


OFFSETS = """
select topic, partition, next_offset from consumer_offset
join unnest($1::text[], $2::int[]) as asked (topic, partition) using (topic, partition)
order by topic, partition
"""
FENCE = f"{OFFSETS} for update of consumer_offset"


async def _offsets(
    conn: db.Connection, partitions: Sequence[TopicPartition], query: str = OFFSETS
) -> dict[TopicPartition, int]:
    """How far each of these partitions is applied, 0 where nothing is yet."""
    keys = sorted((p.topic, p.partition) for p in partitions)
    columns = [topic for topic, _ in keys], [number for _, number in keys]
    rows = await conn.fetch(query, *columns)
    if len(rows) < len(keys):
        await conn.execute(
            """
            insert into consumer_offset (topic, partition, next_offset)
            select topic, partition, 0 from unnest($1::text[], $2::int[]) as asked (topic, partition)
            on conflict do nothing
            """,
            *columns,
        )
        rows = await conn.fetch(query, *columns)
    return {TopicPartition(topic, partition): offset for topic, partition, offset in rows}


async def _fence(conn: db.Connection, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """The same, locked until the transaction ends: whoever else applies them waits, and then sees where we ended."""
    try:
        return await _offsets(conn, partitions, FENCE)
    except db.StatementTimeout as error:
        raise TimeoutError("another reader holds the partition") from error


async def _move(conn: db.Connection, places: Mapping[TopicPartition, int], changes: Sequence[Change]) -> None:
    """Store how far each partition is read, and the newest event applied from it."""
    newest: dict[tuple[str, int], Event] = {}
    for change in changes:
        place, event = (change.event.source, change.shard), change.event
        if place not in newest or newest[place].sequence < event.sequence:
            newest[place] = event
    rows = []
    for partition, offset in places.items():
        last = newest.get((f"/{partition.topic.rpartition('.')[2]}", partition.partition))
        seen = (last.sequence, last.time) if last else (0, None)
        rows.append((partition.topic, partition.partition, offset, *seen))
    await conn.executemany(
        """
        update consumer_offset
        set next_offset = $3, applied_at = clock_timestamp(), sequence = greatest(sequence, $4),
            event_time = case when $4 > sequence then $5 else event_time end
        where topic = $1 and partition = $2
        """,
        rows,
    )
