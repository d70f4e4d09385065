"""Use-of-funds checks: there with each disbursement, done, put right, followed up; and what a loan says of them."""

import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from contracts.catalog import EVENTS
from services.chassis.clock import today
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.chassis.test_http import problem
from tests.issuer import Issuer
from tests.loans.lending import borrower, contract, entry, pointers, rows

OUT = "2022-02-01"
DONE = {"done_on": "2022-02-20", "result": "proper", "bought": "Hai con bò giống", "evidence": "Đã xem chuồng bò"}


async def loan(loans: httpx.AsyncClient, unit: str = MONG_DUONG, **fields: Any) -> dict[str, Any]:
    """A loan of a new household, of 2022."""
    who = await borrower(loans, unit=unit, branch=fields.pop("branch", None), customer_since="2020-01-01")
    return await made(await loans.post("/v1/loans", json=contract(who, **fields)))


async def disburse(loans: httpx.AsyncClient, opened: dict[str, Any], day: str = OUT) -> str:
    """A tranche; its entry."""
    posted = await made(await entry(loans, opened["id"], "disbursements", 100, day))
    return str(posted["entries"][0])


async def listed(loans: httpx.AsyncClient, **params: Any) -> list[str]:
    """The checks of a list."""
    return [each["id"] for each in (await loans.get("/v1/checks", params=params)).json()["items"]]


async def do(loans: httpx.AsyncClient, check: str, what: str, body: dict[str, Any], version: int = 1) -> httpx.Response:
    """Something is recorded of a check at a version."""
    return await loans.post(f"/v1/checks/{check}/{what}", json=body, headers={"if-match": f'"{version}"'})


async def told(url: str, loan_id: str) -> list[dict[str, Any]]:
    """What the loan's last event says of its checks."""
    query = "select type, data from journal where subject = $1 order by version desc limit 1"
    (event,) = await rows(url, query, UUID(loan_id))
    EVENTS[event["type"]].model_validate(json.loads(event["data"]))
    checks: list[dict[str, Any]] = json.loads(event["data"])["checks"]
    return checks


async def test_a_check_is_there_with_its_disbursement(loans: httpx.AsyncClient, url: str) -> None:
    """One for each tranche, even of one day, thirty days later; gone with a reversal, done or not."""
    opened = await loan(loans)
    first, twin = await disburse(loans, opened), await disburse(loans, opened)
    late = await disburse(loans, opened, "2022-06-01")
    found = {each["id"]: each for each in (await loans.get("/v1/checks")).json()["items"]}
    assert {check: each["due_on"] for check, each in found.items()} == {
        **dict.fromkeys((first, twin), "2022-03-03"),
        late: "2022-07-01",
    }
    assert {each["state"] for each in found.values()} == {"overdue"}
    assert [each["due_on"] for each in await told(url, opened["id"])] == ["2022-03-03", "2022-03-03", "2022-07-01"]
    await made(await do(loans, first, "result", DONE), 200)
    for gone in (first, late):
        key = {"idempotency-key": uuid4().hex}
        await made(await loans.post(f"/v1/entries/{gone}/reversal", json={}, headers=key))
        assert (await loans.get(f"/v1/checks/{gone}")).status_code == 404
        assert (await do(loans, gone, "result", DONE)).status_code == 404
    assert await listed(loans, loan=opened["id"]) == [twin]
    assert [each["done_on"] for each in await told(url, opened["id"])] == [None]


async def test_what_a_check_found_is_kept_and_no_words_travel(loans: httpx.AsyncClient, url: str) -> None:
    """Once, at the version it was read at, between the money and today; the loan tells day and result only."""
    opened = await loan(loans)
    check = await disburse(loans, opened)
    for wrong, expected in (
        ({"done_on": "2022-01-31"}, {("/done_on", "outside")}),
        ({"done_on": str(today() + timedelta(days=1))}, {("/done_on", "outside")}),
        ({"follow_up_due_on": "2022-04-01"}, {("/follow_up_due_on", "no_misuse")}),
        ({"result": "stolen"}, {("/result", "literal_error")}),
    ):
        assert pointers(await do(loans, check, "result", {**DONE, **wrong})) == expected
    assert (await do(loans, check, "result", DONE, 2)).status_code == 412
    answer = await do(loans, check, "result", DONE)
    done = await made(answer, 200)
    assert (done["state"], done["result"], done["bought"], answer.headers["etag"]) == (
        *("done", "proper", DONE["bought"]),
        '"2"',
    )
    assert answer.headers["journal-position"] == f"loans:{opened['id']}@3"
    problem(await do(loans, check, "result", DONE, 2), 409, "check-done")
    (event,) = await rows(url, "select type, data, occurred_on from journal order by recorded_at desc limit 1")
    assert (event["type"], event["occurred_on"]) == ("vn.danvan.loans.loan.checked.v1", date(2022, 2, 20))
    assert DONE["bought"] not in event["data"]
    assert await told(url, opened["id"]) == [
        {
            "due_on": "2022-03-03",
            "done_on": "2022-02-20",
            "result": "proper",
            "follow_up_due_on": None,
            "settled_on": None,
            "outcome": None,
        }
    ]


async def test_misuse_is_followed_up(loans: httpx.AsyncClient, url: str) -> None:
    """Due a month later if nothing else is said; its outcome is recorded once; nothing else is followed up."""
    opened = await loan(loans)
    check, fine = await disburse(loans, opened), await disburse(loans, opened, "2022-02-02")
    await made(await do(loans, fine, "result", DONE), 200)
    settled = {"settled_on": "2022-04-01", "outcome": "put_right", "finding": "Đã mua lại bò"}
    problem(await do(loans, fine, "follow-up", settled, 2), 409, "no-follow-up")
    early = {**DONE, "result": "misused", "follow_up_due_on": "2022-02-20"}
    assert pointers(await do(loans, check, "result", early)) == {("/follow_up_due_on", "before_check")}
    found = await made(await do(loans, check, "result", {**DONE, "result": "misused"}), 200)
    assert (found["state"], found["next_on"], found["follow_up_due_on"]) == ("follow_up", "2022-03-22", "2022-03-22")
    assert await listed(loans, state="follow_up") == [check]
    before = {**settled, "settled_on": "2022-02-19"}
    assert pointers(await do(loans, check, "follow-up", before, 2)) == {("/settled_on", "outside")}
    ended = await made(await do(loans, check, "follow-up", settled, 2), 200)
    assert (ended["state"], ended["outcome"], ended["version"]) == ("done", "put_right", 3)
    problem(await do(loans, check, "follow-up", settled, 3), 409, "no-follow-up")
    change = await loans.patch(f"/v1/checks/{check}", json={"result": "proper"}, headers={"if-match": '"3"'})
    problem(change, 409, "follow-up-done")
    assert (await told(url, opened["id"]))[0]["settled_on"] == "2022-04-01"


async def test_a_check_is_put_right(loans: httpx.AsyncClient, url: str) -> None:
    """Its day and result, with the follow-up that it then has or no longer has; not before it is done."""
    opened = await loan(loans)
    check = await disburse(loans, opened)

    async def patch(version: int, **fields: Any) -> httpx.Response:
        return await loans.patch(f"/v1/checks/{check}", json=fields, headers={"if-match": f'"{version}"'})

    problem(await patch(1, result="partly"), 409, "check-not-done")
    await made(await do(loans, check, "result", {**DONE, "result": "misused"}), 200)
    right = await made(await patch(2, result="partly", done_on="2022-02-25"), 200)
    assert (right["state"], right["follow_up_due_on"], right["bought"]) == ("done", None, DONE["bought"])
    again = await made(await patch(3, result="misused"), 200)
    assert (again["state"], again["follow_up_due_on"]) == ("follow_up", "2022-03-27")
    assert [each["result"] for each in await told(url, opened["id"])] == ["misused"]
    assert (await patch(3, result="proper")).status_code == 412


async def test_the_work_list_is_by_place_and_by_day(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """What comes first stands first, what is done last; by commune, branch, state and day, in pages; within reach."""
    own = str(uuid4())
    mine, theirs = await loan(loans, branch=own), await loan(loans, unit=BA_CHE)
    ongoing = await loan(loans, branch=own, due_on=str(today() + timedelta(days=300)), contract_on=str(today()))
    days = ["2022-03-01", "2022-02-01", "2022-04-01"]
    checks = [await disburse(loans, mine, day) for day in days]
    elsewhere = await disburse(loans, theirs)
    soon = await disburse(loans, ongoing, str(today()))
    await made(await do(loans, checks[1], "result", DONE), 200)
    assert await listed(loans) == [elsewhere, checks[0], checks[2], soon, checks[1]]
    assert await listed(loans, state="due") == [soon]
    assert await listed(loans, state="overdue", unit=MONG_DUONG) == [checks[0], checks[2]]
    assert await listed(loans, branch=own, due_before="2022-04-01") == [checks[0]]
    assert await listed(loans, unit=BA_CHE) == [elsewhere]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        page = (await loans.get("/v1/checks", params={"limit": 2, **cursor})).json()
        seen += [each["id"] for each in page["items"]]
        cursor = {"cursor": page["next_cursor"]}
    assert seen == await listed(loans)
    officer = issuer.headers(MONG_DUONG, sub="officer", branch=own)
    found = (await loans.get("/v1/checks", headers=officer)).json()["items"]
    assert {each["id"] for each in found} == {*checks, soon}
    assert (await loans.get(f"/v1/checks/{elsewhere}", headers=officer)).status_code == 404
    other = {**issuer.headers(BA_CHE), "if-match": '"1"'}
    assert (await loans.post(f"/v1/checks/{checks[0]}/result", json=DONE, headers=other)).status_code == 404


async def test_checks_move_with_their_household(loans: httpx.AsyncClient, url: str) -> None:
    """The list, and the loan's event of the move, which still says what was found."""
    opened = await loan(loans)
    check, other = await disburse(loans, opened), await disburse(loans, opened, "2022-03-01")
    await made(await do(loans, check, "result", DONE), 200)
    answer = await loans.get(f"/v1/borrowers/{opened['borrower']}")
    body = {"unit": BA_CHE, "effective_on": "2023-01-01"}
    path, tag = f"/v1/borrowers/{opened['borrower']}", {"if-match": answer.headers["etag"]}
    await made(await loans.patch(path, json=body, headers=tag), 200)
    assert await listed(loans, unit=BA_CHE) == [other, check]
    assert [each["result"] for each in await told(url, opened["id"])] == ["proper", None]
