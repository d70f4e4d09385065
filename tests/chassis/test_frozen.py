"""Somebody falls silent without going away: a frozen PostgreSQL, a frozen leader. Nobody waits for ever."""

import asyncio
import threading
from contextlib import suppress
from uuid import uuid4

import asyncpg
import pytest

from contracts.catalog import EVENTS, read
from deploy.dev.engines import Kafka, Postgres
from deploy.dev.postgres import working_in
from services.chassis import db, leader, migrate, relay, worker
from services.chassis.consumer import consume
from services.chassis.db import Connection
from tests.chassis import bus
from tests.conftest import Api, Database
from tests.platform import frozen


async def test_a_database_that_freezes_is_not_waited_for(
    kafka: Kafka, postgres: Postgres, database: Database, api: Api
) -> None:
    """API 503, relay, reader and readiness say so while it is silent; then all goes on without loss or repeat."""
    owner = bus.settings(kafka, await database("members"), statement_timeout_ms=300)
    reader = owner.model_copy(update={"database_url": await database("reporting")})
    conn = await asyncpg.connect(owner.database_url)
    kept = await asyncpg.connect(reader.database_url)
    members = await api("members", owner.database_url, statement_timeout_ms=300)
    pool = db.Pool(owner, "probe")
    jobs = [worker.Worker(), worker.Worker()]
    home = uuid4()

    async def ready() -> bool:
        return all(job.ready == {"database": True, "kafka": True} for job in jobs)

    async def away() -> bool:
        return not any(job.ready["database"] for job in jobs)

    async def applied() -> bool:
        return bool(await kept.fetchval("select count(*) = 1 from entity where version = $1", version))

    bodies = (
        relay.relay(jobs[0], owner, "members"),
        consume(jobs[1], reader, reader.consumer_group, ("members",), read, EVENTS, bus.nothing),
    )
    async with bus.at_work(*bodies, jobs=jobs):
        version = 1
        await bus.write(conn, home, version)
        await bus.until(applied)
        await bus.until(ready)
        assert await db.asked(pool, migrate.REVISION) is not None
        with frozen(working_in(postgres.data)):
            asking = asyncio.create_task(members.get("/v1/events"))
            assert await db.asked(pool, "select true") is None
            await bus.until(away)
            assert (await asking).status_code == 503
        version = 2
        await bus.write(conn, home, version)
        await bus.until(applied)
        assert (await members.get("/v1/events")).status_code == 200
    pool.terminate()
    assert await kept.fetchval("select count(*) from parked") == 0
    await conn.close()
    await kept.close()


@pytest.mark.parametrize("doing", ["nothing", "preparing", "reading"])
async def test_a_frozen_leader_loses_the_lock(
    kafka: Kafka, database: Database, monkeypatch: pytest.MonkeyPatch, doing: str
) -> None:
    """Silent between statements, within one, or while an answer waits that it does not read: another one leads."""
    monkeypatch.setattr(db, "SILENT_MS", 1_000)
    for name in ("idle_session_timeout", "transaction_timeout"):
        monkeypatch.setitem(leader.SESSION, name, "1s")
    settings = bus.settings(kafka, await database("members"))
    conn = await asyncpg.connect(settings.database_url)
    await bus.write(conn, uuid4(), 1)
    deaf = settings.model_copy(update={"statement_timeout_ms": 0})  # it gives nothing up by itself
    first: Connection = await db.connect(deaf, "members-relay", **leader.SESSION)
    assert await first.fetchval("select pg_try_advisory_lock($1)", relay.LOCK)
    asking = None
    if doing != "nothing":
        first._transport.pause_reading()  # type: ignore[attr-defined]
        ask = first.fetch if doing == "preparing" else first.execute
        asking = asyncio.create_task(ask("select repeat('x', 1000) from generate_series(1, 100000)"))

    async def published() -> bool:
        return bool(await conn.fetchval("select published = 1 from relay_state"))

    job = worker.Worker()
    try:
        async with bus.at_work(relay.relay(job, settings, "members"), jobs=[job]):
            await bus.until(published)
    finally:
        first.terminate()
        if asking is not None:
            with suppress(*db.NOT_NOW):
                await asking
    await conn.close()


async def test_a_leader_that_loses_its_session_sends_nothing_more(
    kafka: Kafka, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its batch is under way to a frozen broker: whoever leads next must not meet it, so its producer ends at once."""
    monkeypatch.setattr(relay, "PULSE_SECONDS", 0.1)
    settings = bus.settings(kafka, await database("members"))
    conn = await asyncpg.connect(settings.database_url)
    before = set(threading.enumerate())

    def senders() -> set[threading.Thread]:
        return {
            thread for thread in set(threading.enumerate()) - before if thread.name == "members-relay-network-thread"
        }

    async def published() -> bool:
        return bool(await conn.fetchval("select published = $1 from relay_state", count))

    async def stuck() -> bool:
        return not job.ready["kafka"]

    async def over() -> bool:
        return not any(thread.is_alive() for thread in sending)

    job = worker.Worker()
    async with bus.at_work(relay.relay(job, settings, "members"), jobs=[job]):
        count = 1
        await bus.write(conn, uuid4(), 1)
        await bus.until(published)
        with frozen([kafka.pid]):
            await bus.write(conn, uuid4(), 1)
            await bus.until(stuck)
            sending = senders()
            assert sending
            await conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and application_name = 'members-relay'"
            )
            await bus.until(over, 10)
        count = 2
        await bus.until(published)
    assert {read(record.value).sequence for record in await bus.published(settings)} == {1, 2}
    await conn.close()
