"""Loans: programmes, borrowers, contracts and the append-only ledger; and what each journals."""

import asyncio
import json
from datetime import date, timedelta
from uuid import uuid4

import asyncpg
import httpx
import pytest

from contracts.catalog import EVENTS
from services.chassis.clock import today
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.issuer import Issuer
from tests.loans.lending import TERMS, borrower, contract, entry, loan, pointers, rows


async def test_a_loan_from_contract_to_repaid(loans: httpx.AsyncClient, url: str) -> None:
    """Balances follow the ledger; each entry journals the loan and its borrower, as their contracts say."""
    opened = await loan(loans)
    await made(await entry(loans, opened["id"], "disbursements", 100_000_000, "2022-01-12"))
    await made(await entry(loans, opened["id"], "disbursements", 50_000_000, "2022-03-01"))
    paid = await made(await entry(loans, opened["id"], "repayments", 150_000_000, "2024-05-05"))
    assert (paid["outstanding"], paid["status"], paid["version"]) == (0, "repaid", 4)
    ledger = (await loans.get(f"/v1/loans/{opened['id']}/ledger")).json()["items"]
    assert [item["balance"] for item in ledger] == [100_000_000, 150_000_000, 0]
    journal = await rows(url, "select type, subject, version, data, occurred_on from journal order by position")
    for row in journal:
        EVENTS[row["type"]].model_validate_json(row["data"])
    assert [row["type"].split(".")[3:5] for row in journal][-2:] == [["loan", "repaid"], ["borrower", "updated"]]
    last = json.loads(journal[-1]["data"])
    assert [(spell["since"], spell["owing"]) for spell in last["timeline"][-2:]] == [
        ("2022-01-12", True),
        ("2024-05-05", False),
    ]
    assert [each["on"] for each in last["disbursements"]] == ["2022-01-12", "2022-03-01"]
    assert journal[-1]["occurred_on"] == date(2024, 5, 5)


async def test_overdue_begins_by_date_alone(loans: httpx.AsyncClient) -> None:
    """In term on the due day, overdue the day after; a borrower's sums say the same."""
    opened = await loan(loans)
    await entry(loans, opened["id"], "disbursements", 80_000_000, "2022-01-12")
    for day, overdue in (("2024-12-31", 0), ("2025-01-01", 80_000_000)):
        seen = (await loans.get(f"/v1/loans/{opened['id']}?as_of={day}")).json()
        who = (await loans.get(f"/v1/borrowers/{opened['borrower']}?as_of={day}")).json()
        assert (seen["overdue"], seen["in_term"]) == (who["overdue"], who["in_term"]) == (overdue, 80_000_000 - overdue)
    before = (await loans.get(f"/v1/loans/{opened['id']}?as_of=2022-01-11")).json()
    assert before["outstanding"] == 0


async def test_a_contract_keeps_to_the_terms_of_its_day(loans: httpx.AsyncClient) -> None:
    """Last year's loan keeps last year's rule: a programme not in force, a term too long, dates the wrong way."""
    who = await borrower(loans)
    tomorrow = (today() + timedelta(days=1)).isoformat()
    cases: list[tuple[dict[str, str], set[tuple[str, str]]]] = [
        ({"contract_on": "2019-12-31"}, {("/programme", "not_in_force")}),
        ({"programme": "unknown"}, {("/programme", "not_in_force")}),
        ({"due_on": "2027-01-11"}, {("/due_on", "term_too_long")}),
        ({"due_on": "2022-01-10"}, {("/due_on", "before_contract")}),
        ({"contract_on": tomorrow, "due_on": "2029-01-01"}, {("/contract_on", "future")}),
    ]
    for fields, expected in cases:
        assert pointers(await loans.post("/v1/loans", json=contract(who, **fields))) == expected
    await made(
        await loans.post("/v1/programmes", json={**TERMS, "valid_from": "2023-01-01", "longest_term_months": 12})
    )
    await made(await loans.post("/v1/loans", json=contract(who)))
    assert pointers(await loans.post("/v1/loans", json=contract(who, contract_on="2023-02-01"))) == {
        ("/due_on", "term_too_long")
    }


async def test_entries_that_cannot_be_are_refused(loans: httpx.AsyncClient) -> None:
    """Over the cap, before the contract, in the future, more than is owed then or later, not whole VND."""
    opened = await loan(loans)
    tomorrow = (today() + timedelta(days=1)).isoformat()
    for kind, amount, day, expected in (
        ("disbursements", 200_000_001, "2022-02-01", ("/amount", "over_contract")),
        ("disbursements", 1, "2022-01-09", ("/occurred_on", "outside")),
        ("disbursements", 1, tomorrow, ("/occurred_on", "outside")),
        ("repayments", 1, tomorrow, ("/occurred_on", "outside")),
        ("repayments", 0, "2022-02-01", ("/principal", "nothing")),
        ("repayments", -1, "2022-02-01", ("/principal", "greater_than_equal")),
        ("disbursements", 1.5, "2022-02-01", ("/amount", "int_type")),
        ("disbursements", "1", "2022-02-01", ("/amount", "int_type")),
    ):
        assert pointers(await entry(loans, opened["id"], kind, amount, day)) == {expected}
    await entry(loans, opened["id"], "disbursements", 100, "2022-02-01")
    assert pointers(await entry(loans, opened["id"], "repayments", 101, "2022-02-01")) == {
        ("/principal", "over_balance")
    }
    await entry(loans, opened["id"], "repayments", 80, "2022-06-01")
    assert pointers(await entry(loans, opened["id"], "repayments", 30, "2022-03-01")) == {
        ("/principal", "over_balance")
    }
    assert (await entry(loans, opened["id"], "repayments", 20, "2022-03-01")).status_code == 201


async def test_money_needs_a_key_and_a_key_is_one_entry(loans: httpx.AsyncClient, url: str) -> None:
    """428 without; thirty at once with one key are one entry; If-Match is obeyed when it is sent."""
    opened = await loan(loans)
    path, body = f"/v1/loans/{opened['id']}/disbursements", {"amount": 5_000_000, "occurred_on": "2022-02-01"}
    assert pointers(await loans.post(path, json=body), 428) == {("header:idempotency-key", "missing")}
    posts = [loans.post(path, json=body, headers={"idempotency-key": "one"}) for _ in range(30)]
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert (await rows(url, "select count(*), sum(amount) from entry"))[0][:] == (1, 5_000_000)
    stale = await entry(loans, opened["id"], "disbursements", 1, "2022-02-01", **{"if-match": '"1"'})
    assert stale.status_code == 412


async def test_parallel_repayments_cannot_overdraw(loans: httpx.AsyncClient) -> None:
    """Ten at once of a tenth and a bit each: nine fit."""
    opened = await loan(loans)
    await entry(loans, opened["id"], "disbursements", 1_000, "2022-02-01")
    answers = await asyncio.gather(*(entry(loans, opened["id"], "repayments", 101, "2023-01-01") for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] * 9 + [422]


async def test_the_ledger_is_append_only(loans: httpx.AsyncClient, url: str) -> None:
    """The database refuses to change, delete or empty it."""
    opened = await loan(loans)
    await entry(loans, opened["id"], "disbursements", 1_000, "2022-02-01")
    for statement in ("update entry set amount = 1", "delete from entry", "truncate entry cascade"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await rows(url, statement)


async def test_what_is_taken_is_named(loans: httpx.AsyncClient) -> None:
    """Customer code, household, contract number and a programme's day are used once."""
    who = await borrower(loans)
    body = {"household": str(uuid4()), "unit": MONG_DUONG, "customer_code": who["customer_code"]}
    assert pointers(await loans.post("/v1/borrowers", json=body), 409) == {("/customer_code", "taken")}
    body = {"household": who["household"], "unit": MONG_DUONG, "customer_code": "new"}
    assert pointers(await loans.post("/v1/borrowers", json=body), 409) == {("/household", "taken")}
    first = contract(who)
    await made(await loans.post("/v1/loans", json=first))
    assert pointers(await loans.post("/v1/loans", json=first), 409) == {("/contract_number", "taken")}
    assert pointers(await loans.post("/v1/programmes", json=TERMS), 409) == {("/valid_from", "taken")}


async def test_another_communes_loans_do_not_exist(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """Reading, listing, lending and posting outside one's subtree; a commune publishes no programme."""
    opened = await loan(loans)
    other = issuer.headers(BA_CHE)
    for path in (
        f"/v1/loans/{opened['id']}",
        f"/v1/loans/{opened['id']}/ledger",
        f"/v1/borrowers/{opened['borrower']}",
    ):
        assert (await loans.get(path, headers=other)).status_code == 404
    assert (await loans.get("/v1/loans", headers=other)).json()["items"] == []
    assert (await entry(loans, opened["id"], "disbursements", 1, "2022-02-01", **other)).status_code == 404
    again = contract({"id": opened["borrower"]})
    assert (await loans.post("/v1/loans", json=again, headers=other)).status_code == 404
    assert (await loans.post("/v1/programmes", json=TERMS, headers=other)).status_code == 404
    plain = issuer.headers(scope="loans:read")
    assert (await loans.get(f"/v1/borrowers/{opened['borrower']}", headers=plain)).json()["representative"] is None
    assert (await loans.post("/v1/loans", json=again, headers=plain)).status_code == 403
