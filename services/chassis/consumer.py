"""Kafka → handler, exactly once: offsets and entity versions are stored with the effects, in one transaction a batch.

The offset row of a partition is the fence. A reader that lost the partition, or a zombie, finds another offset there
than the one its batch begins at: what lies before it was applied by somebody and is dropped, what lies after it is
fetched again. Kafka's own committed offsets are never used.
"""

import asyncio
import logging
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from kafka import ConsumerRebalanceListener, TopicPartition

from services.chassis import db, kafka, tracing, worker
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

POLL_MS = 1_000
GAUGE_SECONDS = 1.0
log = logging.getLogger("danvan.consumer")
__all__ = ["Apply", "Change", "Read", "redrive", "run"]


class AheadError(Exception):
    """A batch begins after the offset the database expects: it must be fetched again from there."""


async def run(
    settings: Settings, *, group: str, services: Sequence[str], read: Read, known_types: Container[str], apply: Apply
) -> None:
    """Feed `apply` with the events of these services' topics until SIGTERM."""

    await worker.run(settings, lambda job: consume(job, settings, group, services, read, known_types, apply))


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
    pool = await db.connect_pool(settings, f"{group}-projector")
    try:
        while not job.stopping.is_set():
            try:
                await _Reader(settings, group, services, read, known_types, apply, pool, job).run()
            except db.UNAVAILABLE as error:
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
        self.gauged = float("-inf")
        self.kafka: Any = None

    async def run(self) -> None:
        """Poll and apply until told to stop; raises what ended it."""
        for topic in self.topics:
            await asyncio.to_thread(kafka.ensure_topic, self.settings, topic)
        self.kafka = await asyncio.to_thread(kafka.consumer, self.settings, f"{self.group}-projector", self.group)
        try:
            self.kafka.subscribe(self.topics, listener=self)
            while not self.job.stopping.is_set():
                polled = await asyncio.to_thread(self.kafka.poll, POLL_MS)
                if self.fault is not None:
                    raise self.fault
                self.job.succeeded("kafka", "database")
                self.job.progress()
                if polled:
                    await self._take(polled)
                await self._gauge()
        finally:
            await asyncio.to_thread(self.kafka.close, autocommit=False)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing is pending: every batch is whole before the next poll."""

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Go to where the database stands. Called in the poll's thread, while the loop is free."""
        try:
            places = asyncio.run_coroutine_threadsafe(self._places(list(assigned)), self.loop).result(30)
            for partition, offset in places.items():
                self._seek(partition, offset)
            log.info("assigned", extra={"partitions": {f"{p.topic}/{p.partition}": at for p, at in places.items()}})
        except BaseException as error:  # noqa: BLE001  # the client would swallow it; run() raises it
            self.fault = error

    def _seek(self, partition: TopicPartition, offset: int) -> None:
        self.kafka.seek(partition, offset)
        self.sought[partition] = offset

    async def _places(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        async with db.transaction(self.pool) as conn:
            return {p: row["next_offset"] for p, row in (await _fence(conn, partitions)).items()}

    async def _take(self, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Apply one batch; whatever prevents it leaves nothing behind and the batch is fetched again."""
        started = time.monotonic()
        try:
            async with db.transaction(self.pool) as conn:
                outcome, places = await self._apply(conn, polled)
        except AheadError:
            for partition, offset in (await self._places(list(polled))).items():
                self._seek(partition, offset)
            return
        except db.RETRYABLE as error:
            raise ConnectionError(str(error)) from error
        self.sought = {p: offset for p, offset in self.sought.items() if p not in places}
        CONSUMER_SECONDS.observe(time.monotonic() - started)
        _count(outcome)

    async def _apply(
        self, conn: db.Connection, polled: Mapping[TopicPartition, Sequence[Any]]
    ) -> tuple[Outcome, dict[TopicPartition, int]]:
        fence = await _fence(conn, list(polled))
        records: list[Record] = []
        places: dict[TopicPartition, int] = {}
        for partition, batch in polled.items():
            expected = fence[partition]["next_offset"]
            fresh = [r for r in batch if r.offset >= expected]
            if fresh and fresh[0].offset > expected and self.sought.get(partition) != expected:
                raise AheadError
            if fresh:
                places[partition] = fresh[-1].offset + 1
            records += [Record(partition.topic, partition.partition, r.offset, r.key, r.value or b"") for r in fresh]
        outcome = await settle(conn, records, self.read, self.known_types, self.apply)
        with tracing.applied(self.group, [change.event for change in outcome.changes]):
            pass  # a span below each write that was recorded: a trace runs from HTTP to the figures
        await _move(conn, places, outcome.changes)
        return outcome, places

    async def _gauge(self) -> None:
        now = time.monotonic()
        if now - self.gauged < GAUGE_SECONDS:
            return
        self.gauged = now
        for partition in self.kafka.assignment():
            end = self.kafka.highwater(partition)
            if end is not None:
                lag = end - self.kafka.position(partition)
                CONSUMER_LAG.labels(partition.topic, partition.partition).set(lag)
        async with self.pool.acquire() as conn:
            CONSUMER_PARKED.set(await conn.fetchval("select count(*) from parked"))


def _count(outcome: Outcome) -> None:
    CONSUMER_BATCH.observe(len(outcome.changes))
    for verdict in ("repeats", "gaps", "unreadable", "unknown"):
        if number := getattr(outcome, verdict):
            CONSUMER_EVENTS.labels(verdict).inc(number)
    CONSUMER_EVENTS.labels("applied").inc(len(outcome.changes))
    if outcome.changes:
        newest = outcome.changes[-1].event
        CONSUMER_LAG_SECONDS.labels(newest.source).set((datetime.now(UTC) - newest.time).total_seconds())


async def _fence(conn: db.Connection, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, db.Row]:
    """The offset rows of these partitions, made if new, locked until the transaction ends."""
    keys = sorted((p.topic, p.partition) for p in partitions)
    columns = [topic for topic, _ in keys], [number for _, number in keys]
    await conn.execute(
        """
        insert into consumer_offset (topic, partition, next_offset)
        select topic, partition, 0 from unnest($1::text[], $2::int[]) as asked (topic, partition)
        on conflict do nothing
        """,
        *columns,
    )
    rows = await conn.fetch(
        """
        select topic, partition, next_offset from consumer_offset
        join unnest($1::text[], $2::int[]) as asked (topic, partition) using (topic, partition)
        order by topic, partition for update of consumer_offset
        """,
        *columns,
    )
    return {TopicPartition(row["topic"], row["partition"]): row for row in rows}


async def _move(conn: db.Connection, places: Mapping[TopicPartition, int], changes: Sequence[Change]) -> None:
    """Store how far each partition is read, and the newest event applied from it."""
    newest = {f"{change.event.source[1:]}/{change.shard}": change.event for change in changes}
    rows = []
    for partition, offset in places.items():
        event = newest.get(f"{partition.topic.rpartition('.')[2]}/{partition.partition}")
        rows.append(
            (
                partition.topic,
                partition.partition,
                offset,
                event.sequence if event else 0,
                event.time if event else None,
            )
        )
    await conn.executemany(
        """
        update consumer_offset
        set next_offset = $3, sequence = greatest(sequence, $4), event_time = coalesce($5, event_time),
            applied_at = clock_timestamp()
        where topic = $1 and partition = $2
        """,
        rows,
    )
