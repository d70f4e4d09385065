"""Alembic, run so that any number of replicas may start at once and the old version goes on serving."""

import logging
import time
from functools import lru_cache
from pathlib import Path

from alembic import op
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from services.chassis import db
from services.chassis.settings import Settings

LOCK = 0x64616E76616E  # "danvan"
WAIT_SECONDS = 0.2
LOCK_TIMEOUT = "5s"
REVISION = "select version_num from alembic_version"
log = logging.getLogger("danvan.migrate")


def run(statements: str) -> None:
    """Run several SQL statements inside a migration, as one block of the migration's transaction."""
    op.get_bind().exec_driver_sql(f"do $migration$ begin {statements} end $migration$")


def run_concurrently(*statements: str) -> None:
    """Run statements outside any transaction, as `create index concurrently` wants it: writers go on meanwhile.

    What an earlier try left half done must be dropped first (`drop index concurrently if exists`). They wait for old
    transactions as long as it takes: nobody waits behind them.
    """
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")
        for statement in statements:
            op.execute(statement)
        op.execute(f"set lock_timeout = '{LOCK_TIMEOUT}'")


@lru_cache
def _script(migrations: Path) -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("version_locations", str(migrations))
    config.set_main_option("path_separator", "os")
    return config, ScriptDirectory.from_config(config)


def suffices(revision: str | None, migrations: Path) -> bool:
    """Whether this code can serve on a database at `revision` (None: not migrated): its newest, or a later one."""
    newest, *older = [each.revision for each in _script(migrations)[1].walk_revisions()]
    return revision is not None and (revision == newest or revision not in older)


async def upgrade(settings: Settings, migrations: Path, revision: str = "head") -> None:
    """Bring the database of `settings` to `revision`.

    An advisory lock of its session lets one process migrate while the others wait, then find nothing to do. They ask
    for it again and again: a query that waits would hold a snapshot, which an index built concurrently waits for.
    `lock_timeout` keeps a migration from queueing behind a long query and stopping every reader behind itself: it fails
    and is tried again.
    """
    config, script = _script(migrations)
    patient = settings.model_copy(update={"statement_timeout_ms": 0})
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: db.connect(patient, "migrate"))

    def migrate(connection: Connection) -> None:
        while not connection.scalar(text("select pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
            connection.commit()
            time.sleep(WAIT_SECONDS)
        connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        with EnvironmentContext(config, script, fn=lambda now, _: script._upgrade_revs(revision, now)) as context:
            context.configure(connection=connection, transaction_per_migration=True)
            with context.begin_transaction():
                context.run_migrations()
        connection.commit()

    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()
    log.info("migrated", extra={"revision": script.get_current_head()})
