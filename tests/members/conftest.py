"""The members service on a database of its own, with an importer beside it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest

from services.chassis.worker import Worker
from tests.conftest import Api, Database
from tests.members.importing import at_work

Sql = Callable[..., Awaitable[list[asyncpg.Record]]]


@pytest.fixture
async def url(database: Database) -> str:
    """A fresh members database."""
    return await database("members")


@pytest.fixture
async def members(api: Api, url: str) -> httpx.AsyncClient:
    """A provincial caller of the members service."""
    return await api("members", url)


@pytest.fixture
def sql(url: str) -> Sql:
    """Runs one statement in the members database."""

    async def run(statement: str, *args: Any) -> list[asyncpg.Record]:
        conn = await asyncpg.connect(url)
        try:
            found: list[asyncpg.Record] = await conn.fetch(statement, *args)
            return found
        finally:
            await conn.close()

    return run


@pytest.fixture
async def importer(url: str) -> AsyncIterator[Worker]:
    """An importer at work."""
    async with at_work(url) as process:
        yield process
