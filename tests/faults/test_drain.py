"""SIGTERM on an API with a request in flight: finished if it can be, cut without a trace if it cannot."""

import asyncio
import json
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from services.chassis.db import Connection
from tests import builders
from tests.chassis.bus import until
from tests.platform import Platform

REPLICA = "members-api-2"
WAITING = "select count(*) from pg_locks where not granted and locktype = 'relation' and relation = 'member'::regclass"
SESSIONS = """
select count(*) from pg_stat_activity
where application_name = 'members-api' and query like '%into member%' and state <> 'idle'
"""


@pytest.fixture
async def held(stack: Platform) -> AsyncIterator[Connection]:
    """A session that holds the table of members, so that whoever enrols one waits for its transaction to end."""
    conn = await asyncpg.connect(stack.stack.postgres.url("members"))
    await conn.execute("begin; lock table member in access exclusive mode")
    yield conn
    await conn.close()


@asynccontextmanager
async def replica(stack: Platform, **settings: str) -> AsyncIterator[httpx.AsyncClient]:
    """A second API of members with these settings, and a caller of it; killed if it still runs at the end."""
    stack.stack.settings |= settings
    try:
        await asyncio.to_thread(stack.stack.run, REPLICA)
    finally:
        for name in settings:
            del stack.stack.settings[name]
    try:
        async with stack.client("members-2") as client:
            yield client
    finally:
        stack.stack.kill(REPLICA)


async def enrolling(client: httpx.AsyncClient, held: Connection, body: dict[str, Any], key: str) -> asyncio.Task[Any]:
    """A request that has got as far as the held table."""
    sending = asyncio.create_task(client.post("/v1/members", json=body, headers={"idempotency-key": key}))

    async def waiting() -> bool:
        return bool(await held.fetchval(WAITING) == 1)

    await until(waiting)
    return sending


async def left(conn: Connection, name: str, key: str) -> tuple[int, int, int]:
    """Members of this name, their journal rows, and answers kept under this key."""
    row = await conn.fetchrow(
        """
        select (select count(*) from member where name = $1) as members,
               (select count(*) from journal where subject in (select id from member where name = $1)) as events,
               (select count(*) from idempotency where key = $2) as answers
        """,
        name,
        key,
    )
    assert row is not None
    return row["members"], row["events"], row["answers"]


def readiness(stack: Platform) -> dict[str, bool]:
    """What the replica's /readyz says, whatever its status."""
    try:
        with urllib.request.urlopen(f"{stack.stack.ops[REPLICA]}/readyz", timeout=5) as answer:
            said: dict[str, bool] = json.load(answer)
    except urllib.error.HTTPError as refusal:
        said = json.load(refusal)
    return said


async def test_a_request_in_flight_is_finished(stack: Platform, held: Connection) -> None:
    """201 and committed after SIGTERM; meanwhile not ready, no new connections; then it leaves with zero."""
    async with stack.client("members") as members:
        branch = await builders.branch(members, name=f"Khu {uuid4()}")
    name, key = f"Hội viên Mẫu {uuid4()}", str(uuid4())
    async with replica(stack) as client:
        assert readiness(stack) == {"serving": True, "database": True, "schema": True, "issuer": True}
        sending = await enrolling(client, held, builders.joining(branch, name=name), key)
        process = stack.stack.processes[REPLICA]
        process.send_signal(signal.SIGTERM)

        async def refused() -> bool:
            try:
                async with stack.client("members-2") as another:
                    await another.get("/v1/branches")
            except httpx.ConnectError:
                return True
            except httpx.TransportError:
                pass  # it was still in the listener's queue when that was closed
            return False

        await until(refused)
        assert (await asyncio.to_thread(readiness, stack))["serving"] is False
        assert process.poll() is None
        await held.execute("rollback")
        answer = await sending
        assert answer.status_code == 201, answer.text
        assert await asyncio.to_thread(process.wait, 30) == 0
    assert await left(held, name, key) == (1, 1, 1)


async def test_a_request_that_outlasts_the_drain_is_cut(stack: Platform, held: Connection) -> None:
    """The process leaves with zero, no success is answered, nothing is written; the same key is free for a retry."""
    async with stack.client("members") as members:
        branch = await builders.branch(members, name=f"Khu {uuid4()}")
        name, key = f"Hội viên Mẫu {uuid4()}", str(uuid4())
        body = builders.joining(branch, name=name)
        async with replica(stack, DRAIN_SECONDS="1") as client:
            sending = await enrolling(client, held, body, key)
            process = stack.stack.processes[REPLICA]
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 30) == 0
            with suppress(httpx.TransportError):
                assert (await sending).status_code == httpx.codes.SERVICE_UNAVAILABLE
        await held.execute("rollback")

        async def over() -> bool:
            return bool(await held.fetchval(SESSIONS) == 0)

        await until(over)
        assert await left(held, name, key) == (0, 0, 0)
        again = await members.post("/v1/members", json=body, headers={"idempotency-key": key})
        assert again.status_code == 201, again.text
        assert await left(held, name, key) == (1, 1, 1)
