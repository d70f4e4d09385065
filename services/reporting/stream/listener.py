"""Hears from the projector, at each commit, that figures changed; reads what, and tells streams and kept screens."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from contracts import units
from services.chassis import db
from services.reporting.contributions.commands import ALL, CHANNEL
from services.reporting.freshness.queries import Sample
from services.reporting.stream.queries import News, news
from services.reporting.stream.turns import Turns

log = logging.getLogger("danvan.listener")
RETRY_SECONDS, SILENCE_SECONDS, TICK_SECONDS, GATHER_SECONDS = 1.0, 5.0, 0.5, 0.02


class Applied:
    """What has been applied, as far as this process has read it; `takers` are given each piece of news.

    Notifications only say when to read: what has changed is read from the log itself, so none that is lost matters.
    While `connected` is false none comes, and whoever must not be late asks `catch_up` first.
    """

    def __init__(self, pool: db.Pool) -> None:
        self.pool = pool
        self.connected = False
        self.sample: Sample | None = None
        self.takers: list[Callable[[News], None]] = []
        self.rung = asyncio.Event()
        self.turns = Turns(self._read)

    async def catch_up(self) -> None:
        """Return when everything committed before this call has been given to the takers."""
        await self.turns.next()

    def heard(self, payload: str) -> None:
        """Take in one notification; `*` says that anything may have changed, even what had been read."""
        if payload == ALL:
            self.sample = None
        self.rung.set()

    async def _read(self) -> None:
        since = self.sample
        async with self.pool.acquire() as conn:
            found = await news(conn, since)
        if since is not self.sample:
            found = found._replace(parts=None)
        self.sample = found.sample
        for take in self.takers:
            take(found)

    @contextlib.contextmanager
    def subscribed(self) -> Iterator[asyncio.Queue[set[str]]]:
        """A queue that gets the units of every change while the block runs."""
        queue: asyncio.Queue[set[str]] = asyncio.Queue()

        def take(found: News) -> None:
            if changed := touched(found):
                queue.put_nowait(changed)

        self.takers.append(take)
        try:
            yield queue
        finally:
            self.takers.remove(take)


def touched(found: News) -> set[str]:
    """The communes whose figures changed and their provinces; `*` if any may have."""
    if found.parts is None:
        return {ALL}
    communes = {part.unit for part in found.parts}
    return communes | {units.province_of(code) for code in communes}


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[Applied]:
    """Keeps `app.state.applied` current while the application runs."""
    app.state.applied = applied = Applied(app.state.pool)
    tasks = [asyncio.create_task(_listen(app, applied)), asyncio.create_task(_follow(applied))]
    try:
        yield applied
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(applied: Applied) -> None:
    """Read on whenever something was heard, and now and then anyway."""
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK_SECONDS):  # wait_for would lose a cancellation that comes with the event
                await applied.rung.wait()
        applied.rung.clear()
        try:
            await applied.catch_up()
        except Exception as error:  # noqa: BLE001  # away, or not migrated yet: it must come back
            log.warning("cannot read what was applied", extra={"error": repr(error)})
            await asyncio.sleep(RETRY_SECONDS)
        await asyncio.sleep(GATHER_SECONDS)


async def _listen(app: FastAPI, applied: Applied) -> None:
    """LISTEN on a connection of its own; on losing it, trust nothing that was read, and come back."""
    while True:
        conn: db.Connection | None = None
        try:
            conn = await db.connect(app.state.settings, "reporting-listener")
            gone = asyncio.Event()
            conn.add_termination_listener(lambda _, gone=gone: gone.set())
            await conn.add_listener(CHANNEL, lambda *args: applied.heard(args[3]))
            applied.heard(ALL)
            await applied.catch_up()
            applied.connected = True
            while not gone.is_set():
                async with asyncio.timeout(SILENCE_SECONDS):
                    await conn.execute("select")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_SECONDS):
                        await gone.wait()
            log.warning("lost the database; every answer is read up first")
        except Exception as error:  # noqa: BLE001  # away, or not migrated yet: it must come back
            log.warning("cannot listen; every answer is read up first", extra={"error": repr(error)})
        finally:
            applied.connected = False
            if conn is not None:
                conn.terminate()
        await asyncio.sleep(RETRY_SECONDS)
