"""Programmes, households and loans of Mông Dương for tests, made through the public API."""

from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from tests.builders import MONG_DUONG, made

TERMS = {
    "code": "job_creation",
    "name_vi": "Việc làm",
    "name_en": "Jobs",
    "valid_from": "2020-01-01",
    "annual_rate_ppm": 83_820,
    "cap": 200_000_000,
    "longest_term_months": 60,
}


async def borrower(loans: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A household of Mông Dương."""
    body = {"household": str(uuid4()), "unit": MONG_DUONG, "customer_code": uuid4().hex, **fields}
    return await made(await loans.post("/v1/borrowers", json=body))


def contract(who: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A contract of 2022, due at the end of 2024."""
    return {
        "borrower": who["id"],
        "programme": "job_creation",
        "capital_source": "central",
        "contract_number": uuid4().hex,
        "contract_on": "2022-01-10",
        "due_on": "2024-12-31",
        **fields,
    }


async def loan(loans: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A loan of a new borrower."""
    return await made(await loans.post("/v1/loans", json=contract(await borrower(loans), **fields)))


async def entry(
    loans: httpx.AsyncClient, loan_id: str, kind: str, amount: object, day: str, **headers: str
) -> httpx.Response:
    """Post a ledger entry under a new key."""
    name = "principal" if kind == "repayments" else "amount"
    return await act(loans, loan_id, kind, headers=headers, **{name: amount, "occurred_on": day})


async def act(
    loans: httpx.AsyncClient, loan_id: str, kind: str, headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    """Do something to a loan under a new key."""
    key = {"idempotency-key": uuid4().hex, **(headers or {})}
    return await loans.post(f"/v1/loans/{loan_id}/{kind}", json=body, headers=key)


async def step(loans: httpx.AsyncClient, application: dict[str, Any], name: str, **body: Any) -> httpx.Response:
    """Take a step of an application, at its version."""
    path, tag = f"/v1/applications/{application['id']}/{name}", {"if-match": f'"{application["version"]}"'}
    return await loans.post(path, json=body, headers=tag)


def request(who: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A request of January 2022 for 80 million over three years."""
    return {
        "borrower": who["id"],
        "programme": "job_creation",
        "amount": 80_000_000,
        "term_months": 36,
        "applied_on": "2022-01-03",
        **fields,
    }


async def approved(loans: httpx.AsyncClient, who: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An application that the bank has approved, on 10 January 2022."""
    found = await made(await loans.post("/v1/applications", json=request(who, **fields)))
    found = await made(await step(loans, found, "appraisal", on="2022-01-04", present=20, in_favour=18, against=1), 200)
    found = await made(await step(loans, found, "confirmation", on="2022-01-06"), 200)
    return await made(await step(loans, found, "decision", on="2022-01-10", approved=True), 200)


def pointers(answer: httpx.Response, status: int = 422) -> set[tuple[str, str]]:
    """Which fields an answer refuses, and why."""
    assert answer.status_code == status, answer.text
    return {(error["pointer"], error["code"]) for error in answer.json()["errors"]}


async def rows(url: str, query: str, *args: Any) -> list[asyncpg.Record]:
    """Rows of the service's database."""
    conn = await asyncpg.connect(url)
    try:
        found: list[asyncpg.Record] = await conn.fetch(query, *args)
        return found
    finally:
        await conn.close()
