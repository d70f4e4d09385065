"""Processes started while what they stand on is absent: they live, say what is missing, and serve when it comes."""

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.dev.process import free_port
from deploy.dev.supervisor import PREFERRED, ROOT, Stack
from tests import builders
from tests.chassis.bus import until
from tests.platform import Platform

NAMES = ("members-api", "members-relay", "reporting-api", "reporting-projector")
API = {"database": "postgres", "schema": "schema", "issuer": "issuer"}
WORKER = {"database": "schema", "kafka": "kafka"}
"""What each claim of a /readyz stands on: a worker looks into its tables before it calls its database ready."""
STANDS_ON = {name: API if name.endswith("api") else WORKER for name in NAMES}


@pytest.fixture
async def absent(folder: Path) -> AsyncIterator[Platform]:
    """A stack of which nothing runs yet; its database engine was made and stopped again, so that secrets exist."""
    ports = {name: free_port() for name in PREFERRED}  # another stack would take a well-known one that nobody holds yet
    made = Stack(
        folder / f"absent-{uuid4()}", ports=ports, durable=False, settings={"RATE_PER_SECOND": "0"}, say=lambda _: None
    )
    await asyncio.to_thread(made.postgres.start)
    await asyncio.to_thread(made.postgres.stop)
    made._make_keys()
    yield Platform(made)
    await asyncio.to_thread(made.stop)


def said(stack: Stack, name: str) -> dict[str, bool]:
    """What /readyz of a process says, whatever its status; nothing while it does not listen."""
    try:
        with urllib.request.urlopen(f"{stack.ops[name]}/readyz", timeout=5) as answer:
            found: dict[str, bool] = json.load(answer)
    except urllib.error.HTTPError as refusal:
        found = json.load(refusal)
    except OSError:
        found = {}
    return found


def bring(stack: Stack, what: str) -> None:
    """Start one of the things that were absent."""
    if what == "schema":
        for service in ("members", "reporting"):
            subprocess.run(
                [sys.executable, "-m", f"services.{service}.main", "migrate"],
                env=stack.environment(service, 0, 0),
                cwd=ROOT,
                check=True,
                capture_output=True,
            )
        return
    {"postgres": stack.postgres.start, "kafka": stack.kafka.start, "issuer": stack._start_issuer}[what]()
    if what == "postgres":
        stack._create_databases()


async def comes_up(platform: Platform, order: tuple[str, ...]) -> int:
    """Start all processes, then what they need in this order: each is ready when it has all, and no sooner.

    Then one member is enrolled: how many the figures hold.
    """
    stack = platform.stack
    for name in NAMES:
        await asyncio.to_thread(stack.run, name, False)

    async def as_expected() -> bool:
        assert not [name for name in NAMES if stack.processes[name].poll() is not None]
        answers = {name: await asyncio.to_thread(said, stack, name) for name in NAMES}
        for name, answer in answers.items():
            assert all(
                STANDS_ON[name][what] in there
                for what, is_there in answer.items()
                if is_there and what in STANDS_ON[name]
            )
        ready = {name for name, answer in answers.items() if answer and all(answer.values())}
        complete = all({"serving", "database"} <= answer.keys() for answer in answers.values())
        return complete and ready == {name for name in NAMES if set(STANDS_ON[name].values()) <= there}

    there: set[str] = set()
    await until(as_expected)
    for what in order:
        await asyncio.to_thread(bring, stack, what)
        there.add(what)
        await until(as_expected, 60)
    async with platform.client("members") as members, platform.client("reporting") as reporting:
        branch = await builders.branch(members)
        joined = await members.post("/v1/members", json=builders.joining(branch))
        answer = await reporting.get(
            "/v1/figures",
            params={"indicator": "members.active", "unit": builders.MONG_DUONG},
            headers={"wait-for": joined.headers["journal-position"]},
        )
    assert answer.status_code == 200, answer.text
    value: int = answer.json()["items"][0]["value"]
    return value


async def test_everything_comes_after_the_processes(absent: Platform) -> None:
    """Kafka, issuer, PostgreSQL and at last its migrations: from nothing to a figure, no process started twice."""
    assert await comes_up(absent, ("kafka", "issuer", "postgres", "schema")) == 1


@pytest.mark.chaos
@pytest.mark.parametrize(
    "order",
    [
        ("postgres", "schema", "issuer", "kafka"),
        ("postgres", "kafka", "schema", "issuer"),
        ("issuer", "postgres", "schema", "kafka"),
    ],
)
async def test_in_any_order(absent: Platform, order: tuple[str, ...]) -> None:
    """The same, whichever comes last."""
    assert await comes_up(absent, order) == 1
