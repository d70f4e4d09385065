"""Hears from the projector, at each commit, whose figures changed; tells streams and caches in this process."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

from fastapi import FastAPI

from contracts import units
from services.chassis import db
from services.reporting.contributions.commands import ALL, CHANNEL
from services.reporting.freshness.queries import Sample, sample

log = logging.getLogger("danvan.listener")
SAMPLED = "danvan_sampled"
RETRY_SECONDS, SAMPLE_SECONDS, SILENCE_SECONDS = 1.0, 0.5, 5.0


class Applied:
    """Counts changes by unit; a province's count covers everything below it.

    While `connected` is false nothing is known to be unchanged, so nothing may be served from a cache.
    Every change that `sample` covers has been heard.
    """

    def __init__(self) -> None:
        self.connected = False
        self.stamps: dict[str, int] = defaultdict(int)
        self.everything = 0
        self.waiting: set[asyncio.Queue[set[str]]] = set()
        self.sample: Sample | None = None
        self.offered: tuple[str, Sample] | None = None
        self.confirmed = asyncio.Event()

    def stamp(self, unit: str) -> tuple[int, int]:
        """A value that differs after any change to the unit's figures."""
        return self.everything, self.stamps[unit]

    def heard(self, payload: str) -> None:
        """Take in one notification: unit codes, or `*` for any."""
        codes = set(payload.split(","))
        if ALL in codes:
            self.everything += 1
        touched = codes | {units.province_of(code) for code in codes - {ALL}}
        for code in touched:
            self.stamps[code] += 1
        for queue in self.waiting:
            queue.put_nowait(touched)

    def offer(self, sample: Sample) -> str:
        """Keep a sample until its token comes back through the queue of notifications: then all before it is heard."""
        token = uuid4().hex
        self.offered = token, sample
        self.confirmed.clear()
        return token

    def confirm(self, token: str) -> None:
        """Take the sample offered under this token; another process's is ignored."""
        if self.offered and self.offered[0] == token:
            self.sample, self.offered = self.offered[1], None
            self.confirmed.set()

    @contextlib.contextmanager
    def subscribed(self) -> Iterator[asyncio.Queue[set[str]]]:
        """A queue that gets the units of every change while the block runs."""
        queue: asyncio.Queue[set[str]] = asyncio.Queue()
        self.waiting.add(queue)
        try:
            yield queue
        finally:
            self.waiting.discard(queue)


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[None]:
    """Keeps `app.state.applied` current while the application runs."""
    app.state.applied = applied = Applied()
    task = asyncio.create_task(_listen(app, applied))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _listen(app: FastAPI, applied: Applied) -> None:
    """LISTEN on a connection of its own; on losing it, distrust every cache and come back."""
    while True:
        conn: db.Single | None = None
        try:
            conn = await db.connect(app.state.settings, "reporting-listener")
            gone = asyncio.Event()
            conn.add_termination_listener(lambda _, gone=gone: gone.set())
            await conn.add_listener(CHANNEL, lambda *args: applied.heard(args[3]))
            await conn.add_listener(SAMPLED, lambda *args: applied.confirm(args[3]))
            applied.heard(ALL)
            applied.connected = True
            while not gone.is_set():
                async with asyncio.timeout(SILENCE_SECONDS):
                    await _sample(conn, applied)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(gone.wait(), SAMPLE_SECONDS)
            log.warning("lost the database; serving without cache")
        except (*db.UNAVAILABLE, *db.RETRYABLE) as error:
            log.warning("cannot listen; serving without cache", extra={"error": repr(error)})
        finally:
            applied.connected = False
            if conn is not None:
                conn.terminate()
        await asyncio.sleep(RETRY_SECONDS)


async def _sample(conn: db.Single, applied: Applied) -> None:
    """Read what has been applied, and wait until every notification before that has come."""
    token = applied.offer(await sample(conn))
    await conn.execute("select pg_notify($1, $2)", SAMPLED, token)
    await applied.confirmed.wait()
