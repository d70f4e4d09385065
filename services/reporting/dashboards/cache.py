"""Dashboards already made, served while nothing they show has changed."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import NamedTuple

from services.reporting.freshness.queries import Sample
from services.reporting.stream.listener import Applied

MOST = 2_000


class Made(NamedTuple):
    """A screen's bytes without its freshness, their entity tag, and the last moment they were known to be current."""

    body: bytes
    etag: str
    stamp: tuple[int, int]
    seen: Sample


Make = Callable[[], Awaitable[tuple[bytes, Sample]]]
"""Makes a screen: its bytes, and what had been applied when they were read."""


class Cache:
    """One a process. A screen is made by one request at a time; others for it wait for that one, or the next."""

    def __init__(self) -> None:
        self.made: OrderedDict[Hashable, Made] = OrderedDict()
        self.making: dict[Hashable, asyncio.Task[Made]] = {}

    async def get(self, applied: Applied, unit: str, key: Hashable, make: Make, *, fresh: bool = False) -> Made:
        """The screen under `key`, made again if the unit has changed since, or if changes go unheard.

        `fresh` makes it anew: news of a change that the caller knows of may still be on its way to this process.
        """
        wanted = applied.stamp(unit)
        if fresh:
            return await self._make(key, wanted, make)
        held = self.made.get(key)
        if held and applied.connected and held.stamp == wanted:
            if applied.sample and applied.sample.at > held.seen.at:
                held = self.made[key] = held._replace(seen=applied.sample)
            return held
        while True:
            task = self.making.get(key)
            if task is None:
                task = self.making[key] = asyncio.create_task(self._make(key, applied.stamp(unit), make))
                task.add_done_callback(lambda _: self.making.pop(key))
            made = await asyncio.shield(task)
            if made.stamp >= wanted:
                return made

    async def _make(self, key: Hashable, stamp: tuple[int, int], make: Make) -> Made:
        body, seen = await make()
        made = Made(body, f'W/"{hashlib.blake2s(body, digest_size=12).hexdigest()}"', stamp, seen)
        self.made[key] = made
        self.made.move_to_end(key)
        if len(self.made) > MOST:
            self.made.popitem(last=False)
        return made
