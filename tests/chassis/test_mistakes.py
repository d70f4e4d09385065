"""A query with the wrong number of arguments is the program's fault and stops it, as waiting mends nothing."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import asyncpg
import httpx
import pytest

from contracts.catalog import EVENTS, read
from deploy.dev.engines import Kafka
from services.chassis.app import Service
from services.chassis.consumer import consume
from services.chassis.db import Connection, is_mistake
from services.chassis.entities import Change
from services.chassis.relay import relay
from services.chassis.settings import Settings
from services.chassis.web import Reading, noun
from services.chassis.worker import Worker
from tests.chassis import bus
from tests.chassis.test_http import problem
from tests.conftest import SERVICES, Database
from tests.issuer import Issuer

EXPECTED = "expects [02] arguments?"
router = noun("mistakes")


@router.get("")
async def mistaken(conn: Reading) -> None:
    """One argument for two."""
    await conn.execute("select $1::int, $2::int", 1)


async def test_a_reader_stops(kafka: Kafka, database: Database) -> None:
    """It raises what it was told, and nothing of its batch is kept."""
    settings = bus.settings(kafka, await database("reporting"))

    async def apply(conn: Connection, _: Sequence[Change]) -> None:
        await conn.execute("select $1::int, $2::int", 1)

    home = uuid4()
    await bus.send(settings, (str(home).encode(), bus.value(home, 1)))
    reading = consume(Worker(), settings, settings.consumer_group, ("members",), read, EVENTS, apply)
    with pytest.raises(asyncpg.InterfaceError, match=EXPECTED):
        await asyncio.wait_for(reading, 30)
    conn = await asyncpg.connect(settings.database_url)
    assert await conn.fetchval("select count(*) from entity") == 0
    await conn.close()


async def test_a_relay_stops(kafka: Kafka, database: Database) -> None:
    """A chore of its makes the mistake; standing by and leading again would make it again."""
    settings = bus.settings(kafka, await database("members"))

    async def chore(conn: Connection) -> None:
        await conn.execute("select 1", 1)

    with pytest.raises(asyncpg.InterfaceError, match=EXPECTED):
        await asyncio.wait_for(relay(Worker(), settings, "members", chore), 30)


async def test_a_door_says_that_it_is_broken(database: Database, issuer: Issuer) -> None:
    """500, not a 503 that callers would repeat for ever."""
    service = Service(name="mistakes", routers=[router], migrations=SERVICES)
    app = service.create_app(Settings(database_url=await database(), issuer_url=issuer.url))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as caller:
            problem(await caller.get("/v1/mistakes"), 500, "unexpected")


async def test_what_is_gone_is_no_mistake(database: Database) -> None:
    """Of asyncpg's one class: a closed connection is waited for, too many arguments are not."""
    conn = await asyncpg.connect(await database())
    with pytest.raises(asyncpg.InterfaceError) as many:
        await conn.execute("select 1", *range(32_768))
    await conn.close()
    with pytest.raises(asyncpg.InterfaceError) as gone:
        await conn.execute("select 1")
    assert (is_mistake(many.value), is_mistake(gone.value)) == (True, False)
