"""Cash collected in the field: pending, in no balance, until the bank confirms it; and how old it is."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.catalog import EVENTS
from services.chassis.clock import today
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.issuer import Issuer
from tests.loans.lending import entry, pointers, rows
from tests.loans.reconciling import collected, key, lent


async def settle(loans: httpx.AsyncClient, receipt: dict[str, Any], how: str, **body: Any) -> httpx.Response:
    """Confirm or cancel, at the version that was read."""
    return await loans.post(f"/v1/receipts/{receipt['id']}/{how}", json=body, headers=key(receipt["version"]))


async def owed(loans: httpx.AsyncClient, loan: dict[str, Any], day: str = "") -> int:
    """What the ledger says is owed."""
    answer = await loans.get(f"/v1/loans/{loan['id']}", params={"as_of": day} if day else {})
    found: int = answer.json()["outstanding"]
    return found


async def test_pending_money_counts_nowhere_until_confirmed(loans: httpx.AsyncClient, url: str) -> None:
    """Recorded: no entry. Confirmed: principal and interest posted once on the bank's day, journalled as promised."""
    one = await lent(loans)
    receipt = await collected(loans, one, principal=30, interest=4, reference="PT-01")
    assert (receipt["state"], await owed(loans, one)) == ("pending", 100)
    assert (await rows(url, "select count(*) from entry"))[0][0] == 1
    done = await made(await settle(loans, receipt, "confirmation", occurred_on="2023-06-22"), 200)
    assert (done["state"], done["settled_on"], done["version"], len(done["entries"])) == (
        *("confirmed", "2023-06-22", 2, 2),
    )
    assert (await owed(loans, one, "2023-06-21"), await owed(loans, one, "2023-06-22")) == (100, 70)
    ledger = (await loans.get(f"/v1/loans/{one['id']}/ledger")).json()["items"]
    assert {(each["kind"], each["amount"], each["reference"]) for each in ledger[1:]} == {
        *(("principal", 30, "PT-01"), ("interest", 4, "PT-01")),
    }
    for again in ("confirmation", "cancellation"):
        said = {"note": "Nhầm"} if again == "cancellation" else {}
        refused = await settle(loans, done, again, **said)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:danvan:problem:receipt-settled")
    events = await rows(url, "select * from journal where type like '%receipt%' order by version")
    for event in events:
        EVENTS[event["type"]].model_validate_json(event["data"])
    assert [event["type"].split(".")[4] for event in events] == ["recorded", "confirmed"]


async def test_a_receipt_taken_back_is_never_posted(loans: httpx.AsyncClient, url: str) -> None:
    """Cancelled with its reason, at the version read only; then it can be posted no more, and frees what it held."""
    one = await lent(loans)
    receipt = await collected(loans, one, principal=100)
    path = f"/v1/receipts/{receipt['id']}/cancellation"
    assert pointers(await loans.post(path, json={"note": "Nhầm"}, headers=key()), 428) == {
        ("header:if-match", "missing")
    }
    assert (await loans.post(path, json={"note": "Nhầm"}, headers=key(2))).status_code == 412
    done = await made(await settle(loans, receipt, "cancellation", note="Ghi nhầm hộ"), 200)
    assert (done["state"], done["note"], done["entries"]) == ("cancelled", "Ghi nhầm hộ", [])
    assert (await settle(loans, done, "confirmation")).status_code == 409
    await collected(loans, one, principal=100)
    assert (await rows(url, "select count(*) from entry"))[0][0] == 1
    (event,) = await rows(url, "select data from journal where type like '%cancelled%'")
    assert "nhầm" not in event["data"].lower()


async def test_what_cannot_be_collected_is_refused(loans: httpx.AsyncClient) -> None:
    """Nothing, more than is owed beyond what is pending, before the contract, in the future, of a loan not paid out."""
    one = await lent(loans)
    await collected(loans, one, principal=60)
    tomorrow = (today() + timedelta(days=1)).isoformat()
    for fields, expected in (
        ({}, ("/principal", "nothing")),
        ({"principal": 41}, ("/principal", "over_balance")),
        ({"principal": 1, "collected_on": "2022-01-09"}, ("/occurred_on", "outside")),
        ({"principal": 1, "collected_on": tomorrow}, ("/occurred_on", "outside")),
        ({"principal": 0.5}, ("/principal", "int_type")),
    ):
        body = {"loan": one["id"], "collector": str(uuid4()), "collected_on": "2023-06-20", **fields}
        assert pointers(await loans.post("/v1/receipts", json=body, headers=key())) == {expected}
    unpaid = await lent(loans, 0)
    body = {"loan": unpaid["id"], "collector": str(uuid4()), "collected_on": "2023-06-20", "principal": 1}
    assert (await loans.post("/v1/receipts", json=body, headers=key())).status_code == 409
    assert pointers(await loans.post("/v1/receipts", json=body), 428) == {("header:idempotency-key", "missing")}


async def test_a_receipt_the_ledger_does_not_take_stays_pending(loans: httpx.AsyncClient, url: str) -> None:
    """The household has paid at the bank meanwhile: refused, and nothing of it is posted."""
    one = await lent(loans)
    receipt = await collected(loans, one, principal=60)
    await made(await entry(loans, one["id"], "repayments", 50, "2023-06-21"))
    assert pointers(await settle(loans, receipt, "confirmation")) == {("/principal", "over_balance")}
    assert (await loans.get(f"/v1/receipts/{receipt['id']}")).json()["state"] == "pending"
    assert (await rows(url, "select count(*) from entry"))[0][0] == 2


async def test_confirmed_by_many_at_once_is_posted_once(loans: httpx.AsyncClient) -> None:
    """Of ten confirmations under keys of their own one posts; recorded ten times under one key is one receipt."""
    one = await lent(loans)
    receipt = await collected(loans, one, principal=30)
    answers = await asyncio.gather(*(settle(loans, receipt, "confirmation") for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
    assert await owed(loans, one) == 70
    body = {"loan": one["id"], "collector": str(uuid4()), "collected_on": "2023-06-20", "principal": 1}
    same = key()
    await asyncio.gather(*(loans.post("/v1/receipts", json=body, headers=same) for _ in range(10)))
    found = (await loans.get("/v1/receipts", params={"loan": one["id"]})).json()["items"]
    assert [each["state"] for each in found] == ["pending", "confirmed"]


async def test_receipts_stay_in_their_unit_and_branch(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """Another commune's do not exist; an officer of a branch collects of her households and sees theirs."""
    branch, other = str(uuid4()), str(uuid4())
    one = await lent(loans, branch=branch)
    receipt = await collected(loans, one, principal=30)
    path = f"/v1/receipts/{receipt['id']}"
    mine, hers = issuer.headers(MONG_DUONG, branch=branch), issuer.headers(MONG_DUONG, branch=other)
    for headers, status, count in ((mine, 200, 1), (hers, 404, 0), (issuer.headers(BA_CHE), 404, 0)):
        assert (await loans.get(path, headers=headers)).status_code == status
        assert len((await loans.get("/v1/receipts", headers=headers)).json()["items"]) == count
        assert len((await loans.get("/v1/receipts/ageing", headers=headers)).json()["items"]) == count
    body = {"loan": one["id"], "collector": str(uuid4()), "collected_on": "2023-06-20", "principal": 1}
    assert (await loans.post("/v1/receipts", json=body, headers=key(headers=hers))).status_code == 404
    assert (await loans.post("/v1/receipts", json=body, headers=key(headers=mine))).status_code == 201
    confirm = f"{path}/confirmation"
    assert (await loans.post(confirm, json={}, headers=key(1, hers))).status_code == 404


ages = st.lists(st.tuples(st.integers(0, 45), st.integers(1, 9), st.integers(0, 2), st.sampled_from("pcx")), max_size=8)
BUCKETS = [(0, 3), (4, 7), (8, 30), (31, None)]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ages)
async def test_pending_money_is_aged_to_the_day(
    loans: httpx.AsyncClient, ages: list[tuple[int, int, int, str]]
) -> None:
    """By group, commune or collector: each bucket is the plain sum of what was pending then; page after page."""
    one, as_of = await lent(loans, 10_000), date(2023, 8, 31)
    groups = [str(uuid4()) for _ in range(3)]
    expected: dict[str, list[list[int]]] = {}
    for days, amount, group, fate in ages:
        on = as_of - timedelta(days=days)
        receipt = await collected(loans, one, principal=amount, group=groups[group], collected_on=str(on))
        if fate == "c":
            await made(await settle(loans, receipt, "confirmation", occurred_on=str(as_of)), 200)
            continue
        if fate == "x":
            await made(await settle(loans, receipt, "confirmation", occurred_on="2023-09-01"), 200)
        bucket = next(n for n, (_, last) in enumerate(BUCKETS) if last is None or days <= last)
        sums = expected.setdefault(groups[group], [[0, 0] for _ in BUCKETS])
        sums[bucket] = [sums[bucket][0] + 1, sums[bucket][1] + amount]
    found: dict[str, list[list[int]]] = {}
    cursor = None
    while True:
        params: dict[str, Any] = {"by": "group", "as_of": str(as_of), "limit": 2}
        params |= {"cursor": cursor} if cursor else {}
        page = await made(await loans.get("/v1/receipts/ageing", params=params), 200)
        for item in page["items"]:
            assert [(each["from_days"], each["to_days"]) for each in item["buckets"]] == BUCKETS
            assert item["amount"] == sum(each["amount"] for each in item["buckets"])
            found[item["key"]] = [[each["receipts"], each["amount"]] for each in item["buckets"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert {group: found[group] for group in found if group in groups} == expected


async def test_ages_are_asked_for_by_whom_and_in_what_steps(loans: httpx.AsyncClient) -> None:
    """By branch with those that have none; by commune; by collector; in buckets of one's own."""
    branch, collector = str(uuid4()), str(uuid4())
    one, two = await lent(loans), await lent(loans, branch=branch)
    await collected(loans, one, principal=10, collector=collector)
    await collected(loans, two, principal=20, interest=2, collector=collector)
    asked = {"as_of": "2023-06-30"}
    for by, expected in (
        ("branch", {None: 10, branch: 22}),
        ("unit", {MONG_DUONG: 32}),
        ("collector", {collector: 32}),
        ("group", {None: 32}),
    ):
        answer = await made(await loans.get("/v1/receipts/ageing", params={"by": by, **asked}), 200)
        assert {item["key"]: item["amount"] for item in answer["items"]} == expected
    answer = (await loans.get("/v1/receipts/ageing", params={**asked, "by": "unit", "limits": [9, 10]})).json()
    assert [(each["to_days"], each["amount"]) for each in answer["items"][0]["buckets"]] == [
        *((9, 0), (10, 32), (None, 0)),
    ]
