"""A background process from outside: its ops port, its signals, its exit code."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy.dev.engines import Kafka
from services.chassis.worker import Worker
from tests.chassis import bus
from tests.conftest import Database

ROOT = Path(__file__).parents[2]
START = """
import asyncio, logging
from services.chassis import consumer, worker
from services.chassis.settings import Settings
from contracts.catalog import EVENTS, read
logging.basicConfig(level="INFO")
logging.getLogger().handlers[0].setFormatter(logging.Formatter("%(message)s %(port)s", defaults={"port": ""}))
settings = Settings.load()
"""
IDLE = """
async def body(job):
    job.succeeded("database")
    while not job.stopping.is_set():
        await job.pause(60)
    print("left", flush=True)
asyncio.run(worker.run(settings, body))
"""
BUG = """
async def body(job):
    raise ZeroDivisionError("a bug")
asyncio.run(worker.run(settings, body))
"""
SLOW = """
async def slow(conn, changes):
    await conn.execute("insert into effect select count(*) + $1 from effect", len(changes))
    print("begun", flush=True)
    await asyncio.sleep(1)
    print("done", flush=True)
asyncio.run(consumer.run(settings, group=settings.consumer_group, services=["members"], read=read, known_types=EVENTS,
                         apply=slow))
"""
CHANGED = {"database_url", "kafka_bootstrap", "kafka_topic_prefix", "kafka_partitions", "consumer_group"}
Run = Callable[..., "Process"]


class Process:
    """A Python program of ours."""

    def __init__(self, program: str, **settings: Any) -> None:
        values = {"ops_port": 0, "database_url": "postgresql://none", **settings}
        self.process = subprocess.Popen(
            [sys.executable, "-c", START + program],
            cwd=ROOT,
            env={**os.environ, **{f"DANVAN_{name.upper()}": str(value) for name, value in values.items()}},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    async def line(self, pattern: str, stream: str = "stderr") -> re.Match[str]:
        """The first line from here on that matches."""
        while line := await asyncio.to_thread(getattr(self.process, stream).readline):
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no line {pattern}")

    async def ended(self, number: int | None = None) -> tuple[int, str, str]:
        """Exit code and what was left to read, after this signal."""
        if number is not None:
            self.process.send_signal(number)
        out, err = await asyncio.to_thread(self.process.communicate, timeout=30)
        return self.process.returncode, out, err


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    """`run(program, **settings)` starts one; none outlives the test."""
    started: list[Process] = []

    def begin(program: str, **settings: Any) -> Process:
        started.append(Process(program, **settings))
        return started[-1]

    yield begin
    for each in started:
        each.process.kill()
        each.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_ops_port_answers_until_a_signal_ends_it_with_zero(run: Run, number: signal.Signals) -> None:
    """Alive, ready by name, metrics in Prometheus' format; then the body returns by itself."""
    process = run(IDLE)
    port = (await process.line(r"ops port (\d+)"))[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as ops:
        live, ready, metrics, other = [await ops.get(path) for path in ("/livez", "/readyz", "/metrics", "/")]
    assert (live.status_code, live.json()) == (200, {"progress": True})
    assert (ready.status_code, ready.json()) == (200, {"serving": True, "database": True})
    assert "# TYPE danvan_relay_leader gauge" in metrics.text
    assert other.status_code == 404
    code, out, err = await process.ended(number)
    assert (code, out) == (0, "left\n")
    assert "drained" in err


async def test_a_bug_ends_it_with_a_logged_traceback(run: Run) -> None:
    """Not zero, and the log says where."""
    code, _, err = await run(BUG).ended()
    assert code == 1
    assert "stopped by a fault that waiting does not mend" in err
    assert "ZeroDivisionError: a bug" in err


async def test_sigterm_lets_a_reader_finish_its_batch(run: Run, kafka: Kafka, database: Database) -> None:
    """What the handler had begun is committed with its offset, once; the process leaves with zero."""
    settings = bus.settings(kafka, await database("reporting"), kafka_partitions=1)
    conn = await asyncpg.connect(settings.database_url)
    await conn.execute("create table effect (number int)")
    homes = [uuid4() for _ in range(3)]
    await bus.send(settings, *((str(home).encode(), bus.value(home, 1)) for home in homes))
    process = run(SLOW, **settings.model_dump(include=CHANGED))
    await process.line("begun", "stdout")
    code, out, err = await process.ended(signal.SIGTERM)
    assert (code, out) == (0, "done\n"), err
    assert [row["number"] for row in await conn.fetch("select number from effect")] == [3]
    assert await conn.fetchval("select next_offset from consumer_offset") == 3
    assert await conn.fetchval("select count(*) from entity") == 3
    await conn.close()


async def test_it_waits_longer_at_every_fault_and_shortly_after_a_success() -> None:
    """From a tenth of a second up to ten, by dependency, with jitter; told to stop, it does not wait at all."""
    job = Worker()
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    job.pause = pause  # type: ignore[method-assign]
    for _ in range(12):
        await job.not_now("kafka", OSError("away"))
    assert job.ready == {"kafka": False}
    assert all(0.5 * limit <= wait <= limit for wait, limit in zip(waits, [0.1 * 2**n for n in range(7)], strict=False))
    assert all(5 <= wait <= 10 for wait in waits[7:])
    job.succeeded("database")
    await job.not_now("kafka", OSError("away"))
    assert waits[-1] >= 5
    job.succeeded("kafka")
    await job.not_now("database", OSError("away"))
    assert waits[-1] <= 0.1
    assert job.ready == {"kafka": True, "database": False}
    stopped = Worker()
    stopped.stopping.set()
    await asyncio.wait_for(stopped.pause(60), 1)
