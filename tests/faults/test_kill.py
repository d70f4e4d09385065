"""Killed or frozen at any point under load: nothing accepted is lost or counted twice, figures equal a recount."""

import asyncio
import os
import random
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.dev.process import tail
from deploy.dev.supervisor import Stack
from tests.faults import recount
from tests.platform import Platform, frozen

UNITS = ("06760", "06970", "06688")
VICTIMS = (
    "members-api",
    "loans-api",
    "members-relay",
    "loans-relay",
    "loans-follower",
    "reporting-projector",
    "reporting-api",
    "kafka",
    "postgres",
)
WRITERS = 6
NOT_ACCEPTED = (httpx.TransportError,)
CALM_SECONDS = 120
FROZEN_SECONDS = (0.5, 3, 20)
"""The longest outlasts a statement (10 s), patience with PostgreSQL (12 s) and a place in a Kafka group (15 s)."""


class Load:
    """Writers that retry with the same key until they are answered, and remember what was accepted."""

    def __init__(self, platform: Platform, chance: random.Random) -> None:
        self.platform, self.chance = platform, chance
        self.stopping = False
        self.accepted: dict[str, int] = {}
        self.retries = 0

    async def post(self, client: httpx.AsyncClient, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        """Send until it is answered with success, always with the same key."""
        headers = {"idempotency-key": str(uuid4()), **headers}
        while True:
            try:
                answer = await client.post(path, json=body, headers=headers)
            except NOT_ACCEPTED:
                answer = None
            if answer is not None and answer.is_success:
                break
            if answer is not None and answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
            self.retries += 1
            await asyncio.sleep(0.05)
        for position in filter(None, answer.headers["journal-position"].split(", ")):
            entity, _, version = position.rpartition("@")
            self.accepted[entity] = max(self.accepted.get(entity, 0), int(version))
        found: dict[str, Any] = answer.json()
        return found

    async def write(self, number: int) -> None:
        """One writer: a branch, then members who join and leave, and loans."""
        unit = UNITS[number % len(UNITS)]
        async with self.platform.client("members") as members, self.platform.client("loans") as loans:
            name = f"Chi hội {number} {uuid4()}"
            branch = await self.post(members, "/v1/branches", {"unit": unit, "name": name, "opened_on": "2010-01-01"})
            while not self.stopping:
                body = {
                    "branch": branch["id"],
                    "name": "Hội viên Mẫu",
                    "ethnicity": self.chance.choice(["01", "09"]),
                    "core": self.chance.random() < 0.3,
                    "joined_on": "2022-02-02",
                }
                member = await self.post(members, "/v1/members", body)
                if self.chance.random() < 0.3:
                    leaving = {"left_on": "2024-04-04", "reason": "own_wish"}
                    path = f"/v1/members/{member['id']}/departure"
                    await self.post(members, path, leaving, **{"if-match": '"1"'})
                if self.chance.random() < 0.3:
                    await self.lend(loans, unit, branch["id"])

    async def lend(self, loans: httpx.AsyncClient, unit: str, branch: str) -> None:
        """A borrower, a loan, money out and some of it back."""
        body = {"household": str(uuid4()), "unit": unit, "branch": branch, "customer_code": uuid4().hex}
        borrower = await self.post(loans, "/v1/borrowers", body)
        contract = {
            "borrower": borrower["id"],
            "programme": "job_creation",
            "capital_source": "central",
            "contract_number": uuid4().hex,
            "contract_on": "2023-03-03",
            "due_on": "2027-03-03",
        }
        path = f"/v1/loans/{(await self.post(loans, '/v1/loans', contract))['id']}"
        await self.post(loans, f"{path}/disbursements", {"amount": 50_000_000, "occurred_on": "2023-03-03"})
        await self.post(loans, f"{path}/repayments", {"principal": 20_000_000, "occurred_on": "2024-03-03"})


async def survive(
    folder: Path, rounds: int, replicas: tuple[str, ...] = (), victims: tuple[str, ...] = VICTIMS, freezes: float = 0.25
) -> int:
    """Load, `rounds` kills at random, calm; then every promise is checked. How many entities were written.

    A share `freezes` of the victims is not killed but stopped for a while, and goes on as if nothing had been.
    """
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    chance = random.Random(seed)
    stack = Stack(folder, settings={"RATE_PER_SECOND": "0", "LOG_LEVEL": "WARNING"}, say=lambda _: None)
    try:
        await asyncio.to_thread(stack.start)
        platform = Platform(stack)
        for name in replicas:
            await asyncio.to_thread(stack.run, name)
        load = Load(platform, chance)
        async with platform.client("loans") as loans:
            terms = {
                "code": "job_creation",
                "name_vi": "Việc làm",
                "name_en": "Jobs",
                "valid_from": "2020-01-01",
                "annual_rate_ppm": 83_820,
                "longest_term_months": 120,
            }
            await load.post(loans, "/v1/programmes", terms)
        writers = [asyncio.create_task(load.write(number)) for number in range(WRITERS)]
        killed = []
        for _ in range(rounds):
            await asyncio.sleep(chance.uniform(0.3, 1.5))
            victim = chance.choice([*victims, *replicas])
            if chance.random() < freezes:
                seconds = chance.choice(FROZEN_SECONDS)
                killed.append(f"{victim} frozen {seconds} s")
                with frozen(stack.pids(victim)):
                    await asyncio.sleep(seconds)
                continue
            killed.append(victim)
            await asyncio.to_thread(_kill_and_restart, stack, victim, chance.uniform(0, 1))
        load.stopping = True
        await asyncio.gather(*writers)
        print(f"seed {seed}: {len(load.accepted)} entities, {load.retries} retries, killed {killed}")
        await _drained(stack, platform, load.accepted)
        assert await recount.differences(platform) == []
        for service in ("members", "loans"):
            assert await recount.journal_faults(platform, service) == []
            kept = await recount.rows(
                platform, service, "select subject, max(version) as version from journal group by 1"
            )
            assert {f"{service}:{row['subject']}": row["version"] for row in kept} == {
                entity: version for entity, version in load.accepted.items() if entity.startswith(service)
            }
        assert await platform.count("reporting", "select count(*) from parked") == 0
        assert set(stack.ended()) == set()
        return len(load.accepted)
    finally:
        await asyncio.to_thread(stack.stop)


def _kill_and_restart(stack: Stack, victim: str, pause: float) -> None:
    """SIGKILL, a moment of absence, and the same process or engine again."""
    engine = stack.engines().get(victim)
    if engine is not None:
        engine.kill()
        time.sleep(pause)
        engine.start()
        return
    stack.kill(victim)
    time.sleep(pause)
    stack.run(victim)


async def _drained(stack: Stack, platform: Platform, accepted: dict[str, int]) -> None:
    """Wait until the figures hold every version accepted, and nothing else; or say what is missing."""
    deadline = time.monotonic() + CALM_SECONDS
    while True:
        rows = await recount.rows(platform, "reporting", "select source, subject, version from entity")
        applied = {f"{row['source']}:{row['subject']}": row["version"] for row in rows}
        if applied == accepted:
            return
        unlike = {entity for entity, _ in applied.items() ^ accepted.items()}
        ready = {name: stack.ready(name) for name in stack.processes if name in stack.ops}
        some = [(entity, accepted.get(entity), applied.get(entity)) for entity in sorted(unlike)[:5]]
        said = f"{len(unlike)} of {len(accepted)} unlike: {some}; ended {stack.ended()}; ready {ready}"
        lagging = [*stack.ended(), *(name for name, is_ready in ready.items() if not is_ready)]
        if time.monotonic() > deadline:
            for name in {*lagging, "reporting-projector", "members-relay", "loans-relay"}:
                print(name, tail(stack.log_of(name), 8))
            raise AssertionError(said)
        await asyncio.sleep(0.2)


@pytest.mark.timeout(300)
async def test_three_kills(folder: Path) -> None:
    """A short round for every run of the tests."""
    assert await survive(folder / "kills", 3, freezes=0) > 0


@pytest.mark.chaos
@pytest.mark.timeout(1200)
async def test_twenty_kills(folder: Path) -> None:
    """Any of the APIs, relays, readers, Kafka and PostgreSQL, twenty times under load."""
    assert await survive(folder / "chaos", 20) > 0


@pytest.mark.chaos
@pytest.mark.timeout(1200)
async def test_postgresql_killed_and_frozen_again_and_again(folder: Path) -> None:
    """Only the database, twelve times, half of them frozen."""
    assert await survive(folder / "postgres", 12, victims=("postgres",), freezes=0.5) > 0


@pytest.mark.chaos
@pytest.mark.timeout(1200)
async def test_twenty_kills_with_replicas(folder: Path) -> None:
    """The same with two relays, two followers and three projectors."""
    replicas = ("members-relay-2", "loans-follower-2", "reporting-projector-2", "reporting-projector-3")
    assert await survive(folder / "replicas", 20, replicas) > 0
