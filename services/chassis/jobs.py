"""Work kept in the service's database: claimed by one replica, done in steps of one transaction each.

A claim is an advisory lock of the session whose transactions the steps are: a replica that is killed, frozen or cut off
loses the job, and can commit nothing to it any more. What a job must remember between steps it stores in the step, so
that another replica goes on from there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from services.chassis import db, worker
from services.chassis.context import Context, current
from services.chassis.errors import Unavailable
from services.chassis.settings import Settings

IDLE_SECONDS = 0.5
CHORES_SECONDS = 60.0
SESSION = {"idle_session_timeout": "180s", "tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5"}
NOT_NOW: tuple[type[Exception], ...] = (*db.NOT_NOW, Unavailable)


class Job:
    """A claimed job: its id, and its steps."""

    def __init__(self, id_: UUID, conn: db.Connection, process: worker.Worker) -> None:
        self.id, self.conn, self.process = id_, conn, process

    @property
    def stopping(self) -> bool:
        """Whether the process drains: return after the step in hand; another replica goes on."""
        return self.process.stopping.is_set()

    @asynccontextmanager
    async def step(
        self, actor: str = "system", traceparent: str | None = None, *, keep: bool = True
    ) -> AsyncIterator[db.Connection]:
        """One transaction, in a context of its own; `keep=False` undoes it at the end."""
        self.process.progress()
        current.set(Context(actor=actor, traceparent=traceparent))
        transaction = self.conn.transaction()
        await transaction.start()
        try:
            yield self.conn
        except BaseException:
            if not self.conn.is_closed():
                await transaction.rollback()
            raise
        await (transaction.commit() if keep else transaction.rollback())

    async def pause(self, seconds: float) -> None:
        """Give others a turn."""
        await self.process.pause(seconds)


Due = Callable[[db.Connection], Awaitable[Sequence[UUID]]]
"""Ids of jobs that wait, in order, locked `for update skip locked`."""
Do = Callable[[Job], Awaitable[None]]
"""Goes on with a job until it is done or `stopping`. Raising `Unavailable` means later; anything else is a bug."""
Chore = Callable[[db.Connection], Awaitable[None]]
"""What is done once a minute, in a transaction of its own."""


async def work(process: worker.Worker, settings: Settings, application: str, due: Due, do: Do, chore: Chore) -> None:
    """Do jobs until told to stop, and again after every fault that waiting mends."""
    process.ready["database"] = False
    chore_at = 0.0
    while not process.stopping.is_set():
        try:
            async with _session(settings, application) as conn:
                process.succeeded("database")
                while not process.stopping.is_set():
                    if (now := asyncio.get_running_loop().time()) >= chore_at:
                        async with conn.transaction():
                            await chore(conn)
                        chore_at = now + CHORES_SECONDS
                    if job := await _claim(process, conn, due):
                        await do(job)
                        await conn.execute("select pg_advisory_unlock($1)", _key(job.id))
                        process.succeeded("database")
                    else:
                        await process.pause(IDLE_SECONDS)
        except NOT_NOW as error:
            await process.not_now("database", error)


@asynccontextmanager
async def _session(settings: Settings, application: str) -> AsyncIterator[db.Connection]:
    conn = await db.connect(settings, application, **SESSION)
    try:
        yield conn
    finally:
        conn.terminate()


async def _claim(process: worker.Worker, conn: db.Connection, due: Due) -> Job | None:
    async with conn.transaction():
        for id_ in await due(conn):
            if await conn.fetchval("select pg_try_advisory_lock($1)", _key(id_)):
                return Job(id_, conn, process)
    return None


def _key(id_: UUID) -> int:
    """64 bits of a UUIDv7 that are random."""
    return int.from_bytes(id_.bytes[8:], signed=True)
