"""The relay: journal → Kafka, in order, losing nothing.

One replica leads (`leader.py`), the others stand by. The leader
1. numbers every row it sees, by `position`, in one transaction: `sequence` is durable before anything is published, so
   whoever publishes a row again publishes it under the same number;
2. publishes rows beyond `relay_state.published` in sequence order and waits for all acknowledgements;
3. marks them published.
A transaction that commits late is numbered when it is seen. Numbering and marking use the session that holds the lock:
a leader that lost it can do neither. What was published and not marked is published again; readers drop repeats.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC
from typing import Any

from services.chassis import db, kafka, leader, telemetry, tracing, worker
from services.chassis.settings import Settings

log = logging.getLogger("danvan.relay")
LOCK = 0x72656C6179  # "relay"
BATCH = 5_000
IDLE_SECONDS = 0.025
PULSE_SECONDS = 2.0
CHORES_SECONDS = 5.0
Chore = Callable[[db.Connection], Awaitable[None]]
"""What a service has done every few seconds by one of its processes: small, and safe to do again."""


class Refused(Exception):
    """Kafka will never take this event. Publishing stops here: skipping it would lose it."""


async def run(settings: Settings, service: str, *chores: Chore) -> None:
    """Publish the journal of `service` until SIGTERM. Raises Refused, and whatever is a bug."""
    await worker.run(settings, lambda process: relay(process, settings, service, *chores))


async def relay(process: worker.Worker, settings: Settings, service: str, *chores: Chore) -> None:
    """Stand by, lead, and again after every fault that waiting mends."""
    process.ready["database"] = False
    while not process.stopping.is_set():
        try:
            async with leader.session(settings, f"{service}-relay") as conn:
                if await leader.elected(process, conn, LOCK, "relay_state"):
                    await _lead(process, settings, service, conn, chores)
        except db.NOT_NOW as error:
            await process.not_now("database", error)
        except kafka.NOT_NOW as error:
            await process.not_now("kafka", error)
        finally:
            telemetry.RELAY_LEADER.set(0)


async def _lead(
    process: worker.Worker, settings: Settings, service: str, conn: db.Connection, chores: Sequence[Chore]
) -> None:
    """Publish until told to stop or until a fault."""
    topic = kafka.topic_of(settings, service)
    await asyncio.to_thread(kafka.ensure_topic, settings, topic)
    producer = await asyncio.to_thread(kafka.producer, settings, f"{service}-relay")
    try:
        published: int = await conn.fetchval("select published from relay_state")
        telemetry.RELAY_LEADER.set(1)
        log.info("leading", extra={"topic": topic, "published": published})
        process.succeeded("database", "kafka")
        chores_at = 0.0
        while not process.stopping.is_set():
            process.progress()
            started = time.monotonic()
            last = await _batch(process, conn, producer, topic, service, published)
            if started >= chores_at:
                await _chores(conn, settings)
                for chore in chores:
                    await chore(conn)
                chores_at = started + CHORES_SECONDS
            if last == published:
                await process.pause(IDLE_SECONDS)
                continue
            process.succeeded("database", "kafka")
            telemetry.RELAY_PUBLISHED.inc(last - published)
            telemetry.RELAY_SECONDS.observe(time.monotonic() - started)
            published = last
    finally:
        kafka.abandon(producer)


async def _batch(
    process: worker.Worker, conn: db.Connection, producer: Any, topic: str, service: str, published: int
) -> int:
    """Number, publish and mark up to BATCH events after `published`; the last sequence published by now."""
    await _number(conn)
    rows = await _unpublished(conn, service, published)
    if not rows:
        return published
    started = time.time_ns()
    sending = asyncio.create_task(asyncio.to_thread(_publish, producer, topic, rows))
    try:
        while not (await asyncio.wait([sending], timeout=PULSE_SECONDS))[0]:
            process.ready["kafka"] = False  # no acknowledgement for so long
            await conn.execute("select")  # a lost session is noticed here; the lock went with it
    except BaseException:
        kafka.abandon(producer)  # publish nothing more: another replica may lead by now
        await asyncio.wait([sending])
        sending.exception()
        raise
    sending.result()
    tracing.published(topic, rows, started)
    last: int = rows[-1]["sequence"]
    await conn.execute("update relay_state set published = $1 where published < $1", last)
    return last


async def _number(conn: db.Connection) -> None:
    """Give the first BATCH unnumbered rows, by position, the next sequences, without a hole.

    Only the leader updates journal rows, so `ctid` stays true for the length of the statement.
    """
    await conn.execute(
        """
        update journal set sequence = last + fresh.number
        from (select coalesce(max(sequence), 0) as last from journal where sequence is not null) as numbered, (
            select at, row_number() over (order by position) as number
            from (select ctid as at, position from journal where sequence is null order by position limit $1) waiting
        ) fresh
        where journal.ctid = fresh.at
        """,
        BATCH,
    )


async def _unpublished(conn: db.Connection, service: str, published: int) -> list[db.Row]:
    """Numbered rows after `published` in order: sequence, key, traceparent and the event as CloudEvents JSON text."""
    return await conn.fetch(
        """
        select sequence, subject::text as key, traceparent, type,
               '{"specversion":"1.0","id":"' || id || '","source":"/' || $2 || '","type":' || to_json(type)
               || ',"subject":"' || subject || '","time":"'
               || to_char(recorded_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
               || '","occurredon":"' || occurred_on || '","unit":' || to_json(unit)
               || coalesce(',"branch":"' || branch || '"', '') || ',"version":' || version || ',"sequence":' || sequence
               || coalesce(',"traceparent":' || to_json(traceparent), '')
               || ',"datacontenttype":"application/json","data":' || data || '}' as event
        from journal where sequence > $1 order by sequence limit $3
        """,
        published,
        service,
        BATCH,
    )


def envelope(service: str, row: db.Row) -> dict[str, Any]:
    """A numbered journal row (`select *`) as the event that is published: CloudEvents attributes and `data`."""
    optional = {"branch": row["branch"] and str(row["branch"]), "traceparent": row["traceparent"]}
    return {
        "specversion": "1.0",
        "id": str(row["id"]),
        "source": f"/{service}",
        "type": row["type"],
        "subject": str(row["subject"]),
        "time": row["recorded_at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "occurredon": row["occurred_on"].isoformat(),
        "unit": row["unit"],
        "version": row["version"],
        "sequence": row["sequence"],
        **{name: value for name, value in optional.items() if value is not None},
        "datacontenttype": "application/json",
        "data": json.loads(row["data"]),
    }


def _publish(producer: Any, topic: str, rows: Sequence[db.Row]) -> None:
    """Send all, then wait for every acknowledgement. Raises Refused, or what `kafka.NOT_NOW` says."""
    sent: list[Any] = []
    done = 0
    try:
        for row in rows:
            sent.append(producer.send(topic, key=row["key"].encode(), value=row["event"].encode()))  # noqa: PERF401
        producer.flush(timeout=kafka.DELIVERY_MS / 1000 + 5)
        for future in sent:
            if not future.succeeded():
                raise future.exception or TimeoutError("no acknowledgement")
            done += 1
    except kafka.NOT_NOW:
        raise
    except kafka.KafkaError as error:
        row = rows[done or min(len(sent), len(rows) - 1)]
        raise Refused(f"{topic}: {row['type']} {row['key']}, sequence {row['sequence']}: {error!r}") from error


async def _chores(conn: db.Connection, settings: Settings) -> None:
    """Measure the backlog; forget a few answers kept for retries that are too old."""
    row = await conn.fetchrow(
        """
        with waiting as (select recorded_at from journal where sequence is null limit 100000),
             unmarked as (select recorded_at from journal, relay_state where sequence > published limit 100000)
        select count(*) as backlog, extract(epoch from clock_timestamp() - min(recorded_at))::float8 as oldest
        from (select * from waiting union all select * from unmarked) rows
        """
    )
    assert row is not None
    telemetry.RELAY_BACKLOG.set(row["backlog"])
    telemetry.RELAY_OLDEST_SECONDS.set(row["oldest"] or 0)
    await conn.execute(
        """
        delete from idempotency where ctid = any(array(
            select ctid from idempotency where created_at < now() - make_interval(days => $1)
            order by created_at limit 2500))
        """,
        settings.idempotency_days,
    )
