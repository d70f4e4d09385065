"""The relay: journal → Kafka, in order, in a process of its own. One replica leads, the others stand by.

1. Number. Every visible row without a `sequence` gets the next one, in journal order, in a transaction of its own.
2. Publish. Rows numbered and not yet acknowledged are sent in order; the relay waits for every acknowledgement.
3. Mark. `relay_state.published` moves up to the last of them.

A number is durable before it is published, so what is sent again after a crash carries the same number; a reader that
drops what it has cannot lose another event by it. A transaction that commits late is numbered when it becomes visible.
"""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from typing import Any

from opentelemetry import propagate, trace

from services.chassis import db, kafka, worker
from services.chassis.settings import Settings
from services.chassis.telemetry import (
    RELAY_BACKLOG,
    RELAY_LEADER,
    RELAY_OLDEST_SECONDS,
    RELAY_PUBLISHED,
    RELAY_SECONDS,
)

LEADER = 0x72656C6179  # "relay"
BATCH = 5_000
IDLE_SECONDS = 0.025
STANDBY_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 60.0
GAUGE_SECONDS = 1.0
log = logging.getLogger("danvan.relay")
tracer = trace.get_tracer("danvan")


async def run(settings: Settings, service: str) -> None:
    """Publish the service's journal until SIGTERM."""

    async def body(job: worker.Worker) -> None:
        while not job.stopping.is_set():
            try:
                await asyncio.to_thread(kafka.ensure_topic, settings, kafka.topic_of(settings, service))
                job.succeeded("kafka")
                conn = await db.connect(settings, f"{service}-relay")
                job.succeeded("database")
            except db.UNAVAILABLE as error:
                await job.not_now("database", error)
                continue
            except Exception as error:
                if not kafka.is_not_now(error):
                    raise
                await job.not_now("kafka", error)
                continue
            await _with_connection(settings, service, conn, job)

    await worker.run(settings, body)


async def _with_connection(settings: Settings, service: str, conn: db.Single, job: worker.Worker) -> None:
    """Stand by and lead on one database session: whatever loses the session loses the leadership with it."""
    producer: Any = None
    try:
        while not job.stopping.is_set() and not await conn.fetchval("select pg_try_advisory_lock($1)", LEADER):
            RELAY_LEADER.set(0)
            await job.pause(STANDBY_SECONDS)
        if job.stopping.is_set():
            return
        producer = await asyncio.to_thread(kafka.producer, settings, f"{service}-relay")
        job.succeeded("kafka")
        RELAY_LEADER.set(1)
        log.info("leading")
        await _lead(settings, service, conn, producer, job)
    except db.UNAVAILABLE as error:
        await job.not_now("database", error)
    except Exception as error:
        if not kafka.is_not_now(error):
            raise
        await job.not_now("kafka", error)
    finally:
        RELAY_LEADER.set(0)
        conn.terminate()
        if producer is not None:
            await asyncio.to_thread(producer.close, 1)


async def _lead(settings: Settings, service: str, conn: db.Single, producer: Any, job: worker.Worker) -> None:
    topic = kafka.topic_of(settings, service)
    tidied = gauged = float("-inf")
    while not job.stopping.is_set():
        started = time.monotonic()
        await number(conn, BATCH)
        rows = await unpublished(conn, BATCH)
        if rows:
            await asyncio.to_thread(_publish, producer, topic, service, rows)
            await mark(conn, rows[-1]["sequence"])
            RELAY_PUBLISHED.inc(len(rows))
            RELAY_SECONDS.observe(time.monotonic() - started)
        job.succeeded("database", "kafka")
        if started - tidied > HOUSEKEEPING_SECONDS:
            tidied = started
            await tidy(conn, settings.idempotency_days)
        if started - gauged > GAUGE_SECONDS:
            gauged = started
            await _gauge(conn)
        if len(rows) < BATCH:
            await job.pause(IDLE_SECONDS)
        else:
            job.progress()


async def number(conn: db.Connection, limit: int) -> int:
    """Give up to `limit` visible rows the next sequences, in journal order; how many there were."""
    done = await conn.execute(
        """
        with last as (select coalesce(max(sequence), 0) as sequence from journal where sequence is not null),
        next as (
            select row, row_number() over (order by position) as n from (
                select ctid as row, position from journal where sequence is null order by position limit $1
            ) as waiting
        )
        update journal set sequence = last.sequence + next.n from next, last where journal.ctid = next.row
        """,
        limit,
    )
    return int(done.split()[1])


async def unpublished(conn: db.Connection, limit: int) -> list[db.Row]:
    """Numbered rows that Kafka has not acknowledged, in order."""
    return await conn.fetch(
        """
        select * from journal where sequence > (select published from relay_state) order by sequence limit $1
        """,
        limit,
    )


async def mark(conn: db.Connection, sequence: int) -> None:
    """Everything up to `sequence` is acknowledged."""
    await conn.execute("update relay_state set published = $1 where published < $1", sequence)


async def tidy(conn: db.Connection, days: int) -> None:
    """Forget answers kept for retries that nobody will send again, a few at a time."""
    await conn.execute(
        """
        delete from idempotency where ctid = any(array(
            select ctid from idempotency where created_at < now() - make_interval(days => $1) limit 10000))
        """,
        days,
    )


async def _gauge(conn: db.Connection) -> None:
    """Set the gauges of what waits."""
    row = await conn.fetchrow(
        """
        select count(*) as rows, coalesce(extract(epoch from clock_timestamp() - min(recorded_at)), 0) as age from (
            select recorded_at from journal where sequence is null
            union all
            select recorded_at from journal where sequence > (select published from relay_state)
        ) as waiting
        """
    )
    if row is not None:
        RELAY_BACKLOG.set(row["rows"])
        RELAY_OLDEST_SECONDS.set(float(row["age"]))


def _publish(producer: Any, topic: str, service: str, rows: Sequence[db.Row]) -> None:
    """Send every row and wait until each is acknowledged; raises what the first failure was. Blocks."""
    sent = []
    for row in rows:
        with _span(row):
            sent.append(producer.send(topic, value=encode(service, row), key=str(row["subject"]).encode()))
    producer.flush(timeout=30)
    for future in sent:
        future.get(timeout=1)


def _span(row: db.Row) -> Any:
    """A producer span below the write's own, where that was recorded."""
    if not (row["traceparent"] or "").endswith("01"):
        return trace.use_span(trace.INVALID_SPAN)
    parent = propagate.extract({"traceparent": row["traceparent"]})
    return tracer.start_as_current_span("publish", parent, kind=trace.SpanKind.PRODUCER)


def encode(service: str, row: db.Row) -> bytes:
    """A journal row as a CloudEvent (contracts.event.Event); its `data` is stored as the JSON text that is sent."""
    branch, trace_parent = row["branch"], row["traceparent"]
    return (
        f'{{"specversion":"1.0","id":"{row["id"]}","source":"/{service}","type":"{row["type"]}",'
        f'"subject":"{row["subject"]}","time":"{row["recorded_at"].isoformat()}",'
        f'"occurredon":"{row["occurred_on"]}","unit":"{row["unit"]}",'
        f'"branch":{f"{chr(34)}{branch}{chr(34)}" if branch else "null"},'
        f'"version":{row["version"]},"sequence":{row["sequence"]},'
        f'"traceparent":{f"{chr(34)}{trace_parent}{chr(34)}" if trace_parent else "null"},'
        f'"datacontenttype":"application/json","data":{row["data"]}}}'
    ).encode()


def envelope(service: str, row: db.Row) -> dict[str, Any]:
    """The same as an object, for the feed."""
    event: dict[str, Any] = json.loads(encode(service, row))
    return event
