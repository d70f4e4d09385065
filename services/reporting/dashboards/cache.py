"""Dashboards already made, served while nothing they show has changed."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import NamedTuple

from services.reporting.stream.listener import Applied

MOST = 2_000
MAX_AGE_SECONDS = 5.0


class Made(NamedTuple):
    """An answer's bytes and its entity tag."""

    body: bytes
    etag: str
    stamp: tuple[int, int]
    at: float


class Cache:
    """One a process. Concurrent requests for one screen make it once."""

    def __init__(self) -> None:
        self.made: OrderedDict[Hashable, Made] = OrderedDict()
        self.making: dict[Hashable, asyncio.Task[Made]] = {}

    async def get(
        self,
        applied: Applied,
        unit: str,
        key: Hashable,
        make: Callable[[], Awaitable[tuple[bytes, bytes]]],
        *,
        fresh: bool = False,
    ) -> Made:
        """The answer under `key`, made again if the unit changed since, if it is old, or if changes go unheard.

        `make` gives the body, and the part of it that says whether two bodies mean the same. `fresh` makes it anew:
        news of a change that the caller knows of may still be on its way to this process.
        """
        stamp, now = applied.stamp(unit), time.monotonic()
        if fresh:
            return await self._make(key, stamp, make)
        held = self.made.get(key)
        if held and applied.connected and held.stamp == stamp and now - held.at < MAX_AGE_SECONDS:
            return held
        task = self.making.get((key, stamp))
        if task is None:
            task = asyncio.create_task(self._make(key, stamp, make))
            self.making[key, stamp] = task
            task.add_done_callback(lambda _: self.making.pop((key, stamp)))
        return await asyncio.shield(task)

    async def _make(
        self, key: Hashable, stamp: tuple[int, int], make: Callable[[], Awaitable[tuple[bytes, bytes]]]
    ) -> Made:
        at = time.monotonic()
        body, meaning = await make()
        made = Made(body, f'W/"{hashlib.blake2s(meaning, digest_size=12).hexdigest()}"', stamp, at)
        self.made[key] = made
        self.made.move_to_end(key)
        if len(self.made) > MOST:
            self.made.popitem(last=False)
        return made
