"""The bank's statement: read, matched as of its day, each difference classed, and explained to the last đồng."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.catalog import EVENTS
from services.loans.statements import commands
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.conftest import Api
from tests.issuer import Issuer
from tests.loans.lending import TERMS, entry, pointers, rows
from tests.loans.reconciling import (
    AS_OF,
    HEADINGS,
    collected,
    differences,
    key,
    lent,
    line,
    outstanding,
    reconciled,
    send,
)
from tests.members.files import as_csv, as_xlsx
from tests.workbooks import STYLES, part, workbook


async def test_every_difference_has_its_kind(loans: httpx.AsyncClient, url: str) -> None:
    """Amount, state, missing on either side, identity, movement, unreadable, pending, late; not what agrees."""
    await made(await loans.post("/v1/programmes", json={**TERMS, "code": "students", "name_vi": "Học sinh"}))
    names = (
        "same",
        "amount",
        "state",
        "absent",
        "programme",
        "customer",
        "moved",
        "broken",
        "pending",
        "late",
        "later",
    )
    held = {name: await lent(loans) for name in names}
    await lent(loans, 0)
    await collected(loans, held["pending"], principal=20)
    await collected(loans, held["pending"], principal=10, collected_on="2023-06-21")
    await collected(loans, held["pending"], principal=5, collected_on="2023-07-01")
    await made(await entry(loans, held["late"]["id"], "disbursements", 40, "2023-07-02"))
    await made(await entry(loans, held["later"]["id"], "disbursements", 40, "2023-07-06"))
    sent = [
        line(held["same"], 100),
        line(held["amount"], 90),
        line(held["state"], 60, 30, 10),
        line(held["programme"], 80, programme="students"),
        line(held["customer"], 100, customer_code="another"),
        line(held["moved"], 100, interest=7),
        line(held["broken"], "100 tr"),
        line(held["pending"], 70),
        line(held["late"], 140),
        line(held["later"], 140),
        line({"contract_number": "HD-1", "customer_code": "KH-1"}, 0, 55),
        ["Tổng cộng", "", "", "", 9, 9, 9],
    ]
    statement = await made(await send(loans, sent))
    assert (statement["lines"], statement["unreadable"], statement["revision"]) == (11, 1, 1)
    names_of = {loan["contract_number"]: name for name, loan in held.items()} | {"HD-1": "unknown"}
    found = [(names_of[each["contract_number"]], each["kind"]) for each in await differences(loans, statement)]
    assert sorted(found) == sorted(
        [
            *(("amount", "amount"), ("state", "state"), ("absent", "missing_there"), ("unknown", "missing_here")),
            *(("programme", "identity"), ("programme", "identity"), ("customer", "identity"), ("moved", "movement")),
            *(("broken", "unreadable"), ("pending", "pending"), ("late", "late"), ("later", "amount")),
        ]
    )
    answer = await reconciled(loans, statement)
    assert answer["outstanding_bank"] == 100 + 90 + 100 + 80 + 100 + 100 + 0 + 70 + 140 + 140 + 55
    assert answer["outstanding_ours"] == 100 * len(held)
    by_kind = {each["kind"]: outstanding(each["sum"]) for each in answer["total"]["explained"]}
    assert by_kind == {
        "amount": 30,
        "identity": -20,
        "late": 40,
        "missing_here": 55,
        "missing_there": -100,
        "movement": 0,
        "pending": -30,
        "state": 0,
        "unreadable": -100,
    }
    assert {cell["programme"] for cell in answer["items"]} == {"job_creation", "students"}
    assert not any(any(cell["remainder"].values()) for cell in [answer["total"], *answer["items"]])
    (event,) = await rows(url, "select * from journal where type like '%statement%'")
    state = EVENTS[event["type"]].model_validate_json(event["data"]).model_dump()
    assert {each["kind"]: each["outstanding"] for each in state["differences"]} == by_kind


async def test_each_bad_cell_is_named_with_its_column(loans: httpx.AsyncClient) -> None:
    """Empty, unknown, twice in the file, negative, half đồng: each with column and reason, in the reader's language."""
    one = await lent(loans)
    bad = [
        line(one, 100),
        line(one, 1),
        line({"contract_number": "", "customer_code": "KH 1"}, "-5", 1, "2,5"),
        line({"contract_number": "A", "customer_code": "B"}, "", "", "", programme="Không có"),
    ]
    statement = await made(await send(loans, bad))
    found = await differences(loans, statement, kind="unreadable")
    codes = [[(fault["pointer"], fault["code"]) for fault in each["faults"]] for each in found]
    assert [each["row"] for each in found] == [3, 4, 5]
    assert codes == [
        [("/contract_number", "repeated")],
        [("/contract_number", "missing"), ("/customer_code", "pattern"), ("/in_term", "amount"), ("/frozen", "amount")],
        [("/programme", "unknown"), ("/in_term", "missing")],
    ]
    assert "Cột B «Số hợp đồng»" in found[0]["faults"][0]["message"]
    assert "dòng 2" in found[0]["faults"][0]["message"]
    path = f"/v1/statements/{statement['id']}/differences"
    english = (await loans.get(path, headers={"accept-language": "en"})).json()["items"]
    assert "Column B «Số hợp đồng»" in english[0]["faults"][0]["message"]


async def test_a_file_that_cannot_be_read_changes_nothing(loans: httpx.AsyncClient, url: str) -> None:
    """No headings, a column missing, two of one meaning, no rows, a day to come, no mapping: 422 that says so."""
    cases: list[tuple[bytes, dict[str, Any], tuple[str, str]]] = [
        (b"a,b\n1,2\n", {}, ("", "no_headings")),
        (as_csv([list(HEADINGS[:6])]), {}, ("", "missing_columns")),
        (as_csv([[*HEADINGS, "Quá hạn"]]), {}, ("", "duplicate_headings")),
        (as_csv([list(HEADINGS)]), {}, ("", "empty")),
        (as_csv([list(HEADINGS)]), {"as_of": "2199-01-01"}, ("query:as_of", "future")),
        (as_csv([list(HEADINGS)]), {"mapping": '{"a": "b"}'}, ("query:mapping", "mapping")),
        (b"PK not a workbook", {}, ("", "malformed")),
        (workbook({STYLES: part("styleSheet", "<cellXfs>" + "<xf/>" * 70_000)}), {}, ("", "too_many_styles")),
    ]
    for content, params, expected in cases:
        assert pointers(await send(loans, [], content=content, **params)) == {expected}
    assert not await rows(url, "select from statement")


async def test_a_file_of_too_many_lines_is_refused_whole(
    loans: httpx.AsyncClient, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said before it is matched; nothing of it is kept."""
    monkeypatch.setattr(commands, "MOST_LINES", 1)
    one, two = await lent(loans), await lent(loans)
    assert pointers(await send(loans, [line(one, 1), line(two, 1)])) == {("", "too_many_rows")}
    assert not await rows(url, "select from statement_line")


async def test_a_file_may_be_larger_than_a_request(api: Api) -> None:
    """As an import may: a month of a province is some megabytes."""
    loans = await api("loans", max_request_bytes=2_000)
    await made(await loans.post("/v1/programmes", json=TERMS))
    lines = [line({"contract_number": f"HD-{n}", "customer_code": "KH"}, 1) for n in range(100)]
    assert (await made(await send(loans, lines)))["lines"] == 100


async def test_the_same_file_changes_nothing_a_corrected_one_replaces(loans: httpx.AsyncClient, url: str) -> None:
    """Sent twice, or by ten at once: one statement; corrected: a new revision, the old kept; months in any order."""
    one = await lent(loans)
    answers = await asyncio.gather(*(send(loans, [line(one, 90)]) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    first = answers[0].json()
    assert (await rows(url, "select count(*) from journal where type like '%statement%'"))[0][0] == 1
    second = await made(await send(loans, [line(one, 100)]))
    assert (second["revision"], await differences(loans, second)) == (2, [])
    old = (await loans.get(f"/v1/statements/{first['id']}")).json()
    assert old["superseded_by"] == second["id"]
    assert [each["kind"] for each in await differences(loans, old)] == ["amount"]
    refused = await loans.post(f"/v1/statements/{first['id']}/matching")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:danvan:problem:statement-superseded")
    earlier = await made(await send(loans, [line(one, 100)], as_of="2022-03-31"))
    listed = (await loans.get("/v1/statements")).json()["items"]
    assert [each["id"] for each in listed] == [second["id"], earlier["id"]]
    everything = (await loans.get("/v1/statements", params={"superseded": True, "month": AS_OF})).json()["items"]
    assert {each["id"] for each in everything} == {first["id"], second["id"]}


async def test_headings_are_remembered_per_caller(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """What a heading means is said once; another caller's file with it is still refused. XLSX is read as CSV is."""
    one = await lent(loans)
    headings = ["Mã", *HEADINGS[2:4], "Gốc", *HEADINGS[5:7]]
    content = as_xlsx(
        [["SAO KÊ"], headings, [one["contract_number"], one["customer_code"], "Việc làm", 100.0, None, 0]]
    )
    mapping = json.dumps({"Mã": "contract_number", "gốc": "in_term"})
    assert pointers(await send(loans, [], content=content)) == {("", "missing_columns")}
    statement = await made(await send(loans, [], content=content, mapping=mapping))
    assert [column["field"] for column in statement["columns"]][:4] == [
        *("contract_number", "customer_code", "programme", "in_term")
    ]
    assert await differences(loans, statement) == []
    assert (await send(loans, [], content=content)).status_code == 200
    other = issuer.headers(sub="other")
    assert pointers(await send(loans, [], content=content, headers=other)) == {("", "missing_columns")}


async def test_the_ledger_moves_and_the_match_is_made_again(loans: httpx.AsyncClient) -> None:
    """Late news of a past day is seen once the statement is matched again; what came after its day is not."""
    one = await lent(loans)
    statement = await made(await send(loans, [line(one, 70)]))
    await made(await entry(loans, one["id"], "repayments", 30, "2023-06-01"))
    await made(await entry(loans, one["id"], "repayments", 10, "2023-09-01"))
    assert len(await differences(loans, statement)) == 1
    again = await made(await loans.post(f"/v1/statements/{statement['id']}/matching"), 200)
    assert (again["version"], await differences(loans, again)) == (2, [])


async def test_a_commune_sees_what_lies_in_it(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """Of the province's statement; its own covers itself alone; a branch's officer and a reader may send none."""
    here, there = await lent(loans), await lent(loans, unit=BA_CHE)
    statement = await made(await send(loans, [line(here, 90), line(there, 80)]))
    commune = issuer.headers(BA_CHE, sub="commune")
    path = f"/v1/statements/{statement['id']}"
    seen = (await loans.get(f"{path}/differences", headers=commune)).json()["items"]
    assert [each["loan"] for each in seen] == [there["id"]]
    answer = (await loans.get(f"{path}/reconciliation", headers=commune)).json()
    assert [cell["unit"] for cell in answer["items"]] == [BA_CHE]
    assert (answer["outstanding_bank"], answer["outstanding_ours"]) == (80, 100)
    assert [each["loan"] for each in await differences(loans, statement, unit=MONG_DUONG)] == [here["id"]]
    own = await made(await send(loans, [line(there, 100), line(here, 1)], headers=commune))
    found = (await loans.get(f"/v1/statements/{own['id']}/differences", headers=commune)).json()["items"]
    assert [(each["kind"], each["unit"]) for each in found] == [("missing_here", BA_CHE)]
    other = issuer.headers(MONG_DUONG)
    assert (await loans.get(f"/v1/statements/{own['id']}", headers=other)).status_code == 404
    assert (await loans.post(f"{path}/matching", headers=commune)).status_code == 404
    branch = issuer.headers(BA_CHE, branch=str(uuid4()))
    assert (await send(loans, [line(there, 1)], headers=branch)).status_code == 404
    assert (await loans.get(path, headers=branch)).status_code == 404
    assert (await send(loans, [], headers=issuer.headers(scope="loans:read"))).status_code == 403


async def test_a_match_that_leaves_a_remainder_is_not_kept(loans: httpx.AsyncClient, url: str) -> None:
    """Were the ledger's total spoilt on its way into the table, the request fails and the statement is not there."""
    one = await lent(loans)
    await rows(
        url,
        """
        create function spoil() returns trigger language plpgsql as $$
        begin new.our_in_term = new.our_in_term + 1; return new; end $$
        """,
    )
    await rows(url, "create trigger spoil before insert on statement_total for each row execute function spoil()")
    assert (await send(loans, [line(one, 100)])).status_code == 500
    assert not await rows(url, "select from statement")


async def test_the_bank_confirms_what_was_collected(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """Receipts that a line explains are posted on their days and the difference is gone; one that moved is refused."""
    one, two = await lent(loans), await lent(loans)
    first = await collected(loans, one, principal=30)
    later = await collected(loans, one, principal=10, collected_on="2023-06-25")
    moved = await collected(loans, two, principal=20)
    statement = await made(await send(loans, [line(one, 70), line(two, 80)]))
    await made(await entry(loans, two["id"], "repayments", 5, "2023-06-02"))
    path = f"/v1/statements/{statement['id']}/confirmations"
    assert pointers(await loans.post(path), 428) == {("header:idempotency-key", "missing")}
    done = await made(await loans.post(path, headers=key()), 200)
    assert (done["confirmed"], done["refused"], done["version"]) == (1, 1, 2)
    states = [(await loans.get(f"/v1/receipts/{each['id']}")).json()["state"] for each in (first, later, moved)]
    assert states == ["confirmed", "pending", "pending"]
    seen = (await loans.get(f"/v1/loans/{one['id']}", params={"as_of": "2023-06-20"})).json()
    assert seen["outstanding"] == 70
    assert [each["loan"] for each in await differences(loans, statement)] == [two["id"]]
    assert (await loans.post(path, headers=key(headers=issuer.headers(BA_CHE)))).status_code == 404
