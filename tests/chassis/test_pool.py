"""The pool of connections: fair, never more than it may hold, and none handed on that is not as good as new."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress

import asyncpg
import pytest

from services.chassis import db
from services.chassis.settings import Settings
from tests.conftest import Database

SIZE = 2
PID = "select pg_backend_pid()"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[db.Pool]:
    """A pool of two connections."""
    settings = Settings(database_url=await database("members"), database_pool_max=SIZE, statement_timeout_ms=500)
    made = db.Pool(settings, "probe")
    yield made
    made.terminate()


async def pid(pool: db.Pool) -> int:
    """Which session is handed out next."""
    async with pool.acquire() as conn:
        return int(await conn.fetchval(PID))


async def test_turns_are_fair(pool: db.Pool) -> None:
    """Fifty that ask at once are served in the order of asking, by two sessions that serve one at a time."""
    served: list[int] = []
    sessions: set[int] = set()
    busy = 0

    async def ask(number: int) -> None:
        nonlocal busy
        async with pool.acquire() as conn:
            busy += 1
            assert busy <= SIZE
            served.append(number)
            sessions.add(await conn.fetchval(PID))
            busy -= 1

    async with pool.acquire(), pool.acquire():
        pass
    await asyncio.gather(*(ask(number) for number in range(50)))
    assert served == list(range(50))
    assert len(sessions) == SIZE


async def test_a_session_is_used_again(pool: db.Pool) -> None:
    """Who asks next gets the session that came back last."""
    assert await pid(pool) == await pid(pool)


async def test_one_left_in_a_transaction_is_not_handed_on(pool: db.Pool) -> None:
    """What somebody began and did not end is rolled back with its session."""
    async with pool.acquire() as conn:
        before = await conn.fetchval(PID)
        await conn.execute("begin; create table half ()")
    assert await pid(pool) != before
    assert await db.asked(pool, "select to_regclass('half') is null")


@pytest.mark.parametrize("within", ["a connection", "a transaction", "a part"])
async def test_one_cut_short_is_not_handed_on(pool: db.Pool, within: str) -> None:
    """A cancelled statement's session goes at once; nobody waits for it, and nothing of it stays."""

    async def slow() -> None:
        if within == "a connection":
            async with pool.acquire() as conn:
                begun.set_result(await conn.fetchval(PID))
                await conn.execute("select pg_sleep(60)")
        async with db.transaction(pool) as conn:
            await conn.execute("create table half ()")
            if within == "a transaction":
                begun.set_result(await conn.fetchval(PID))
                await conn.execute("select pg_sleep(60)")
            async with db.part(conn):
                begun.set_result(await conn.fetchval(PID))
                await conn.execute("select pg_sleep(60)")

    begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(slow())
    before = await begun
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert await pid(pool) != before
    assert await db.asked(pool, "select to_regclass('half') is null")


@pytest.mark.parametrize("opened", [db.Pool.acquire, db.transaction, db.snapshot])
async def test_nobody_waits_for_a_server_that_is_silent(
    pool: db.Pool, opened: Callable[[db.Pool], AbstractAsyncContextManager[db.Connection]]
) -> None:
    """Who is cut short goes at once, and asks nothing more of a session that would not answer."""
    begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def ask() -> None:
        async with opened(pool) as conn:
            begun.set_result(await conn.fetchval(PID))
            await conn.execute("select pg_sleep(60)")

    task = asyncio.create_task(ask())
    session = await begun
    os.kill(session, signal.SIGSTOP)
    try:
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=1)
    finally:
        os.kill(session, signal.SIGCONT)
    assert done


async def test_one_whose_session_ended_is_not_handed_on(pool: db.Pool) -> None:
    """A session that the server ended while it was idle is replaced."""
    before = await pid(pool)
    async with pool.acquire() as first, pool.acquire() as second:
        other = first if await second.fetchval(PID) == before else second
        await other.execute("select pg_terminate_backend($1, 5000)", before)
    assert await pid(pool) != before
    assert await pid(pool) != before


async def test_what_is_idle_for_long_is_closed(pool: db.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions of a busy hour do not stay: the next that comes back closes what lay idle, and takes a fresh one."""
    async with pool.acquire() as first, pool.acquire() as second:
        old = {await first.fetchval(PID), await second.fetchval(PID)}
    monkeypatch.setattr(db, "IDLE_SECONDS", 0)
    assert await pid(pool) not in old
    assert first.is_closed()
    assert second.is_closed()


async def test_after_a_migration_one_request_at_most_is_told_to_come_again(pool: db.Pool) -> None:
    """Statements that were prepared for a table as it was are prepared anew, by idle and by busy sessions."""
    query = "select * from thing"
    async with pool.acquire() as conn:
        await conn.execute("create table thing (first integer)")
    async with db.transaction(pool) as first, db.transaction(pool) as second:
        await first.fetch(query)
        await second.fetch(query)
    async with pool.acquire() as busy:
        async with pool.acquire() as conn:
            await conn.execute("alter table thing add column second integer")
        with pytest.raises(db.NOT_NOW):
            async with db.transaction(pool) as conn:
                await conn.fetch(query)
        await busy.execute("select")
    async with db.transaction(pool) as first, db.transaction(pool) as second:
        assert await first.fetch(query) == await second.fetch(query) == []
    assert pool.outdated == set()


async def test_a_refused_connection_gives_its_turn_back(pool: db.Pool) -> None:
    """As often as the database refuses, so often the next may ask."""
    host = pool.options["dsn"]
    pool.options["dsn"] = host.replace("/members", "/nowhere") if "/members" in host else f"{host}_nowhere"
    for _ in range(2 * SIZE):
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await pid(pool)
    pool.options["dsn"] = host
    assert await pid(pool)


async def test_a_statement_that_takes_too_long_leaves_the_session(pool: db.Pool) -> None:
    """The server ends what takes too long; the session is as good as new."""
    before = await pid(pool)
    with pytest.raises(db.StatementTimeout):
        async with db.transaction(pool) as conn:
            await conn.execute("select pg_sleep(60)")
    assert await pid(pool) == before
