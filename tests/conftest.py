"""The engines every test runs on, a database of its own for each, and callers with tokens."""

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from deploy.dev.engines import Kafka, Postgres
from deploy.dev.supervisor import Stack
from services.chassis import migrate
from services.chassis.settings import Settings
from tests.issuer import Issuer
from tests.platform import Platform

SERVICES = Path(__file__).parents[1] / "services"
Database = Callable[..., Awaitable[str]]
Api = Callable[..., Awaitable[httpx.AsyncClient]]
numbers = itertools.count(1)


trace.set_tracer_provider(TracerProvider(sampler=ALWAYS_OFF))


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that the unprivileged database user can reach; gone afterwards."""
    made = Path(tempfile.mkdtemp(prefix="danvan-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(folder: Path) -> Iterator[Postgres]:
    """PostgreSQL 18, thrown away: without fsync, which only a machine's own crash would need."""
    engine = Postgres(folder / "postgres", durable=False)
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def kafka(folder: Path) -> Iterator[Kafka]:
    """Apache Kafka, one KRaft node."""
    engine = Kafka(folder / "kafka")
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """An OpenID issuer over HTTP, with discovery and JWKS."""
    with Issuer() as running:
        yield running


@pytest.fixture(scope="session")
def stack(folder: Path) -> Iterator[Platform]:
    """Every process of every service on engines of its own, shared by the tests that only add to it."""
    running = Stack(folder / "stack", durable=False, settings={"RATE_PER_SECOND": "0"}, say=lambda _: None)
    running.start()
    yield Platform(running)
    running.stop()


@pytest.fixture(scope="session")
def templates(postgres: Postgres) -> Database:
    """The name of a service's migrated template database; made when first asked for."""
    made: dict[str, str] = {}

    async def template(service: str) -> str:
        if service not in made:
            name = f"template_{service}"
            await execute(postgres, f"create database {name}")
            await migrate.upgrade(Settings(database_url=postgres.url(name)), SERVICES / service / "migrations")
            made[service] = name
        return made[service]

    return template


@pytest.fixture
async def database(postgres: Postgres, templates: Database) -> AsyncIterator[Database]:
    """`await database("members")`: the URL of a fresh, migrated database; without a name, of an empty one."""
    made: list[str] = []

    async def fresh(service: str = "") -> str:
        name = f"test_{next(numbers)}"
        await execute(
            postgres, f"create database {name}" + (f" template {await templates(service)}" if service else "")
        )
        made.append(name)
        return postgres.url(name)

    yield fresh
    for name in made:
        await execute(postgres, f"drop database {name} with (force)")


@pytest.fixture
async def api(database: Database, issuer: Issuer) -> AsyncIterator[Api]:
    """`await api("members")`: a client of the service on a fresh database: the province, every scope, a purpose.

    Keywords are settings; `url=` takes an existing database. Give `headers=issuer.headers(…)` with a request to be
    somebody else.
    """
    async with AsyncExitStack() as running:

        async def client(service: str, url: str | None = None, **settings: Any) -> httpx.AsyncClient:
            module = import_module(f"services.{service}.main")
            app = module.SERVICE.create_app(
                Settings(
                    database_url=url or await database(service),
                    issuer_url=issuer.url,
                    **{"rate_per_second": 0, "database_pool_max": 40, **settings},
                )
            )
            await running.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            headers = {**issuer.headers(), "purpose": "membership-management"}
            made = httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers, timeout=30)
            return await running.enter_async_context(made)

        yield client


async def execute(postgres: Postgres, statement: str) -> None:
    """Run one statement on the engine's own database, outside any transaction."""
    conn = await asyncpg.connect(postgres.url("postgres"))
    try:
        await conn.execute(statement)
    finally:
        await conn.close()
