"""The door of webhooks: who may subscribe to what, what is shown, and what is refused."""

from base64 import b64encode
from typing import Any

import asyncpg
import httpx
import pytest

from services.chassis.sealing import BrokenSeal, Sealer
from services.chassis.settings import Settings, SettingsError
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.chassis.test_http import problem
from tests.chassis.webhooks.hooks import KEY, URL, subscribed
from tests.conftest import Api
from tests.issuer import Issuer

SCOPES = "members:read events:subscribe"


@pytest.fixture
async def members(api: Api) -> httpx.AsyncClient:
    """A members service where webhooks are set up."""
    return await api("members", webhook_key=KEY)


@pytest.mark.parametrize("service", ["members", "loans"])
async def test_every_owner_takes_subscriptions(api: Api, service: str) -> None:
    """Made, read and listed: with the caller's own unit, from the last position on, its secret shown this once."""
    client = await api(service, webhook_key=KEY)
    answer = await client.post("/v1/webhooks", json={"url": URL})
    hook = await made(answer)
    assert hook["secret"].startswith("whsec_")
    assert answer.headers["location"] == f"/v1/webhooks/{hook['id']}"
    shown = {name: value for name, value in hook.items() if name != "secret"}
    read = await client.get(answer.headers["location"])
    assert read.headers["etag"] == answer.headers["etag"] == '"1"'
    assert read.json() == shown
    assert (await client.get("/v1/webhooks")).json()["items"] == [shown]
    assert (shown["unit"], shown["status"], shown["position"], shown["owner"]) == ("22", "active", 0, "tester")


async def test_a_list_has_pages(members: httpx.AsyncClient) -> None:
    """Each subscription once, in the order they were made."""
    wanted = [(await subscribed(members))["id"] for _ in range(5)]
    found: list[str] = []
    cursor = None
    while True:
        page = (await members.get("/v1/webhooks", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        found += [hook["id"] for hook in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == wanted


async def test_the_secret_is_kept_sealed_and_nowhere_else(members: httpx.AsyncClient) -> None:
    """Neither the table nor the answer kept for retries holds it: a repeated request shows null."""
    headers = {"idempotency-key": "k"}
    first = await made(await members.post("/v1/webhooks", json={"url": URL}, headers=headers))
    again = await members.post("/v1/webhooks", json={"url": URL}, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {**first, "secret": None}
    app = members._transport.app  # type: ignore[attr-defined]
    conn = await asyncpg.connect(app.state.settings.database_url)
    dump = str([await conn.fetch("select * from webhook"), await conn.fetch("select * from idempotency")])
    await conn.close()
    assert first["id"].replace("-", "") in dump.replace("-", "")
    assert first["secret"].removeprefix("whsec_") not in dump


async def test_a_seal_opens_for_its_row_and_by_its_keys_only() -> None:
    """A new key in front seals, the old one still opens; another row or another key does not."""
    other = b64encode(bytes(32)).decode()
    sealed = Sealer(KEY).seal(b"secret", b"row 1")
    assert Sealer(f"{other} {KEY}").open(sealed, b"row 1") == b"secret"
    assert Sealer(f"{other} {KEY}").open(Sealer(other).seal(b"x", b""), b"") == b"x"
    for keys, row in ((KEY, b"row 2"), (other, b"row 1")):
        with pytest.raises(BrokenSeal):
            Sealer(keys).open(sealed, row)


@pytest.mark.parametrize("key", ["", "short", b64encode(bytes(16)).decode(), f"{KEY} x"])
def test_a_key_that_is_none_is_refused_at_start(key: str) -> None:
    """The variable is named, the key is not shown."""
    with pytest.raises(SettingsError, match="DANVAN_WEBHOOK_KEY") as refusal:
        Settings.load({"DANVAN_DATABASE_URL": "postgresql://none", "DANVAN_WEBHOOK_KEY": key})
    assert not key or key not in str(refusal.value)


async def test_without_a_key_there_are_no_webhooks(api: Api) -> None:
    """Not now, rather than a secret in the clear."""
    client = await api("members")
    problem(await client.post("/v1/webhooks", json={"url": URL}), 503, "unavailable")


@pytest.mark.parametrize("scope", ["members:read", "events:subscribe", "loans:read events:subscribe"])
async def test_both_scopes_are_needed(members: httpx.AsyncClient, issuer: Issuer, scope: str) -> None:
    """To subscribe is to read: neither scope is enough by itself."""
    headers = issuer.headers(scope=scope)
    problem(await members.post("/v1/webhooks", json={"url": URL}, headers=headers), 403, "forbidden")
    problem(await members.get("/v1/webhooks", headers=headers), 403, "forbidden")


async def test_what_lies_outside_ones_reach_is_not_there(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """A commune neither subscribes to another's events nor sees, changes, moves or ends its subscriptions."""
    hook = await subscribed(members, unit=BA_CHE)
    theirs = issuer.headers(BA_CHE, SCOPES, "ba-che")
    other = issuer.headers(MONG_DUONG, SCOPES, "mong-duong")
    path = f"/v1/webhooks/{hook['id']}"
    assert (await members.get(path, headers=theirs)).status_code == 200
    outside = [
        await members.post("/v1/webhooks", json={"url": URL, "unit": BA_CHE}, headers=other),
        await members.post("/v1/webhooks", json={"url": URL, "unit": "22"}, headers=other),
        await members.get(path, headers=other),
        await members.patch(path, json={"active": False}, headers={**other, "if-match": '"1"'}),
        await members.post(f"{path}/secret", headers={**other, "if-match": '"1"'}),
        await members.post(f"{path}/replay", json={"from": 0}, headers=other),
        await members.post(f"{path}/test", headers=other),
        await members.delete(path, headers=other),
    ]
    for answer in outside:
        problem(answer, 404, "not-found")
    assert (await members.get("/v1/webhooks", headers=other)).json()["items"] == []
    assert (await members.get(path)).json() == {name: hook[name] for name in hook if name != "secret"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "http://receiver.example.org/"}, "/url"),
        ({"url": "https://10.0.0.1/"}, "/url"),
        ({"url": "https://receiver.example.org:22/"}, "/url"),
        ({"url": URL, "types": ["vn.danvan.members.%"]}, "/types/0"),
        ({"url": URL, "from": 1}, "/from"),
        ({"url": URL, "from": -1}, "/from"),
        ({"url": URL, "secret": "mine"}, "/secret"),
        ({}, "/url"),
    ],
)
async def test_a_subscription_that_cannot_be_names_the_field(
    members: httpx.AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    """In either language."""
    answers = [
        problem(await members.post("/v1/webhooks", json=body, headers={"accept-language": language}), 422, "invalid")
        for language in ("vi", "en")
    ]
    assert [[fault["pointer"] for fault in answer["errors"]] for answer in answers] == [[pointer], [pointer]]
    assert answers[0]["errors"][0]["message"] != answers[1]["errors"][0]["message"]


async def test_a_change_needs_the_version_that_was_read(members: httpx.AsyncClient) -> None:
    """428 without, 412 with another; then it is changed, paused, and gone."""
    path = f"/v1/webhooks/{(await subscribed(members))['id']}"
    change = {"url": f"{URL}/2", "types": ["vn.danvan.members.member."], "active": False}
    problem(await members.patch(path, json=change), 428, "precondition-required")
    problem(await members.patch(path, json=change, headers={"if-match": '"2"'}), 412, "stale")
    refused = await members.patch(path, json={"url": "http://a.b/"}, headers={"if-match": '"1"'})
    assert problem(refused, 422, "invalid")["errors"][0]["pointer"] == "/url"
    answer = await members.patch(path, json=change, headers={"if-match": '"1"'})
    assert answer.headers["etag"] == '"2"'
    assert {name: answer.json()[name] for name in change} == change
    assert answer.json()["status"] == "paused"
    problem(await members.post(f"{path}/secret"), 428, "precondition-required")
    problem(await members.delete(path, headers={"if-match": '"1"'}), 412, "stale")
    assert (await members.delete(path, headers={"if-match": '"2"'})).status_code == 204
    problem(await members.get(path), 404, "not-found")


async def test_a_caller_may_have_so_many(members: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is a conflict; it is counted by caller."""
    monkeypatch.setattr("services.chassis.subscriptions.MOST", 2)
    for _ in range(2):
        await subscribed(members)
    problem(await members.post("/v1/webhooks", json={"url": URL}), 409, "too-many-webhooks")
