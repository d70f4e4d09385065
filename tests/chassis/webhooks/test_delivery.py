"""Webhooks on their way: order, repeats, back-off, giving up, replay; through crashes, on real HTTP and PostgreSQL."""

from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.db import Connection
from services.chassis.delivery import backoff, retry_after
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.chassis import bus
from tests.chassis.webhooks.hooks import Start, Told, subscribed, written
from tests.chassis.webhooks.receiver import Receiver
from tests.issuer import Issuer


async def test_events_arrive_signed_in_order_as_the_feed_has_them(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told
) -> None:
    """Batches of CloudEvents, each message under an id of its own, its signature worked out from the specification."""
    await written(conn, 250)
    hook = await subscribed(members, receiver.url, start=0)
    start()
    state = await told(hook, position=250)
    assert [len(got.events) for got in receiver.got] == [100, 100, 50]
    feed = (await members.get("/v1/events", params={"limit": 500})).json()["items"]
    assert [event for got in receiver.got for event in got.events] == feed
    assert all(got.signed_by(hook["secret"]) for got in receiver.got)
    assert not any(got.signed_by("whsec_AAAA") for got in receiver.got)
    assert {got.headers["content-type"] for got in receiver.got} == {
        "application/cloudevents-batch+json; charset=utf-8"
    }
    assert len({got.id for got in receiver.got}) == 3
    assert (state["status"], state["behind"], state["last_error"]) == ("active", 0, None)
    await written(conn)
    await told(hook, position=251)
    assert receiver.sequences == list(range(1, 252))


async def test_a_subscription_gets_what_it_asked_for_inside_its_reach(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told
) -> None:
    """One commune's events only, of the types wanted only; a new one begins at the last position."""
    await written(conn, 3, unit=BA_CHE)
    late = await subscribed(members, f"{receiver.url}/late")
    hooks = [
        await subscribed(members, f"{receiver.url}/ba-che", unit=BA_CHE, start=0),
        await subscribed(members, f"{receiver.url}/set", types=[bus.SET, "vn.danvan.members.branch."], start=0),
        await subscribed(members, f"{receiver.url}/paused", active=False, start=0),
    ]
    await written(conn, 2, unit=MONG_DUONG)
    await written(conn, 1, unit=BA_CHE, type=bus.SET)
    start()
    for hook in (late, *hooks[:2]):
        await told(hook, position=6)
    found: dict[str, list[int]] = {path: [] for path in ("/hook/late", "/hook/ba-che", "/hook/set")}
    for got in receiver.got:
        found[got.path] += got.sequences
    assert found == {"/hook/late": [4, 5, 6], "/hook/ba-che": [1, 2, 3, 6], "/hook/set": [6]}
    assert (await told(hooks[2]))["status"] == "paused"


async def test_an_officer_of_a_branch_gets_the_branch(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told, issuer: Issuer
) -> None:
    """By webhook as by feed; and her subscriptions are hers: the branch beside does not see them."""
    own, beside = uuid4(), uuid4()
    officer = issuer.headers(MONG_DUONG, sub="officer", branch=str(own))
    hook = await made(await members.post("/v1/webhooks", json={"url": receiver.url, "from": 0}, headers=officer))
    assert (hook["unit"], hook["branch"]) == (MONG_DUONG, str(own))
    for branch in (own, beside, None, own):
        await written(conn, branch=branch)
    await written(conn, branch=own, unit=BA_CHE)
    start()
    await told(hook, position=5)
    assert receiver.sequences == [1, 4]
    feed = (await members.get("/v1/events", headers=officer)).json()
    assert ([event["sequence"] for event in feed["items"]], feed["next_after"]) == ([1, 4], 5)
    neighbour = issuer.headers(MONG_DUONG, sub="neighbour", branch=str(beside))
    assert (await members.get(f"/v1/webhooks/{hook['id']}", headers=neighbour)).status_code == 404
    assert (await members.get("/v1/webhooks", headers=neighbour)).json()["items"] == []


async def test_what_moves_is_told_where_it_was_and_where_it_is(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told, issuer: Issuer
) -> None:
    """The old commune or branch hears of the move and of nothing later; by webhook as by feed."""
    own, beside, moves, leaves = (uuid4() for _ in range(4))
    hook = await subscribed(members, receiver.url, unit=MONG_DUONG, start=0)
    for subject, *steps in (
        (moves, (MONG_DUONG, own), (MONG_DUONG, beside), (MONG_DUONG, beside)),
        (leaves, (MONG_DUONG, own), (BA_CHE, uuid4()), (BA_CHE, uuid4())),
    ):
        for version, (unit, branch) in enumerate(steps, 1):
            await bus.write(conn, subject, version, unit=unit, branch=branch)
    await written(conn, 0)
    start()
    await told(hook, position=6)
    assert receiver.sequences == [1, 2, 3, 4, 5]
    for headers, seen in (
        (issuer.headers(BA_CHE), [5, 6]),
        (issuer.headers(MONG_DUONG, branch=str(own)), [1, 2, 4, 5]),
        (issuer.headers(MONG_DUONG, branch=str(beside)), [2, 3]),
    ):
        feed = (await members.get("/v1/events", headers=headers)).json()
        assert [event["sequence"] for event in feed["items"]] == seen


async def test_what_fails_is_repeated_as_the_same_message_and_nothing_overtakes_it(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told
) -> None:
    """Errors of the server, a redirect, then success: one id and one body throughout; then the next message."""
    answers = iter([(500, {}), (503, {}), (302, {"location": "http://127.0.0.1:1/"}), (404, {})])
    receiver.answer = lambda _: next(answers, (200, {}))
    await written(conn, 2)
    hook = await subscribed(members, receiver.url, start=0)
    start()
    await told(hook, position=2)
    await written(conn)
    state = await told(hook, position=3)
    assert len({got.id for got in receiver.got[:5]}) == 1
    assert {got.body for got in receiver.got[:5]} == {receiver.got[0].body}
    assert receiver.sequences == [1, 2] * 5 + [3]
    assert (state["failures"], state["failing_since"], state["retry_at"], state["last_error"]) == (0, None, None, None)


async def test_one_that_is_slow_or_fails_delays_no_other(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told
) -> None:
    """While one receiver holds its answer back, and one is not there, a third has everything."""
    receiver.gate.clear()
    await written(conn, 300)
    slow = await subscribed(members, receiver.url, start=0)
    absent = await subscribed(members, "http://127.0.0.1:1/", start=0)
    with Receiver() as quick:
        fine = await subscribed(members, quick.url, start=0)
        start(webhook_timeout=60)
        await told(fine, position=300)
        assert quick.sequences == list(range(1, 301))
        assert (await told(slow))["position"] == 0
        state = await told(absent, status="failing")
        assert "does not accept connections" in state["last_error"]
        assert state["position"] == 0
        receiver.gate.set()
        await told(slow, position=300)


async def test_a_receiver_says_when_to_come_back(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told
) -> None:
    """429 with Retry-After is obeyed rather than the own back-off."""
    receiver.answer = lambda _: (429, {"retry-after": "3600"})
    await written(conn)
    hook = await subscribed(members, receiver.url, start=0)
    start()
    state = await told(hook, status="failing", last_error="HTTP 429")
    wait = await conn.fetchval("select extract(epoch from retry_at - now())::int from webhook")
    assert 3500 < wait <= 3600
    assert state["failures"] == len(receiver.got) == 1


async def test_a_replay_sends_again_from_a_position(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told
) -> None:
    """The same events as new messages; beyond the last position is refused, naming the field."""
    await written(conn, 4)
    hook = await subscribed(members, receiver.url, start=0)
    start()
    await told(hook, position=4)
    path = f"/v1/webhooks/{hook['id']}/replay"
    refused = await members.post(path, json={"from": 5})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/from")
    assert (await members.post(path, json={"from": 2})).json()["behind"] == 2
    await told(hook, position=4)
    assert [got.sequences for got in receiver.got] == [[1, 2, 3, 4], [3, 4]]
    assert receiver.got[1].events == receiver.got[0].events[2:]
    assert receiver.got[0].id != receiver.got[1].id


async def test_a_test_message_says_whether_one_would_arrive(
    members: httpx.AsyncClient, receiver: Receiver, start: Start, told: Told
) -> None:
    """Signed as any, also to a paused webhook; the door tells how it went."""
    hook = await subscribed(members, receiver.url, active=False)
    start()
    path = f"/v1/webhooks/{hook['id']}/test"
    answer = await members.post(path)
    assert (answer.status_code, answer.json()["test_pending"]) == (202, True)
    state = await told(hook, test_pending=False)
    assert (state["test_error"], state["position"]) == (None, 0)
    assert state["tested_at"] is not None
    (got,) = receiver.got
    assert got.signed_by(hook["secret"])
    assert [event["type"] for event in got.events] == ["vn.danvan.members.webhook.tested.v1"]
    receiver.answer = lambda _: (500, {})
    await members.post(path)
    assert (await told(hook, test_pending=False))["test_error"] == "HTTP 500"


async def test_a_rotated_secret_signs_beside_the_new_one_for_a_day(
    members: httpx.AsyncClient, conn: Connection, receiver: Receiver, start: Start, told: Told
) -> None:
    """Both verify meanwhile; then the new one only."""
    hook = await subscribed(members, receiver.url, start=0)
    answer = await members.post(f"/v1/webhooks/{hook['id']}/secret", headers={"if-match": '"1"'})
    fresh = answer.json()["secret"]
    assert fresh != hook["secret"]
    await written(conn)
    start()
    await told(hook, position=1)
    assert receiver.got[0].signed_by(hook["secret"])
    assert receiver.got[0].signed_by(fresh)
    await conn.execute("update webhook set old_secret_until = now()")
    await written(conn)
    await told(hook, position=2)
    assert not receiver.got[1].signed_by(hook["secret"])
    assert receiver.got[1].signed_by(fresh)


@given(st.floats(0.01, 3600), st.integers(0, 10**6))
def test_waits_grow_and_are_bounded(first: float, failures: int) -> None:
    """Between half of the doubled wait and all of it, an hour at most."""
    doubled = min(3600.0, first * 2.0 ** min(failures, 30))
    assert doubled / 2 <= backoff(first, failures) <= doubled


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("120", 120, 120),
        ("999999999999", 86_400, 86_400),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 86_400, 86_400),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, least: float, most: float) -> None:
    """Bounded to a day."""
    found = retry_after({"retry-after": value})
    assert found is not None
    assert least <= found <= most


@pytest.mark.parametrize("value", ["", "soon", "-5", "１２"])
def test_a_retry_after_that_is_none_is_passed_over(value: str) -> None:
    """The own back-off holds then."""
    assert retry_after({"retry-after": value}) is None
