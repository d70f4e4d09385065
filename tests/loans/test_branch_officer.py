"""An officer of a branch sees the loans of that branch's households, and posts to no others."""

from uuid import uuid4

import httpx

from tests.builders import MONG_DUONG, made
from tests.chassis.test_http import problem
from tests.conftest import Api
from tests.issuer import Issuer
from tests.loans.lending import TERMS, borrower, contract, entry


async def test_loans_of_the_branch_are_there_and_no_others(api: Api, issuer: Issuer) -> None:
    """Borrowers, loans, ledgers and the feed; a new borrower or entry elsewhere is refused as unknown."""
    loans: httpx.AsyncClient = await api("loans")
    await made(await loans.post("/v1/programmes", json=TERMS))
    own, other = str(uuid4()), str(uuid4())
    officer = issuer.headers(MONG_DUONG, sub="officer", branch=own)
    seen: list[str] = []
    unseen: list[str] = []
    for branch, where in ((own, seen), (other, unseen), (None, unseen)):
        who = await borrower(loans, branch=branch)
        loan = await made(await loans.post("/v1/loans", json=contract(who)))
        where += [f"/v1/borrowers/{who['id']}", f"/v1/loans/{loan['id']}", f"/v1/loans/{loan['id']}/ledger"]
        paid = await entry(loans, loan["id"], "disbursements", 10, "2022-02-01", **officer)
        assert paid.status_code == (201 if branch == own else 404)
        signed = await loans.post("/v1/loans", json=contract(who), headers=officer)
        assert signed.status_code == (201 if branch == own else 404)
        body = {"household": str(uuid4()), "unit": MONG_DUONG, "customer_code": uuid4().hex, "branch": branch}
        registered = await loans.post("/v1/borrowers", json=body, headers=officer)
        assert registered.status_code == (201 if branch == own else 404)
    for path in seen:
        assert (await loans.get(path, headers=officer)).status_code == 200
    for path in unseen:
        problem(await loans.get(path, headers=officer), 404, "not-found")
    for noun, count in (("borrowers", 2), ("loans", 2)):
        listed = (await loans.get(f"/v1/{noun}", params={"unit": MONG_DUONG}, headers=officer)).json()["items"]
        assert len(listed) == count
    terms = (await loans.get("/v1/programmes", headers=officer)).json()["items"]
    assert [programme["code"] for programme in terms] == ["job_creation"]
    assert (await loans.post("/v1/programmes", json=TERMS, headers=officer)).status_code == 404
