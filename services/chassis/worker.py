"""A background process: drains on SIGTERM, waits out what is "not now", dies visibly of what is a bug."""

import asyncio
import logging
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from services.chassis import db, ops
from services.chassis.settings import Settings

log = logging.getLogger("danvan.worker")
STALLED_SECONDS = 90


class Worker:
    """What a process's loop and its ops port tell each other."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        """Set by SIGTERM: finish the batch in hand, then return."""
        self.ready: dict[str, bool] = {}
        """Dependencies, as the loop last found them."""
        self._seen = time.monotonic()
        self.faults: Counter[str] = Counter()
        """By dependency, how often it was away since it last answered."""

    def progress(self) -> None:
        """The loop went round."""
        self._seen = time.monotonic()

    def live(self) -> bool:
        """Whether the loop went round lately; waiting for a dependency counts, being stuck does not."""
        return time.monotonic() - self._seen < STALLED_SECONDS

    def succeeded(self, *dependencies: str) -> None:
        """These dependencies answered; their next fault waits little again."""
        for name in dependencies:
            del self.faults[name]
        self.ready.update(dict.fromkeys(dependencies, True))

    async def pause(self, seconds: float) -> None:
        """Sleep, or less if told to stop."""
        self.progress()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def not_now(self, dependency: str, error: BaseException) -> None:
        """Note that a dependency is away, and wait: 0.1 s at first, doubling up to 10 s, with jitter.

        Raises an error that is the program's own again: waiting does not mend it.
        """
        if db.is_mistake(error):
            raise error
        self.ready[dependency] = False
        delay = min(10.0, 0.1 * 2.0 ** min(self.faults[dependency], 10)) * random.uniform(0.5, 1)  # noqa: S311
        self.faults[dependency] += 1
        log.warning("not now", extra={"dependency": dependency, "error": repr(error), "seconds": round(delay, 2)})
        await self.pause(delay)


async def run(settings: Settings, body: Callable[[Worker], Awaitable[None]]) -> None:
    """Run `body` until it returns, which it does soon after SIGTERM or SIGINT.

    What it raises is a bug: logged with its traceback and raised again, so that the process exits non-zero.
    """
    worker = Worker()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stopping.set)

    async def ready() -> dict[str, bool]:
        return {"serving": not worker.stopping.is_set(), **worker.ready}

    try:
        async with ops.serve(settings, ready, worker.live):
            await body(worker)
        log.info("drained")
    except Exception:
        log.exception("stopped by a fault that waiting does not mend")
        raise
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
