"""Migrations: many at once make the schema once; what serves meanwhile goes on."""

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from services.chassis import migrate
from services.chassis.settings import Settings
from tests.chassis.bus import until
from tests.conftest import SERVICES, Database

ROOT = Path(__file__).parents[2]
EIGHT = """
import os, sys
from services.{service}.main import SERVICE
children = []
for _ in range(8):
    child = os.fork()
    if not child:
        SERVICE.main(["migrate"])
        os._exit(0)
    children.append(child)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""
SCHEMA = """
select 'table', table_name || '.' || column_name || ' ' || data_type from information_schema.columns
where table_schema = 'public'
union all select 'index', pg_get_indexdef(indexrelid) || indisvalid from pg_index
join pg_class on pg_class.oid = indexrelid where relnamespace = 'public'::regnamespace
union all select 'constraint', conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint
where connamespace = 'public'::regnamespace
order by 1, 2
"""
REPORTING = SERVICES / "reporting" / "migrations"
WRITE = """
insert into contribution (subject, version, measure, unit, day, known_at, dims, value)
values (gen_random_uuid(), 1, 'members.active', '06760', '2025-06-01', now(), '{}', 1)
"""


async def schema(url: str) -> list[tuple[str, str]]:
    """Every column, index and constraint of a database, in order."""
    conn = await asyncpg.connect(url)
    try:
        return [(kind, what) for kind, what in await conn.fetch(SCHEMA)]
    finally:
        await conn.close()


@pytest.mark.parametrize("service", ["members", "loans", "reporting"])
async def test_eight_at_once(database: Database, service: str) -> None:
    """Eight processes on one empty database: all succeed, and the schema is the one that a single process makes."""
    url = await database()
    environment = {"PATH": "/usr/bin:/bin", "DANVAN_DATABASE_URL": url}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", EIGHT.format(service=service)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert await schema(url) == await schema(await database(service))


async def test_the_old_version_serves_while_an_index_is_built(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long reader holds the migration up beyond its lock timeout: writers go on, and it still succeeds."""
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", "100ms")
    settings = Settings(database_url=await database())
    await migrate.upgrade(settings, REPORTING, "0001")
    reader, writer = [await asyncpg.connect(settings.database_url) for _ in range(2)]
    await writer.execute(WRITE)
    await reader.execute("begin isolation level repeatable read; select from contribution")
    migration = asyncio.create_task(migrate.upgrade(settings, REPORTING, "0002"))
    written = 1

    async def held_up() -> bool:
        nonlocal written
        await writer.execute(WRITE)
        written += 1
        return bool(
            await writer.fetchval(
                """
                select count(*) from pg_stat_activity where datname = current_database()
                and application_name = 'migrate' and query like '%concurrently%' and wait_event = 'virtualxid'
                and now() - query_start > interval '300 ms'
                """
            )
        )

    await until(held_up)
    assert not migration.done()
    assert written > 2
    await reader.execute("commit")
    await migration
    assert await writer.fetchval("select count(*) from contribution") == written
    assert not await writer.fetchval("select count(*) from pg_index where not indisvalid")
    assert await writer.fetchval("select version_num from alembic_version") == "0002"
    await reader.close()
    await writer.close()


async def test_an_index_left_half_built_is_built_again(database: Database) -> None:
    """A migration killed while it waits for a reader leaves an invalid index; the next one replaces it."""
    settings = Settings(database_url=await database())
    await migrate.upgrade(settings, REPORTING, "0001")
    reader, other = [await asyncpg.connect(settings.database_url) for _ in range(2)]
    await reader.execute("begin isolation level repeatable read; select from contribution")
    migration = asyncio.create_task(migrate.upgrade(settings, REPORTING))

    async def killed() -> bool:
        return bool(
            await other.fetchval(
                """
                select bool_or(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database()
                and application_name = 'migrate' and query like 'create index concurrently%'
                and wait_event = 'virtualxid'
                """
            )
        )

    await until(killed)
    with pytest.raises(Exception, match=r"invalid transaction|terminat|closed"):
        await migration
    await reader.execute("commit")
    assert await other.fetchval("select count(*) from pg_index where not indisvalid") == 1
    await migrate.upgrade(settings, REPORTING)
    assert await schema(settings.database_url) == await schema(await database("reporting"))
    await reader.close()
    await other.close()


def test_which_revision_of_a_database_suffices() -> None:
    """This code's newest, and one it does not know because it is later; no older one, and none at all."""
    assert migrate.suffices(max(path.name[:4] for path in REPORTING.glob("0*.py")), REPORTING)
    assert migrate.suffices("9999", REPORTING)
    assert not migrate.suffices("0001", REPORTING)
    assert not migrate.suffices(None, REPORTING)
