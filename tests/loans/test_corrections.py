"""Corrections: proposed by one, approved by another, posted only then; all of it in the journal."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.catalog import EVENTS
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.issuer import Issuer
from tests.loans.lending import entry, pointers, rows
from tests.loans.reconciling import differences, key, lent, line, reconciled, send

Found = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture
async def found(loans: httpx.AsyncClient) -> Found:
    """A loan of 100 of which the bank says 70, and the statement that says so."""
    one = await lent(loans)
    return one, await made(await send(loans, [line(one, 70)]))


def paid(amount: int = 30, day: str = "2023-06-15", **fields: Any) -> dict[str, Any]:
    """Principal paid."""
    return {"kind": "principal", "amount": amount, "occurred_on": day, **fields}


async def propose(
    loans: httpx.AsyncClient, found: Found, *lines: dict[str, Any], headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    """Propose these entries."""
    one, statement = found
    body = {"statement": statement["id"], "loan": one["id"], "lines": lines or [paid()], **body}
    return await loans.post("/v1/corrections", json=body, headers=headers)


async def decide(
    loans: httpx.AsyncClient, correction: dict[str, Any], how: str, headers: dict[str, str], **body: Any
) -> httpx.Response:
    """Approve or refuse the version that was read."""
    path = f"/v1/corrections/{correction['id']}/{how}"
    return await loans.post(path, headers=key(correction["version"], headers), json=body or None)


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and slug of a refusal."""
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_correction_is_posted_once_a_second_person_approves(
    loans: httpx.AsyncClient, url: str, issuer: Issuer, found: Found
) -> None:
    """Proposed: nothing posted. Approved: posted, the statement agrees, and the journal holds before, after and who."""
    one, statement = found
    proposed = await made(await propose(loans, found, paid(), reference="UNC-7"))
    assert (proposed["before"]["in_term"], proposed["after"]["in_term"], proposed["entries"]) == (100, 70, [])
    seen = (await loans.get(f"/v1/loans/{one['id']}")).json()
    assert (seen["outstanding"], seen["version"]) == (100, one["version"] + 1)
    done = await made(await decide(loans, proposed, "approval", issuer.headers(sub="second")), 200)
    assert (done["state"], done["proposed_by"], done["decided_by"]) == ("approved", "tester", "second")
    ledger = (await loans.get(f"/v1/loans/{one['id']}/ledger")).json()["items"]
    assert [(each["id"], each["amount"], each["reference"]) for each in ledger[1:]] == [
        (done["entries"][0], 30, "UNC-7")
    ]
    again = await made(await loans.post(f"/v1/statements/{statement['id']}/matching"), 200)
    assert await differences(loans, again) == []
    journal = await rows(url, "select * from journal where type like '%correction%' order by version")
    for row in journal:
        EVENTS[row["type"]].model_validate_json(row["data"])
    assert [(row["type"].split(".")[4], row["actor"]) for row in journal] == [
        *(("proposed", "tester"), ("approved", "second")),
    ]
    said = json.loads(journal[-1]["data"])
    assert (said["before"]["in_term"], said["after"]["in_term"]) == (100, 70)


async def test_who_proposed_may_not_approve_with_any_token(
    loans: httpx.AsyncClient, url: str, issuer: Issuer, found: Found
) -> None:
    """The same subject with another token, scope or unit is refused; so it is by the database itself."""
    one, _ = found
    proposed = await made(await propose(loans, found))
    for headers in (issuer.headers(), issuer.headers(MONG_DUONG), issuer.headers(scope="loans:write", jti="2")):
        assert problem(await decide(loans, proposed, "approval", headers)) == (409, "four-eyes")
    assert (await loans.get(f"/v1/loans/{one['id']}")).json()["outstanding"] == 100
    with pytest.raises(Exception, match="correction_four_eyes"):
        await rows(
            url,
            "update correction set state = 'approved', decided_by = proposed_by, entries = array[gen_random_uuid()]",
        )
    taken_back = await made(await decide(loans, proposed, "refusal", issuer.headers(), note="Nhầm"), 200)
    assert (taken_back["state"], taken_back["note"]) == ("refused", "Nhầm")
    assert problem(await decide(loans, taken_back, "approval", issuer.headers(sub="second"))) == (
        *(409, "correction-decided"),
    )


async def test_an_approval_is_of_what_was_read(loans: httpx.AsyncClient, issuer: Issuer, found: Found) -> None:
    """428 without If-Match or key, 412 for another version; 412 once the loan's ledger has moved; refusal still may."""
    one, _ = found
    proposed, second = await made(await propose(loans, found)), issuer.headers(sub="second")
    path = f"/v1/corrections/{proposed['id']}/approval"
    assert pointers(await loans.post(path, headers=key(headers=second)), 428) == {("header:if-match", "missing")}
    tag = {**second, "if-match": '"1"'}
    assert pointers(await loans.post(path, headers=tag), 428) == {("header:idempotency-key", "missing")}
    assert problem(await loans.post(path, headers=key(2, second))) == (412, "stale")
    await made(await entry(loans, one["id"], "repayments", 1, "2023-06-20"))
    assert problem(await decide(loans, proposed, "approval", second)) == (412, "stale")
    assert (await loans.get(f"/v1/loans/{one['id']}")).json()["outstanding"] == 99
    assert (await decide(loans, proposed, "refusal", second, note="Sổ đã đổi")).status_code == 200


async def test_approved_by_many_at_once_is_posted_once(loans: httpx.AsyncClient, issuer: Issuer, found: Found) -> None:
    """Of ten people one posts it; the others are told it is decided."""
    one, _ = found
    proposed = await made(await propose(loans, found))
    people = [issuer.headers(sub=f"person {n}") for n in range(10)]
    answers = await asyncio.gather(*(decide(loans, proposed, "approval", each) for each in people))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    assert (await loans.get(f"/v1/loans/{one['id']}")).json()["outstanding"] == 70


async def test_a_wrong_entry_is_reversed_and_the_right_one_posted(
    loans: httpx.AsyncClient, url: str, issuer: Issuer
) -> None:
    """One correction: reversal, repayment with interest, debt made overdue, frozen; each told by its own event."""
    one = await lent(loans)
    await made(await entry(loans, one["id"], "repayments", 20, "2023-03-01"))
    wrong = (await loans.get(f"/v1/loans/{one['id']}/ledger")).json()["items"][-1]["id"]
    statement = await made(await send(loans, [line(one, 30, 25, 15, interest=3)]))
    lines = [
        *({"kind": "freeze", "amount": 15, "occurred_on": "2023-06-10", "until": "2025-06-09"}, paid(30)),
        *({"kind": "to_overdue", "amount": 40, "occurred_on": "2023-06-10"}, paid(3, kind="interest")),
        {"kind": "reversal", "reverses": wrong},
    ]
    lines[1]["occurred_on"] = "2023-02-01"
    proposed = await made(await propose(loans, (one, statement), *lines))
    assert proposed["after"] == {"in_term": 30, "overdue": 25, "frozen": 15}
    done = await made(await decide(loans, proposed, "approval", issuer.headers(sub="second")), 200)
    assert len(done["entries"]) == 5
    again = await made(await loans.post(f"/v1/statements/{statement['id']}/matching"), 200)
    assert await differences(loans, again) == []
    types = await rows(url, "select type from journal where subject = $1 order by version", one["id"])
    told = [row["type"].split(".")[4] for row in types][-5:]
    assert told == ["reversed", "repaid", "reclassified", "reclassified", "repaid"]
    assert (await reconciled(loans, again))["outstanding_ours"] == 70


async def test_what_cannot_be_posted_is_not_proposed(
    loans: httpx.AsyncClient, url: str, issuer: Issuer, found: Found
) -> None:
    """More than is owed, before the contract, no difference, an old statement, a stranger's entry, a line half said."""
    one, _ = found
    other = await lent(loans)
    strange = (await loans.get(f"/v1/loans/{other['id']}/ledger")).json()["items"][0]["id"]
    for lines, expected in (
        ([paid(101)], ("/amount", "over_balance")),
        ([paid(1), paid(100)], ("/amount", "over_balance")),
        ([paid(1, "2022-01-09")], ("/occurred_on", "outside")),
        ([{"kind": "reversal", "reverses": strange}], ("/lines/0/reverses", "unknown")),
        ([{"kind": "reversal", "reverses": strange, "amount": 1}], ("/lines/0", "line")),
        ([{"kind": "principal", "amount": 1}], ("/lines/0", "line")),
        ([{"kind": "freeze", "amount": 1, "occurred_on": "2023-06-01"}], ("/lines/0", "line")),
    ):
        refused = pointers(await propose(loans, found, *lines))
        assert {code for _, code in refused} == {expected[1]}
    assert pointers(await propose(loans, (other, {"id": str(uuid4())}))) == {("/loan", "no_difference")}
    assert pointers(await propose(loans, found, headers=issuer.headers(BA_CHE))) == {("/loan", "no_difference")}
    assert (await propose(loans, found, headers=issuer.headers(scope="loans:read"))).status_code == 403
    await made(await send(loans, [line(one, 60)]))
    assert pointers(await propose(loans, found)) == {("/loan", "no_difference")}
    assert not await rows(url, "select from correction")
    assert (await rows(url, "select count(*) from entry"))[0][0] == 2


async def test_corrections_are_listed_inside_the_reach(loans: httpx.AsyncClient, issuer: Issuer, found: Found) -> None:
    """By statement, loan and state; another commune sees and decides none."""
    proposed = await made(await propose(loans, found))
    for params, count in (
        ({"statement": found[1]["id"]}, 1),
        ({"state": "approved"}, 0),
        ({"loan": found[0]["id"]}, 1),
    ):
        assert len((await loans.get("/v1/corrections", params=params)).json()["items"]) == count
    other = issuer.headers(BA_CHE, sub="second")
    assert (await loans.get("/v1/corrections", headers=other)).json()["items"] == []
    assert (await decide(loans, proposed, "approval", other)).status_code == 404
    assert (await loans.get(f"/v1/corrections/{proposed['id']}")).headers["etag"] == '"1"'
