"""PostgreSQL: the pool, and the only place where transactions begin and end."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from services.chassis.context import context
from services.chassis.settings import Settings
from services.chassis.telemetry import POOL_BUSY

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:  # asyncpg's class takes no parameter at run time
    Connection = asyncpg.Connection

Row = asyncpg.Record
log = logging.getLogger("danvan.db")

UniqueViolation = asyncpg.UniqueViolationError
StatementTimeout = asyncpg.QueryCanceledError
NOT_NOW: tuple[type[Exception], ...] = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    StatementTimeout,
)
"""What waiting may mend: the database is away, frozen, starting, stopping, full, too slow or not migrated yet (or just
now), it does not let us in, it ended a session that was silent, or another transaction was in the way."""
_MISTAKE = re.compile(r"query arguments? |expects \d+ arguments?")
ANSWER_SECONDS = 1.0
CUT: tuple[type[BaseException], ...] = (asyncio.CancelledError, TimeoutError)
"""After these a statement may still be under way: whatever were sent next would wait for it."""
IDLE_SECONDS = 300
SILENT_MS = 30_000
"""After so long without a sign from the other side of a connection, the server ends the session and frees its locks."""


def is_mistake(error: BaseException) -> bool:
    """Whether one of NOT_NOW is the program's own: asyncpg's plain InterfaceError says that a connection is gone, which
    waiting mends, and that a query got the wrong number of arguments, which nothing does."""
    return type(error) is asyncpg.InterfaceError and _MISTAKE.search(str(error)) is not None


def _options(settings: Settings, application: str, **session: str) -> dict[str, Any]:
    """How a session is opened. The server ends what takes too long; should it be frozen, the client does, 2 s later."""
    password = settings.database_password
    limit = settings.statement_timeout_ms
    return {
        "dsn": settings.database_url,
        **({"password": password.get_secret_value()} if password else {}),
        "timeout": 5,
        "command_timeout": limit / 1000 + 2 if limit else None,
        "server_settings": {
            "application_name": application,
            "statement_timeout": str(limit),
            "tcp_user_timeout": str(SILENT_MS),
            "client_connection_check_interval": str(SILENT_MS),
            "idle_in_transaction_session_timeout": "60000",
            "timezone": "UTC",
            "jit": "off",
            **session,
        },
    }


class Pool:
    """Connections, opened when first needed and taken in the order of asking.

    asyncpg's own pool lets a newcomer overtake those who wait, for seconds under load, and starts a task for each
    connection that comes back.
    """

    def __init__(self, settings: Settings, application: str) -> None:
        self.options = _options(settings, application)
        self.turns = asyncio.Semaphore(settings.database_pool_max)
        self.open: set[Connection] = set()
        self.idle: list[tuple[float, Connection]] = []
        self.outdated: set[Connection] = set()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A connection. One on which a statement may still be under way when the block ends is cut off."""
        async with self.turns:
            conn = self._idle() or await asyncpg.connect(**self.options)
            self.open.add(conn)
            POOL_BUSY.inc()
            try:
                yield conn
            except CUT:
                conn.terminate()
                raise
            except asyncpg.PostgresError as error:
                error.detail = None  # it quotes the row at fault, and would be logged
                if isinstance(error, asyncpg.InvalidCachedStatementError):  # a migration: all prepared before it
                    self.outdated |= self.open
                raise
            finally:
                POOL_BUSY.dec()
                self._back(conn)

    def _idle(self) -> Connection | None:
        while self.idle:
            since, conn = self.idle.pop()
            if self._good(conn) and time.monotonic() - since < IDLE_SECONDS:
                return conn
            self._end(conn)
        return None

    def _back(self, conn: Connection) -> None:
        now = time.monotonic()
        if self._good(conn):
            self.idle.append((now, conn))
        else:
            self._end(conn)
        while self.idle and now - self.idle[0][0] >= IDLE_SECONDS:
            self._end(self.idle.pop(0)[1])

    def _good(self, conn: Connection) -> bool:
        return not (conn.is_closed() or conn.is_in_transaction() or conn in self.outdated)

    def _end(self, conn: Connection) -> None:
        self.open.discard(conn)
        self.outdated.discard(conn)
        conn.terminate()

    def terminate(self) -> None:
        """Close every connection at once."""
        for conn in list(self.open):
            self._end(conn)


async def connect(settings: Settings, application: str, **session: str) -> Connection:
    """One connection outside any pool (relay leadership, LISTEN); `session` are settings of its session."""
    conn: Connection = await asyncpg.connect(**_options(settings, application, **session))
    return conn


@asynccontextmanager
async def transaction(pool: Pool, begin: str = "begin") -> AsyncIterator[Connection]:
    """One read-committed transaction: committed when the block ends, rolled back when it raises.

    Begun and ended in so many words: asyncpg's object for it costs a twentieth of a write, and rolls back what was cut.
    """
    async with pool.acquire() as conn:
        await conn.execute(begin)
        try:
            yield conn
        except CUT:
            raise
        except BaseException:
            await conn.execute("rollback")
            raise
        await conn.execute("commit")


@asynccontextmanager
async def part(conn: Connection) -> AsyncIterator[None]:
    """A part of the transaction under way: when the block raises it is undone alone, and what it journalled too."""
    written = context().written
    before = len(written)
    await conn.execute("savepoint part")
    try:
        yield
    except CUT:
        raise
    except BaseException:
        del written[before:]
        await conn.execute("rollback to savepoint part; release savepoint part")
        raise
    await conn.execute("release savepoint part")


@asynccontextmanager
async def snapshot(pool: Pool, *, readonly: bool = True) -> AsyncIterator[Connection]:
    """One snapshot: everything read inside agrees with everything else. Unless `readonly`, it may note that it was."""
    begin = f"begin isolation level repeatable read {'read only' if readonly else 'read write'}"
    async with transaction(pool, begin) as conn:
        yield conn


async def planned(conn: Connection, query: str, *args: object) -> list[Row]:
    """Rows of a query that is planned for these very arguments, and so is all else until the transaction ends.

    Of a commune and of a province no one plan is good, and PostgreSQL tries one for any arguments after five uses.
    """
    await conn.execute("set local plan_cache_mode = force_custom_plan")
    return await conn.fetch(query, *args)


async def asked(pool: Pool, query: str) -> Any:
    """The one value of a query; None if there is no answer within a second. A silent connection is cut off."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS), pool.acquire() as conn:
            return await conn.fetchval(query)
    except NOT_NOW as error:
        log.warning("no answer", extra={"dependency": "database", "error": repr(error)})
        return None
