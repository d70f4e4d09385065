"""Programmes: terms by decision, dated; rates that follow another's; what the service ships to start with."""

import json
from typing import Any

import httpx

from deploy.dev.lending import programmes
from services.loans.programmes.schemas import ProgrammeIn
from tests.builders import made
from tests.loans.lending import TERMS, borrower, contract, loan, pointers, rows


async def test_last_years_loan_keeps_last_years_rule(loans: httpx.AsyncClient) -> None:
    """The rate a contract was signed at stays; a rate that follows another's follows it for new contracts only."""
    follows = {**TERMS, "code": "near_poor", "annual_rate_ppm": None, "rate_of": {"programme": "poor", "percent": 120}}
    assert pointers(await loans.post("/v1/programmes", json=follows)) == {("/rate_of/programme", "not_in_force")}
    await made(await loans.post("/v1/programmes", json={**TERMS, "code": "poor", "annual_rate_ppm": 66_000}))
    await made(await loans.post("/v1/programmes", json=follows))
    before = await loan(loans, programme="near_poor")
    cheaper = {**TERMS, "code": "poor", "annual_rate_ppm": 60_000, "valid_from": "2023-01-01"}
    await made(await loans.post("/v1/programmes", json=cheaper))
    harder = {**follows, "valid_from": "2024-01-01", "overdue_rate_percent": 150, "cap": 1_000}
    await made(await loans.post("/v1/programmes", json=harder))
    after = await loan(loans, programme="near_poor", contract_on="2023-02-01", due_on="2025-02-01")
    last = await loan(loans, programme="near_poor", contract_on="2024-02-01", due_on="2025-02-01")
    found = [(await loans.get(f"/v1/loans/{each['id']}")).json() for each in (before, after, last)]
    assert [(each["annual_rate_ppm"], each["overdue_rate_percent"], each["amount"]) for each in found] == [
        (79_200, 130, 200_000_000),
        (72_000, 130, 200_000_000),
        (72_000, 150, 1_000),
    ]
    for on, rate in (("2022-06-01", 79_200), ("2023-06-01", 72_000)):
        shown = {each["code"]: each for each in (await loans.get("/v1/programmes", params={"on": on})).json()["items"]}
        assert shown["near_poor"]["annual_rate_ppm"] == rate


async def test_terms_published_before_days_were_bounded_are_read(loans: httpx.AsyncClient, url: str) -> None:
    """Whoever wrote 9999 for no end is lent under as before."""
    await rows(url, "update programme set valid_to = '9999-12-31'")
    (one,) = (await made(await loans.get("/v1/programmes"), 200))["items"]
    assert one["valid_to"] == "9999-12-31"
    await loan(loans)


async def test_terms_that_contradict_themselves_are_refused(loans: httpx.AsyncClient) -> None:
    """No rate, two rates, a rate of itself or of one without its own, an end before the start, a code twice."""
    paper = {"code": "form", "vi": "Mẫu", "en": "Form"}
    itself, none = {"programme": "new", "percent": 120}, {"annual_rate_ppm": None}
    cases: list[tuple[dict[str, Any], tuple[str, str]]] = [
        (none, ("/annual_rate_ppm", "one_of")),
        ({"rate_of": {"programme": "job_creation", "percent": 120}}, ("/annual_rate_ppm", "one_of")),
        ({**none, "rate_of": itself}, ("/rate_of/programme", "not_in_force")),
        ({"valid_to": "2019-12-31"}, ("/valid_to", "before_start")),
        ({"papers": [paper, paper]}, ("/papers", "twice")),
        ({"conditions": [paper, paper]}, ("/conditions", "twice")),
        ({"unconfirmed": ["cap"]}, ("/unconfirmed/0", "string_pattern_mismatch")),
    ]
    for fields, expected in cases:
        body = {**TERMS, "code": "new", **fields}
        assert pointers(await loans.post("/v1/programmes", json=body)) == {expected}
    one = {**TERMS, "code": "one", **none, "rate_of": {"programme": "job_creation", "percent": 120}}
    await made(await loans.post("/v1/programmes", json=one))
    two = {**one, "code": "two", "rate_of": {"programme": "one", "percent": 120}}
    assert pointers(await loans.post("/v1/programmes", json=two)) == {("/rate_of/programme", "not_in_force")}


async def test_what_a_programme_does_not_allow_a_contract(loans: httpx.AsyncClient) -> None:
    """A capital source it has not, and more than its cap."""
    await made(await loans.post("/v1/programmes", json={**TERMS, "code": "local_only", "capital_sources": ["local"]}))
    signed = contract(await borrower(loans), programme="local_only", amount=200_000_001)
    assert pointers(await loans.post("/v1/loans", json=signed)) == {
        ("/capital_source", "not_allowed"),
        ("/amount", "over_cap"),
    }


async def test_the_terms_to_start_with_can_be_published(loans: httpx.AsyncClient) -> None:
    """All nine, with papers and procedure in both languages, and what is unconfirmed marked so."""
    shipped = {body["code"]: body for body in programmes()}
    for code, body in shipped.items():
        if code != TERMS["code"]:
            await made(await loans.post("/v1/programmes", json=body))
        for pointer in ProgrammeIn.model_validate(body).unconfirmed:
            assert pointer.removeprefix("/") in ProgrammeIn.model_fields
    found = {each["code"]: each for each in (await loans.get("/v1/programmes")).json()["items"]}
    rates = {code: each["annual_rate_ppm"] / 10_000 for code, each in found.items()}
    assert rates == {
        "poor_household": 6.6,
        "near_poor": 7.92,
        "newly_escaped": 8.25,
        "job_creation": 8.382,
        "job_creation_business": 8.382,
        "clean_water": 9.0,
        "difficult_areas": 9.0,
        "students": 6.6,
        "stem_students": 4.8,
    }
    caps = {code: shipped[code]["cap"] for code in ("job_creation", "job_creation_business", "difficult_areas")}
    assert caps == {"job_creation": 200 * 10**6, "job_creation_business": 10**10, "difficult_areas": 100 * 10**6}
    assert not any("/cap" in shipped[code]["unconfirmed"] for code in caps)
    for body in shipped.values():
        assert body["overdue_rate_percent"] == 130
        assert {"/papers", "/freezes"} <= set(body["unconfirmed"])
        assert len(body["procedure"]) == 6
        assert json.dumps(body["papers"], ensure_ascii=False).count('"en"') == len(body["papers"]) >= 3
