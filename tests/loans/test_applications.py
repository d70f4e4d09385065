"""The chain of an application: who may apply, each step with its day, what is legal next, and what it journals."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from contracts.catalog import EVENTS
from services.chassis.clock import today
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.chassis.test_http import problem
from tests.issuer import Issuer
from tests.loans.lending import TERMS, approved, borrower, contract, entry, pointers, request, rows, step

M = 1_000_000
CONDITION = {"code": "resident", "vi": "Cư trú hợp pháp", "en": "Resides legally"}
PAPER = {"code": "form_01td", "vi": "Mẫu 01/TD", "en": "Form 01/TD"}
POOR = {
    **TERMS,
    "code": "poor_household",
    "eligible": ["poor"],
    "cap": 100 * M,
    "conditions": [CONDITION],
    "papers": [PAPER, {**PAPER, "code": "photo", "required": False}],
    "procedure": [
        {"step": name, "vi": f"Bước {name}", "en": f"Step {name}"}
        for name in ("application", "appraisal", "confirmation", "decision", "disbursement")
    ],
    "unconfirmed": ["/cap"],
}


async def test_from_the_request_to_the_money(loans: httpx.AsyncClient, url: str) -> None:
    """Every step is journalled as its contract says; the contract cannot be for more, sooner, or twice."""
    who = await borrower(loans)
    asked = await approved(loans, who)
    assert (asked["state"], asked["agreed"], asked["legal"]) == ("approved", 80 * M, ["loan", "withdrawal"])
    assert [(each["step"], each["on"], each["by"]) for each in asked["steps"]] == [
        ("applied", "2022-01-03", None),
        ("appraised", "2022-01-04", "group"),
        ("confirmed", "2022-01-06", "committee"),
        ("approved", "2022-01-10", "bank"),
    ]
    signed = contract(who, application=asked["id"])
    for fields, expected in (
        ({"amount": 80 * M + 1}, ("/amount", "over_approved")),
        ({"contract_on": "2022-01-09"}, ("/contract_on", "before_approval")),
        ({"application": str(uuid4())}, ("/application", "unknown")),
    ):
        assert pointers(await loans.post("/v1/loans", json={**signed, **fields})) == {expected}
    loan = await made(await loans.post("/v1/loans", json=signed))
    assert (loan["amount"], loan["application"]) == (80 * M, asked["id"])
    again = {**signed, "contract_number": uuid4().hex}
    assert pointers(await loans.post("/v1/loans", json=again), 409) == {("/application", "taken")}
    over = await entry(loans, loan["id"], "disbursements", 80 * M + 1, "2022-01-12")
    assert pointers(over) == {("/amount", "over_contract")}
    await made(await entry(loans, loan["id"], "disbursements", 80 * M, "2022-01-12"))
    assert (await loans.get(f"/v1/applications/{asked['id']}")).json()["loan"] == loan["id"]
    journal = await rows(url, "select type, data from journal where subject = $1 order by version", UUID(asked["id"]))
    for row in journal:
        EVENTS[row["type"]].model_validate_json(row["data"])
    assert [row["type"].split(".")[4] for row in journal] == ["submitted", "appraised", "confirmed", "decided"]
    last = json.loads(journal[-1]["data"])
    assert (last["decision"], last["decision_due_on"]) == ("approved", "2022-01-13")


async def test_the_bank_has_five_working_days(loans: httpx.AsyncClient) -> None:
    """Confirmed on a Friday before Tết 2026, it is due after the days off; until it decides it is late."""
    who = await borrower(loans)
    asked = await made(await loans.post("/v1/applications", json=request(who, applied_on="2026-02-02")))
    votes = {"present": 10, "in_favour": 9}
    asked = await made(await step(loans, asked, "appraisal", on="2026-02-10", **votes), 200)
    asked = await made(await step(loans, asked, "confirmation", on="2026-02-13"), 200)
    assert (asked["decision_due_on"], asked["late"]) == ("2026-02-27", True)
    asked = await made(await step(loans, asked, "decision", on="2026-03-02", approved=False, reason="Thiếu"), 200)
    assert (asked["state"], asked["late"], asked["legal"]) == ("rejected", False, [])


async def test_illegal_steps_name_the_legal_ones(loans: httpx.AsyncClient) -> None:
    """No decision before the meeting, nothing after a rejection; in both languages, and nothing changes."""
    asked = await made(await loans.post("/v1/applications", json=request(await borrower(loans))))
    loans.headers["accept-language"] = "en"
    for name, body in (("confirmation", {}), ("decision", {"approved": True})):
        refused = await step(loans, asked, name, on="2022-01-05", **body)
        problem(refused, 409, "application-step-illegal")
        assert refused.json()["legal"] == ["appraisal", "withdrawal"]
        assert "legal: appraisal by the group's meeting, withdrawal" in refused.json()["detail"]
    loans.headers["accept-language"] = "vi"
    assert (
        "có thể: tổ họp bình xét, rút hồ sơ"
        in ((await step(loans, asked, "confirmation", on="2022-01-05")).json()["detail"])
    )
    unsigned = contract({"id": asked["borrower"]}, application=asked["id"])
    problem(await loans.post("/v1/loans", json=unsigned), 409, "application-step-illegal")
    lost = await made(await step(loans, asked, "appraisal", on="2022-01-05", present=9, in_favour=4, against=4), 200)
    assert (lost["state"], lost["steps"][-1]["by"], lost["legal"]) == ("rejected", "group", [])
    problem(await step(loans, lost, "withdrawal", on="2022-01-06"), 409, "application-step-illegal")


async def test_a_step_that_cannot_be_says_why(loans: httpx.AsyncClient) -> None:
    """Before the last step, in the future, more votes than people, more than was asked; stale; without a version."""
    asked = await made(await loans.post("/v1/applications", json=request(await borrower(loans))))
    tomorrow = str(today() + timedelta(days=1))
    votes = {"present": 10, "in_favour": 9}
    cases: list[tuple[dict[str, Any], tuple[str, str]]] = [
        ({"on": "2022-01-02"}, ("/on", "before_last_step")),
        ({"on": tomorrow}, ("/on", "future")),
        ({"on": "2022-01-05", "against": 2}, ("/in_favour", "too_many")),
        ({"on": "2022-01-05", "amount": 80 * M + 1}, ("/amount", "too_much")),
        ({"on": "2022-01-05", "papers": ["selfie"]}, ("/papers", "unknown")),
    ]
    for fields, expected in cases:
        assert pointers(await step(loans, asked, "appraisal", **{**votes, **fields})) == {expected}
    stale = await step(loans, {**asked, "version": 9}, "appraisal", on="2022-01-05", **votes)
    assert stale.status_code == 412
    path = f"/v1/applications/{asked['id']}/appraisal"
    assert (await loans.post(path, json={"on": "2022-01-05", **votes})).status_code == 428
    less = await made(await step(loans, asked, "appraisal", on="2022-01-05", amount=50 * M, **votes), 200)
    less = await made(await step(loans, less, "confirmation", on="2022-01-06"), 200)
    body = {"approved": True, "amount": 50 * M + 1}
    assert pointers(await step(loans, less, "decision", on="2022-01-07", **body)) == {("/amount", "too_much")}
    refused = {"confirmed": False}
    other = await made(await loans.post("/v1/applications", json=request(await borrower(loans))))
    other = await made(await step(loans, other, "appraisal", on="2022-01-05", **votes), 200)
    other = await made(await step(loans, other, "confirmation", on="2022-01-06", **refused), 200)
    assert (other["state"], other["steps"][-1]["by"], other["decision_due_on"]) == ("rejected", "committee", None)


async def test_withdrawn_before_money_is_paid_out_and_not_after(loans: httpx.AsyncClient) -> None:
    """At once, or with its contract while nothing is disbursed; a reversed disbursement is none."""
    who = await borrower(loans)
    first = await made(await loans.post("/v1/applications", json=request(who)))
    gone = await made(await step(loans, first, "withdrawal", on="2022-01-03", reason="Đổi ý"), 200)
    assert (gone["state"], gone["legal"]) == ("withdrawn", [])
    asked = await approved(loans, who)
    loan = await made(await loans.post("/v1/loans", json=contract(who, application=asked["id"])))
    out = (await made(await entry(loans, loan["id"], "disbursements", M, "2022-01-12")))["entries"][0]
    problem(await step(loans, asked, "withdrawal", on="2022-02-01"), 409, "loan-step-illegal")
    await made(await loans.post(f"/v1/entries/{out}/reversal", json={}, headers={"idempotency-key": "back"}))
    await made(await step(loans, asked, "withdrawal", on="2022-02-01"), 200)
    for day, status in (("2022-01-31", "signed"), ("2022-02-01", "withdrawn")):
        assert (await loans.get(f"/v1/loans/{loan['id']}?as_of={day}")).json()["status"] == status
    late = await entry(loans, loan["id"], "disbursements", M, "2022-01-12")
    problem(late, 409, "loan-step-illegal")
    assert late.json()["legal"] == []


@pytest.fixture
async def poor(loans: httpx.AsyncClient) -> dict[str, Any]:
    """A poor household, and a programme for such."""
    await made(await loans.post("/v1/programmes", json=POOR))
    return await borrower(loans, poverty_status="poor", customer_since="2021-01-01")


async def test_eligibility_says_which_rule_fails_and_why(loans: httpx.AsyncClient, poor: dict[str, Any]) -> None:
    """Status of that day, cap with what is owed, term, overdue debt, another application; open until attested."""

    async def asked(**fields: Any) -> dict[str, tuple[str, str]]:
        body = {"borrower": poor["id"], "programme": "poor_household", "amount": 80 * M, "term_months": 36, **fields}
        answer = await loans.post("/v1/applications/eligibility", json=body, headers={"accept-language": "en"})
        found = (await made(answer, 200))["items"]
        assert answer.json()["eligible"] == all(each["verdict"] != "failed" for each in found)
        return {each["rule"]: (each["verdict"], each["reason"]) for each in found}

    rules = await asked()
    assert {name for name, (verdict, _) in rules.items() if verdict == "passed"} == {
        *("programme_in_force", "poverty_status", "cap", "term", "no_overdue", "no_other_application")
    }
    assert rules["resident"] == ("open", "Resides legally")
    assert (await asked(conditions=["resident"]))["resident"][0] == "passed"
    assert (await asked(on="2019-01-01"))["programme_in_force"][0] == "failed"
    assert (await asked(amount=100 * M + 1))["cap"] == (
        "failed",
        f"0 owed and {100 * M + 1} more, of at most {100 * M} VND",
    )
    assert (await asked(term_months=61))["term"][0] == "failed"
    await made(
        await loans.patch(
            f"/v1/borrowers/{poor['id']}",
            json={"poverty_status": "near_poor", "effective_on": "2024-01-01"},
            headers={"if-match": '"1"'},
        ),
        200,
    )
    assert (await asked())["poverty_status"] == ("failed", "For poor; this household: near-poor")
    assert (await asked(on="2023-12-31"))["poverty_status"][0] == "passed"
    loan = await made(await loans.post("/v1/loans", json=contract(poor, programme="poor_household")))
    await made(await entry(loans, loan["id"], "disbursements", 30 * M, "2022-02-01"))
    assert (await asked(on="2022-03-01"))["cap"][0] == "failed"
    assert (await asked(on="2022-03-01", amount=70 * M))["cap"][0] == "passed"
    assert (await asked(on="2025-01-01"))["no_overdue"] == ("failed", f"Overdue debt: {30 * M} VND")
    body = request(poor, programme="poor_household", amount=10 * M)
    await made(await loans.post("/v1/applications", json=body))
    assert (await asked())["no_other_application"][0] == "failed"


async def test_an_application_that_fails_a_rule_is_refused(loans: httpx.AsyncClient, poor: dict[str, Any]) -> None:
    """Naming each rule at its field; what people attest is needed at the meeting, required papers at the committee."""
    body = request(poor, programme="poor_household", amount=101 * M, term_months=61)
    assert pointers(await loans.post("/v1/applications", json=body)) == {("/amount", "cap"), ("/term_months", "term")}
    other = request(await borrower(loans), programme="poor_household")
    assert pointers(await loans.post("/v1/applications", json=other)) == {("/borrower", "poverty_status")}
    tomorrow = str(today() + timedelta(days=1))
    assert pointers(await loans.post("/v1/applications", json={**body, "applied_on": tomorrow})) == {
        ("/applied_on", "future")
    }
    unknown = {**body, "amount": M, "term_months": 12, "conditions": ["rich"], "papers": ["selfie"]}
    assert pointers(await loans.post("/v1/applications", json=unknown)) == {
        ("/conditions", "unknown"),
        ("/papers", "unknown"),
    }
    asked = await made(await loans.post("/v1/applications", json={**body, "amount": M, "term_months": 12}))
    assert pointers(await loans.post("/v1/applications", json={**body, "amount": M, "term_months": 12})) == {
        ("/programme", "no_other_application")
    }
    votes = {"on": "2022-01-05", "present": 10, "in_favour": 9}
    assert pointers(await step(loans, asked, "appraisal", **votes)) == {("/conditions", "resident")}
    asked = await made(await step(loans, asked, "appraisal", conditions=["resident"], **votes), 200)
    assert pointers(await step(loans, asked, "confirmation", on="2022-01-06")) == {("/papers", "form_01td")}
    guide = (await loans.get(f"/v1/applications/{asked['id']}/guidance")).json()
    assert [(each["code"], each["required"], each["handed_in"]) for each in guide["papers"]] == [
        ("form_01td", True, False),
        ("photo", False, False),
    ]
    assert [(each["step"], each["progress"]) for each in guide["procedure"]] == [
        *(("application", "done"), ("appraisal", "done"), ("confirmation", "next")),
        *(("decision", "later"), ("disbursement", "later")),
    ]
    assert guide["unconfirmed"] == ["/cap"]
    asked = await made(await step(loans, asked, "confirmation", on="2022-01-06", papers=["form_01td"]), 200)
    guide = (await loans.get(f"/v1/applications/{asked['id']}/guidance")).json()
    assert guide["papers"][0]["handed_in"]
    assert [each["step"] for each in guide["procedure"] if each["progress"] == "next"] == ["decision"]


async def test_another_communes_applications_do_not_exist(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """Reading, listing, asking, applying, taking steps; an officer of a branch has those of the branch."""
    branch = str(uuid4())
    mine = await borrower(loans, branch=branch)
    asked = await made(await loans.post("/v1/applications", json=request(mine)))
    elsewhere = await made(await loans.post("/v1/applications", json=request(await borrower(loans))))
    officer = issuer.headers(MONG_DUONG, sub="officer", branch=branch)
    listed = (await loans.get("/v1/applications", headers=officer)).json()["items"]
    assert [each["id"] for each in listed] == [asked["id"]]
    question = {"programme": "job_creation", "amount": M, "term_months": 12}
    for headers, hidden in ((issuer.headers(BA_CHE), asked), (officer, elsewhere)):
        path = f"/v1/applications/{hidden['id']}"
        tag = {**headers, "if-match": '"1"'}
        for answer in (
            await loans.get(path, headers=headers),
            await loans.get(f"{path}/guidance", headers=headers),
            await loans.post(f"{path}/withdrawal", json={"on": "2022-02-01"}, headers=tag),
            await loans.post("/v1/applications", json=request({"id": hidden["borrower"]}), headers=headers),
            await loans.post(
                "/v1/applications/eligibility", json={**question, "borrower": hidden["borrower"]}, headers=headers
            ),
        ):
            problem(answer, 404, "not-found")
    reader = issuer.headers(scope="loans:read")
    assert (await loans.post("/v1/applications", json=request(mine), headers=reader)).status_code == 403
