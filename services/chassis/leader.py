"""Of any number of replicas one leads: the one whose database session holds an advisory lock.

The others ask for it once a second. What a leader writes in that session it can only write while it leads; one that is
killed, frozen or cut off loses the session, and the lock with it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.chassis import db, worker
from services.chassis.settings import Settings

STANDBY_SECONDS = 1.0
SESSION = {
    "datestyle": "ISO",
    "idle_session_timeout": "30s",
    "transaction_timeout": "30s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "5",
}
"""A leader that is frozen or cut off, between statements or within one, loses the lock within this time."""


@asynccontextmanager
async def session(settings: Settings, application: str) -> AsyncIterator[db.Connection]:
    """A session to lead in; it ends with the block."""
    conn = await db.connect(settings, application, **SESSION)
    try:
        yield conn
    finally:
        conn.terminate()


async def elected(process: worker.Worker, conn: db.Connection, lock: int, table: str) -> bool:
    """Wait for the lock. False if told to stop first; raises what is "not now" while `table` is not there yet."""
    await conn.execute(f"select from {table} limit 0")
    while not process.stopping.is_set():
        found = await conn.fetchval("select pg_try_advisory_lock($1)", lock)
        process.succeeded("database")
        if found:
            return True
        await process.pause(STANDBY_SECONDS)
    return False
