"""Webhooks through crashes, lost sessions and lost keys, receivers that are gone, and changes while one is sent."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from services.chassis.db import Connection
from services.chassis.delivery import LOCK
from tests.chassis import bus
from tests.chassis.webhooks.hooks import KEY, Start, Told, subscribed, written
from tests.chassis.webhooks.receiver import Receiver

ROOT = Path(__file__).parents[3]


async def test_a_secret_that_no_key_opens_holds_its_own_subscription(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told
) -> None:
    """It fails and says why; the others go on."""
    lost = await subscribed(members, f"{receiver.url}/lost", start=0)
    await conn.execute("update webhook set secret = '\\x00'::bytea || secret")
    fine = await subscribed(members, receiver.url, start=0)
    await written(conn)
    start()
    await told(fine, position=1)
    assert (await told(lost, status="failing"))["last_error"] == "no key opens it"
    assert [got.path for got in receiver.got] == ["/hook"]


async def test_two_replicas_send_everything_once_and_one_takes_over(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told
) -> None:
    """One leads; it is stopped, it loses its session, and the other goes on where it was."""
    hook = await subscribed(members, receiver.url, start=0)
    first, _ = start(), start()
    await written(conn, 150)
    await told(hook, position=150)
    first.stopping.set()
    await written(conn, 150)
    await told(hook, position=300)
    assert await conn.fetchval("select count(pg_terminate_backend(pid)) from pg_locks where objid = $1", LOCK % 2**32)
    await written(conn, 150)
    await told(hook, position=450)
    assert receiver.sequences == list(range(1, 451))


async def test_a_process_killed_on_the_way_repeats_its_message(
    url: str, members: httpx.AsyncClient, conn: Connection, receiver: Receiver, told: Told
) -> None:
    """kill -9 while the receiver holds its answer back, twice: order is kept and the repeat has the same webhook-id."""
    await written(conn, 350)
    hook = await subscribed(members, receiver.url, start=0)
    held = 0

    def answer(_: Any) -> tuple[int, dict[str, str]]:
        if len(receiver.got) in (2, 4):
            receiver.gate.clear()
        return 200, {}

    receiver.answer = answer
    for held in (2, 4):
        process = _process(url)
        await bus.until(lambda held=held: _so_many(receiver, held))  # type: ignore[misc]
        process.kill()
        process.wait()
        assert (await told(hook))["position"] < 350
        receiver.gate.set()
    process = _process(url)
    await told(hook, position=350)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    messages = {got.id: got.sequences for got in receiver.got}
    assert [got.id for got in receiver.got] == [id_ for id_ in messages for _ in range(_times(receiver, id_))]
    assert all(got.sequences == messages[got.id] for got in receiver.got)
    assert [sequence for each in messages.values() for sequence in each] == list(range(1, 351))
    assert sorted(_times(receiver, id_) for id_ in messages) == [1, 1, 2, 2]


def _times(receiver: Receiver, id_: str) -> int:
    return sum(got.id == id_ for got in receiver.got)


def _process(url: str) -> subprocess.Popen[bytes]:
    """The process as it is run."""
    given = {"DATABASE_URL": url, "WEBHOOK_KEY": KEY, "WEBHOOK_INSECURE": "true", "OPS_PORT": "0"}
    environment = {**os.environ, **{f"DANVAN_{name}": value for name, value in given.items()}}
    return subprocess.Popen([sys.executable, "-m", "services.members.main", "webhooks"], cwd=ROOT, env=environment)


def test_the_process_says_what_it_needs() -> None:
    """Without a key it does not start, and names the variable."""
    environment = {**os.environ, "DANVAN_DATABASE_URL": "postgresql://none", "DANVAN_OPS_PORT": "0"}
    command = [sys.executable, "-m", "services.loans.main", "webhooks"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "DANVAN_WEBHOOK_KEY" in ended.stderr


async def test_a_replay_while_a_message_is_under_way_wins(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told
) -> None:
    """What arrives of the message before marks nothing; the same for a subscription that is ended."""
    await written(conn, 2)
    hook = await subscribed(members, receiver.url, start=1)
    receiver.gate.clear()
    start()
    await bus.until(lambda: _so_many(receiver, 1))
    await members.post(f"/v1/webhooks/{hook['id']}/replay", json={"from": 0})
    ended = await subscribed(members, f"{receiver.url}/ended", start=0)
    await bus.until(lambda: _so_many(receiver, 2))
    await members.delete(f"/v1/webhooks/{ended['id']}")
    receiver.gate.set()
    await told(hook, position=2)
    assert [got.sequences for got in receiver.got if got.path == "/hook"] == [[2], [1, 2]]
    assert [got.sequences for got in receiver.got if got.path == "/hook/ended"] == [[1, 2]]


async def _so_many(receiver: Receiver, count: int) -> bool:
    return len(receiver.got) >= count


async def test_failing_for_too_long_disables(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told
) -> None:
    """After the days that the settings give, counted from the first failure; a replay begins afresh."""
    receiver.answer = lambda _: (500, {})
    await written(conn)
    hook = await subscribed(members, receiver.url, start=0)
    start(webhook_retry_days=0.3 / 86_400)
    state = await told(hook, status="disabled")
    assert (state["disabled"], state["position"]) == ("given_up", 0)
    assert len(receiver.got) > 1
    receiver.answer = lambda _: (200, {})
    answer = await members.post(f"/v1/webhooks/{hook['id']}/replay", json={"from": 0})
    assert answer.json()["status"] == "active"
    await told(hook, position=1)


async def test_a_receiver_that_is_gone_is_asked_no_more(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told
) -> None:
    """410 disables at once and says so; put on again, it goes on with the very message."""
    receiver.answer = lambda _: (410, {})
    await written(conn, 2)
    hook = await subscribed(members, receiver.url, start=0)
    start()
    state = await told(hook, status="disabled")
    assert (state["disabled"], state["last_error"], state["position"]) == ("gone", "HTTP 410", 0)
    receiver.answer = lambda _: (200, {})
    await written(conn)
    path = f"/v1/webhooks/{hook['id']}"
    assert (await members.patch(path, json={"active": True}, headers={"if-match": '"1"'})).status_code == 200
    assert (await told(hook, position=3))["status"] == "active"
    assert [got.sequences for got in receiver.got] == [[1, 2], [1, 2], [3]]
    assert receiver.got[0].id == receiver.got[1].id != receiver.got[2].id
