"""Borrowers: places and poverty status from when; batches with a verdict per row."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from services.chassis.clock import today
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.issuer import Issuer
from tests.loans.lending import borrower, contract, entry, loan, pointers, request, rows

M = 1_000_000


async def corrected(loans: httpx.AsyncClient, who: str, **body: Any) -> dict[str, Any]:
    """Put a borrower right at its version."""
    tag = (await loans.get(f"/v1/borrowers/{who}")).headers["etag"]
    return await made(await loans.patch(f"/v1/borrowers/{who}", json=body, headers={"if-match": tag}), 200)


async def told(url: str, subject: str) -> list[tuple[Any, ...]]:
    """The unit, branch and poverty status of each spell as last journalled, with its day and cause."""
    query = "select data from journal where subject = $1 order by version desc limit 1"
    (row,) = await rows(url, query, UUID(subject))
    names = ("since", "cause", "unit", "branch", "poverty_status")
    return [tuple(spell.get(name) for name in names) for spell in json.loads(row["data"])["timeline"]]


async def test_a_household_that_moves_takes_its_loans_along(loans: httpx.AsyncClient, url: str) -> None:
    """From its day on: borrower and loan are told, lists follow, what happened before stays where it was."""
    opened = await loan(loans)
    await made(await entry(loans, opened["id"], "disbursements", 10 * M, "2022-02-01"))
    branch, who = str(uuid4()), opened["borrower"]
    moved = await corrected(loans, who, unit=BA_CHE, branch=branch, effective_on="2023-05-01")
    assert (moved["unit"], moved["branch"], len(moved["places"])) == (BA_CHE, branch, 2)
    assert [each[:4] for each in await told(url, opened["id"])] == [
        ("2022-01-10", "began", MONG_DUONG, None),
        ("2022-02-01", "changed", MONG_DUONG, None),
        ("2023-05-01", "moved", BA_CHE, branch),
        ("2025-01-01", "changed", BA_CHE, branch),
    ]
    assert [each[:3] for each in await told(url, who)] == [
        ("2022-01-10", "began", MONG_DUONG),
        ("2022-02-01", "changed", MONG_DUONG),
        ("2023-05-01", "moved", BA_CHE),
        ("2025-01-01", "changed", BA_CHE),
    ]
    listed = (await loans.get("/v1/loans", params={"unit": BA_CHE})).json()["items"]
    assert [each["id"] for each in listed] == [opened["id"]]
    paid = await made(await entry(loans, opened["id"], "repayments", 10 * M, "2022-03-01"))
    assert (paid["unit"], paid["status"]) == (BA_CHE, "repaid")


async def test_poverty_status_holds_from_its_day_or_all_along(loans: httpx.AsyncClient, url: str) -> None:
    """A change keeps what was; a correction does not; neither moves a loan."""
    opened = await loan(loans)
    who = opened["borrower"]
    await corrected(loans, who, poverty_status="poor")
    await corrected(loans, who, poverty_status="near_poor", effective_on="2024-01-01")
    shown = await corrected(loans, who, poverty_status="newly_escaped", effective_on="2026-01-01")
    assert shown["poverty_status"] == "newly_escaped"
    expected = [("2022-01-10", "poor"), ("2024-01-01", "near_poor"), ("2026-01-01", "newly_escaped")]
    assert [(day, status) for day, *_, status in await told(url, who)] == expected
    versions = await rows(url, "select count(*) from journal where subject = $1", UUID(opened["id"]))
    assert versions[0][0] == 1


async def test_a_correction_that_cannot_be_says_why(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """In the future, without a unit, stale, without a version; to a place outside the caller's reach."""
    who = await borrower(loans)
    path, tag = f"/v1/borrowers/{who['id']}", {"if-match": '"1"'}
    tomorrow = str(today() + timedelta(days=1))
    for body, expected in (
        ({"effective_on": tomorrow}, ("/effective_on", "future")),
        ({"unit": None}, ("/unit", "null")),
    ):
        assert pointers(await loans.patch(path, json=body, headers=tag)) == {expected}
    assert (await loans.patch(path, json={}, headers={"if-match": '"2"'})).status_code == 412
    assert (await loans.patch(path, json={})).status_code == 428
    commune = {**issuer.headers(MONG_DUONG), **tag}
    assert (await loans.patch(path, json={"unit": BA_CHE}, headers=commune)).status_code == 404
    body = {"household": str(uuid4()), "unit": MONG_DUONG, "customer_code": "x", "customer_since": tomorrow}
    assert pointers(await loans.post("/v1/borrowers", json=body)) == {("/customer_since", "future")}


async def test_a_batch_gives_each_row_its_verdict(loans: httpx.AsyncClient, url: str) -> None:
    """A row that is refused changes nothing and stops nobody; validated only, nothing is there afterwards."""
    good = {"household": str(uuid4()), "unit": MONG_DUONG, "customer_code": "KH-1"}
    items = [
        good,
        {**good, "household": str(uuid4())},
        {"unit": "6760"},
        {**good, "customer_code": "KH-2", "unit": "01001"},
    ]
    for only in (True, False):
        body = {"items": items, "validate_only": only}
        response = await loans.post("/v1/borrowers/batch", json=body)
        answer = await made(response, 200)
        positions = response.headers.get("journal-position", "").split(", ")
        assert positions == ([""] if only else [f"loans:{answer['items'][0]['id']}@1"])
        verdicts = [row["verdict"] for row in answer["items"]]
        assert verdicts == ["valid" if only else "done", "refused", "refused", "refused"]
        assert (answer["done"], answer["refused"]) == (0 if only else 1, 3)
        assert [error["pointer"] for error in answer["items"][1]["errors"]] == ["/customer_code"]
        assert {error["pointer"] for error in answer["items"][2]["errors"]} == {
            *("/household", "/unit", "/customer_code")
        }
        assert answer["items"][3]["problem"] == "urn:danvan:problem:not-found"
        (count,) = (await rows(url, "select count(*) from borrower"))[0]
        assert count == (0 if only else 1)
    assert (await rows(url, "select count(*) from journal where type like '%registered%'"))[0][0] == 1


async def test_a_transaction_day_in_one_request(loans: httpx.AsyncClient, url: str) -> None:
    """Later rows see earlier ones; one key is one effect; two days at once in either order do not stand in each
    other's way."""
    ids = [(await loan(loans))["id"] for _ in range(6)]
    out = [{"loan": each, "kind": "disbursement", "amount": 10 * M, "occurred_on": "2022-02-01"} for each in ids]
    back = [{"loan": each, "kind": "repayment", "principal": 4 * M, "occurred_on": "2022-03-01"} for each in ids]
    wrong = [
        {**back[0], "principal": 7 * M},
        {**out[0], "amount": None},
        {**out[0], "loan": str(uuid4())},
        {"loan": "x"},
    ]
    assert pointers(await loans.post("/v1/loans/entries", json={"items": out}), 428)
    rehearsal = {"items": [*out, *back, *wrong], "validate_only": True}
    answer = await made(await loans.post("/v1/loans/entries", json=rehearsal, headers={"idempotency-key": "0"}), 200)
    assert [row["verdict"] for row in answer["items"]] == ["valid"] * 12 + ["refused"] * 4
    assert (await rows(url, "select count(*) from entry"))[0][0] == 0
    for _ in range(2):
        body = {"items": [*out, *back]}
        answer = await made(await loans.post("/v1/loans/entries", json=body, headers={"idempotency-key": "1"}), 200)
        assert answer["done"] == 12
    assert (await rows(url, "select sum(principal)::bigint from entry"))[0][0] == 36 * M
    more = [{**row, "principal": 1} for row in back]
    days = [
        loans.post("/v1/loans/entries", json={"items": items}, headers={"idempotency-key": uuid4().hex})
        for items in (more, more[::-1], more, more[::-1])
    ]
    for done in await asyncio.gather(*days):
        assert (await made(done, 200))["done"] == 6
    assert (await rows(url, "select sum(principal)::bigint from entry"))[0][0] == 36 * M - 24


async def test_a_meeting_and_a_banks_day_in_one_request_each(loans: httpx.AsyncClient) -> None:
    """Requests, minutes, confirmations, decisions and contracts, with a verdict per row; a stale version is refused."""
    who = [(await borrower(loans))["id"] for _ in range(3)]
    asked = await made(
        await loans.post("/v1/applications/batch", json={"items": [request({"id": each}) for each in who]}), 200
    )
    ids = [row["id"] for row in asked["items"]]
    for version, path, fields in (
        (1, "appraisals", {"on": "2022-01-04", "present": 9, "in_favour": 9}),
        (2, "confirmations", {"on": "2022-01-05"}),
        (3, "decisions", {"on": "2022-01-07", "approved": True}),
    ):
        items = [{"application": each, "version": version, **fields} for each in ids]
        stale, blind = {**items[0], "version": 9}, {"application": ids[0], **fields}
        answer = await made(await loans.post(f"/v1/applications/{path}", json={"items": [stale, blind, *items]}), 200)
        assert [row["verdict"] for row in answer["items"]] == ["refused", "refused", "done", "done", "done"]
        assert answer["items"][0]["problem"] == "urn:danvan:problem:stale"
        assert [(each["pointer"], each["code"]) for each in answer["items"][1]["errors"]] == [("/version", "missing")]
    signed = [contract({"id": each}, application=one) for each, one in zip(who, ids, strict=True)]
    answer = await made(await loans.post("/v1/loans/batch", json={"items": signed}), 200)
    assert answer["done"] == 3
    states = (await loans.get("/v1/applications", params={"state": "approved"})).json()["items"]
    assert {each["loan"] for each in states} == {row["id"] for row in answer["items"]}
