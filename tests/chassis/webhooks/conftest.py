"""A members service whose webhooks may go to loopback, its delivery, and a receiver."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import httpx
import pytest

from services.chassis import worker
from services.chassis.db import Connection
from services.chassis.delivery import deliver
from services.chassis.settings import Settings
from tests.chassis import bus
from tests.chassis.webhooks.hooks import LAX, Start, Told
from tests.chassis.webhooks.receiver import Receiver
from tests.conftest import Api, Database


@pytest.fixture
async def url(database: Database) -> str:
    """A members database."""
    return await database("members")


@pytest.fixture
async def conn(url: str) -> AsyncIterator[Connection]:
    """A session of it."""
    conn = await asyncpg.connect(url)
    yield conn
    await conn.close()


@pytest.fixture
async def members(api: Api, url: str) -> httpx.AsyncClient:
    """The members service on it, which lets webhooks go to loopback."""
    return await api("members", url=url, **LAX)


@pytest.fixture
async def told(members: httpx.AsyncClient) -> Told:
    """`await told(hook, status="failing")`: what the door says of it, as soon as it says so."""

    async def wait(hook: dict[str, Any], **wanted: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}

        async def there() -> bool:
            found.update((await members.get(f"/v1/webhooks/{hook['id']}")).json())
            return all(found[name] == value for name, value in wanted.items())

        await bus.until(there)
        return found

    return wait


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on loopback."""
    with Receiver() as running:
        yield running


@pytest.fixture
async def start(url: str) -> AsyncIterator[Start]:
    """`start(**settings)`: one more delivery as a task; `stopping.set()` on what it gives stops it."""
    running: list[tuple[worker.Worker, asyncio.Task[None]]] = []

    def begin(**settings: Any) -> worker.Worker:
        process = worker.Worker()
        chosen = Settings(database_url=url, **{**LAX, **settings})
        running.append((process, asyncio.create_task(deliver(process, chosen, "members"))))
        return process

    yield begin
    for process, _ in running:
        process.stopping.set()
    await asyncio.gather(*(task for _, task in running))
