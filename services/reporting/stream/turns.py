"""One run of a piece of work at a time, shared by all who wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Runs `work`. Who gives up waiting does not stop it for the others."""

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self.work = work
        self.running: asyncio.Task[T] | None = None
        self.following: asyncio.Task[T] | None = None

    async def join(self) -> T:
        """What the run under way gives, or a new one."""
        return await asyncio.shield(self.running or self._start())

    async def next(self) -> T:
        """What a run gives that begins after this call."""
        if self.running is None:
            return await asyncio.shield(self._start())
        if self.following is None:
            self.following = asyncio.create_task(self._follow(self.running))
        return await asyncio.shield(self.following)

    def _start(self) -> asyncio.Task[T]:
        async def run() -> T:
            try:
                return await self.work()
            finally:
                self.running = None

        self.running = task = asyncio.create_task(run())
        task.add_done_callback(_heed)
        return task

    async def _follow(self, before: asyncio.Task[T]) -> T:
        await asyncio.wait([before])
        self.following = None
        return await (self.running or self._start())


def _heed(task: "asyncio.Task[T]") -> None:
    """A failure belongs to those who wait; if nobody does any more, nobody misses it."""
    if not task.cancelled():
        task.exception()
