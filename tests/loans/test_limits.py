"""What may not be got round: another commune's past, the cap in tranches, a statement that moved; and days far out."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.builders import BA_CHE, MONG_DUONG, made
from tests.issuer import Issuer
from tests.loans.lending import TERMS, act, approved, borrower, contract, entry, loan, pointers, request, step
from tests.loans.reconciling import collected, key, lent, line, send

M = 1_000_000


async def test_interest_posted_meanwhile_is_not_posted_again(loans: httpx.AsyncClient) -> None:
    """The bank's line explained a receipt of interest; it is posted by hand; the line's confirmation is refused."""
    one = await lent(loans)
    await collected(loans, one, principal=0, interest=7)
    statement = await made(await send(loans, [line(one, 100, interest=7)]))
    await made(await act(loans, one["id"], "repayments", principal=0, interest=7, occurred_on="2023-06-20"))
    done = await made(await loans.post(f"/v1/statements/{statement['id']}/confirmations", headers=key()), 200)
    assert (done["confirmed"], done["refused"]) == (0, 1)
    ledger = (await loans.get(f"/v1/loans/{one['id']}/ledger")).json()["items"]
    assert [each["amount"] for each in ledger if each["kind"] == "interest"] == [7]


async def test_an_application_goes_with_its_household(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """After the move the new commune reads it and takes its steps; the old one does not know it."""
    who = await borrower(loans)
    asked = await made(await loans.post("/v1/applications", json=request(who)))
    body, tag = {"unit": BA_CHE, "effective_on": "2022-01-04"}, {"if-match": f'"{who["version"]}"'}
    await made(await loans.patch(f"/v1/borrowers/{who['id']}", json=body, headers=tag), 200)
    here, there = issuer.headers(BA_CHE), issuer.headers(MONG_DUONG)
    path = f"/v1/applications/{asked['id']}"
    assert ((await loans.get(path, headers=here)).status_code, (await loans.get(path, headers=there)).status_code) == (
        *(200, 404),
    )
    listed = (await loans.get("/v1/applications", headers=here)).json()["items"]
    assert [each["id"] for each in listed] == [asked["id"]]
    assert (await loans.get("/v1/applications", headers=there)).json()["items"] == []
    taken = await loans.post(
        f"{path}/appraisal",
        json={"on": "2022-01-04", "present": 20, "in_favour": 18, "against": 1},
        headers={**here, "if-match": f'"{asked["version"]}"'},
    )
    assert taken.status_code == 200, taken.text


async def test_no_past_is_put_into_another_commune(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """A place of days before must lie inside the caller's reach too, wherever the household lives since."""
    who = await borrower(loans)
    path = f"/v1/borrowers/{who['id']}"
    later = {"poverty_status": "poor", "effective_on": "2024-01-01"}
    who = await made(await loans.patch(path, json=later, headers={"if-match": f'"{who["version"]}"'}), 200)
    body = {"unit": BA_CHE, "effective_on": "2022-01-01"}
    tag = {"if-match": f'"{who["version"]}"'}
    assert (await loans.patch(path, json=body, headers={**issuer.headers(MONG_DUONG), **tag})).status_code == 404
    assert (await loans.get(path)).json()["version"] == who["version"]


async def test_the_cap_counts_what_may_still_be_paid_out(loans: httpx.AsyncClient) -> None:
    """One tranche of what was approved leaves the rest of it owed in the sense of the cap, until it is repaid."""
    who = await borrower(loans)
    asked = await approved(loans, who)
    first = await made(await loans.post("/v1/loans", json=contract(who, application=asked["id"])))
    await made(await entry(loans, first["id"], "disbursements", 10 * M, "2022-02-01"))

    async def cap() -> str:
        body = {
            "borrower": who["id"],
            "programme": TERMS["code"],
            "amount": 130 * M,
            "term_months": 12,
            "on": "2022-04-01",
        }
        rules = (await made(await loans.post("/v1/applications/eligibility", json=body), 200))["items"]
        return str(next(each["verdict"] for each in rules if each["rule"] == "cap"))

    assert await cap() == "failed"
    await made(await entry(loans, first["id"], "repayments", 10 * M, "2022-03-01"))
    assert await cap() == "passed"


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("/v1/loans/{loan}/schedule", {"as_of": "2199-12-31"}, 200),
        ("/v1/groups", {"warning": "too_few_members", "as_of": "1900-01-01"}, 200),
        ("/v1/portfolio/migration", {"month": "0000-01"}, 422),
    ],
)
async def test_a_day_far_out_is_answered(
    loans: httpx.AsyncClient, path: str, params: dict[str, Any], status: int
) -> None:
    """The end of the calendar and days before any decision: an answer or a refusal, never a fault of ours."""
    opened = await loan(loans)
    answer = await loans.get(path.format(loan=opened["id"]), params=params)
    assert answer.status_code == status, answer.text


async def test_a_row_far_out_is_refused_by_name(loans: httpx.AsyncClient) -> None:
    """Rows of a batch take the days that the door for one takes."""
    row = contract(await borrower(loans), contract_on="9999-12-31", due_on="0001-01-01")
    found = await made(await loans.post("/v1/loans/batch", json={"items": [row]}), 200)
    assert {(each["pointer"], each["code"]) for each in found["items"][0]["errors"]} == {
        ("/contract_on", "less_than_equal"),
        ("/due_on", "greater_than_equal"),
    }
    row = contract(await borrower(loans), contract_on="2199-12-31", due_on="2199-12-31")
    assert ("/contract_on", "future") in pointers(await loans.post("/v1/loans", json=row))


async def test_a_household_may_have_lived_there_from_the_first_day(loans: httpx.AsyncClient) -> None:
    """The first day that doors take is put right like any other; where it lived before begins a day earlier."""
    who = await borrower(loans)
    body, tag = {"poverty_status": "poor", "effective_on": "1900-01-01"}, {"if-match": f'"{who["version"]}"'}
    kept = await made(await loans.patch(f"/v1/borrowers/{who['id']}", json=body, headers=tag), 200)
    assert [place["since"] for place in kept["places"]] == ["1899-12-31", "1900-01-01"]


async def test_a_nul_is_refused(loans: httpx.AsyncClient) -> None:
    """Before it reaches the database, in a field or deep in a batch."""
    who = await borrower(loans)
    body = request(who, purpose="a\0b")
    assert pointers(await loans.post("/v1/applications", json=body)) == {("", "nul")}
    assert pointers(await loans.post("/v1/applications/batch", json={"items": [body]})) == {("", "nul")}


async def test_a_correction_ends_with_its_statement(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """Once the bank has sent another file of the month, what was proposed upon the first cannot be approved."""
    one = await lent(loans)
    statement = await made(await send(loans, [line(one, 70)]))
    paid = {"kind": "principal", "amount": 30, "occurred_on": "2023-06-15"}
    body = {"statement": statement["id"], "loan": one["id"], "lines": [paid]}
    proposed = await made(await loans.post("/v1/corrections", json=body))
    await made(await send(loans, [line(one, 100)]))
    path = f"/v1/corrections/{proposed['id']}/approval"
    again = await loans.post(path, headers=key(proposed["version"], issuer.headers(sub="second")))
    assert again.status_code == 412
    assert (await loans.get(f"/v1/loans/{one['id']}")).json()["outstanding"] == 100


async def test_an_end_before_its_day_is_no_line(loans: httpx.AsyncClient) -> None:
    """A freeze that ends before it begins is refused, naming the line."""
    freeze = {"kind": "freeze", "amount": 1, "occurred_on": "2023-06-01", "until": "2023-05-31"}
    body = {"statement": str(uuid4()), "loan": str(uuid4()), "lines": [freeze]}
    assert pointers(await loans.post("/v1/corrections", json=body)) == {("/lines/0", "until")}


async def test_a_step_of_another_commune_is_still_unknown(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """Reach by the household refuses who never had it."""
    asked = await made(await loans.post("/v1/applications", json=request(await borrower(loans))))
    headers = {**issuer.headers(BA_CHE), "if-match": '"1"'}
    answer = await loans.post(
        f"/v1/applications/{asked['id']}/confirmation", json={"on": "2022-01-06"}, headers=headers
    )
    assert answer.status_code == 404
    assert (await step(loans, asked, "confirmation", on="2022-01-06")).status_code == 409
