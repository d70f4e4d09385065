"""Relay and projector: events a second, on a journal and a topic filled beforehand."""

import asyncio
import time
from pathlib import Path

import asyncpg
import psutil
import pytest

from contracts.members import MemberEnrolled
from deploy.dev.supervisor import Stack
from services.chassis.journal import new_id
from tests.bench.events import enrolments
from tests.platform import Platform

EVENTS = 200_000
COLUMNS = ("id", "type", "subject", "version", "occurred_on", "unit", "branch", "data", "actor")


async def fill(stack: Stack, number: int, seed: int) -> None:
    """Journal rows of so many enrolments, not yet numbered."""
    conn = await asyncpg.connect(stack.postgres.url("members"))
    records = [
        (new_id(), MemberEnrolled.TYPE, subject, 1, day, unit, branch, data, "bench")
        for subject, unit, branch, day, data in enrolments(number, seed)
    ]
    await conn.copy_records_to_table("journal", records=records, columns=COLUMNS)
    await conn.execute("analyze journal")
    await conn.close()


async def until(platform: Platform, database: str, query: str, wanted: int) -> None:
    """Wait until a count is reached."""
    while (await platform.count(database, query) or 0) < wanted:  # noqa: ASYNC110  # a table has no event to wait for
        await asyncio.sleep(0.05)


def memory(stack: Stack, name: str) -> float:
    """Resident memory of a process, MiB."""
    return float(psutil.Process(stack.processes[name].pid).memory_info().rss) / (1 << 20)


@pytest.mark.bench
async def test_relay_and_projector(folder: Path) -> None:
    """The relay publishes at least 10,000 events a second, one projector applies at least 20,000."""
    stack = Stack(folder / "bus", settings={"LOG_LEVEL": "WARNING", "CONSUMER_BATCH": "20000"}, say=lambda _: None)
    try:
        await asyncio.to_thread(stack.start)
        platform = Platform(stack)
        for name in ("members-api", "loans-api", "loans-relay", "loans-follower", "reporting-api", "members-relay"):
            stack.terminate(name)
        stack.terminate("reporting-projector")
        await fill(stack, EVENTS, 1)
        began = time.monotonic()
        await asyncio.to_thread(stack.run, "members-relay")
        await until(platform, "members", "select published from relay_state", EVENTS)
        relay = EVENTS / (time.monotonic() - began)
        relay_memory = memory(stack, "members-relay")
        stack.terminate("members-relay")
        rates = []
        for replicas in (1, 2):
            conn = await asyncpg.connect(stack.postgres.url("reporting"))
            await conn.execute("truncate entity, contribution, rollup, rollup_month, consumer_offset, parked")
            await conn.close()
            names = ["reporting-projector", *(f"reporting-projector-{n}" for n in range(2, replicas + 1))]
            for name in names:
                await asyncio.to_thread(stack.run, name)
            await until(platform, "reporting", "select sum(next_offset) from consumer_offset", 1)
            began, first = (
                time.monotonic(),
                await platform.count("reporting", "select sum(next_offset) from consumer_offset"),
            )
            await until(platform, "reporting", "select sum(next_offset) from consumer_offset", EVENTS)
            rates.append((EVENTS - int(first)) / (time.monotonic() - began))
            used = [memory(stack, name) for name in names]
            for name in names:
                stack.terminate(name)
            assert (
                await platform.count(
                    "reporting", "select sum(value) from rollup_month where measure = 'members.active'"
                )
                == EVENTS
            )
            print(f"{replicas} projector(s): {rates[-1]:,.0f} events/s, {max(used):.0f} MiB each")
    finally:
        await asyncio.to_thread(stack.stop)
    print(f"relay: {relay:,.0f} events/s from start of process, {relay_memory:.0f} MiB")
    assert relay >= 10_000
    assert max(rates) >= 20_000
