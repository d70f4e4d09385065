"""Savings-and-credit groups for tests, made through the public API."""

from typing import Any
from uuid import uuid4

import httpx

from tests.builders import MONG_DUONG, made

OPENED = "2024-01-10"


async def households(loans: httpx.AsyncClient, number: int, **fields: Any) -> list[str]:
    """So many borrowing households, customers since 2020."""
    items = [
        {
            "household": str(uuid4()),
            "unit": MONG_DUONG,
            "customer_code": uuid4().hex,
            "customer_since": "2020-01-01",
            **fields,
        }
        for _ in range(number)
    ]
    batch = await made(await loans.post("/v1/borrowers/batch", json={"items": items}), 200)
    return [each["id"] for each in batch["items"]]


async def group(loans: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A group of five households, or of `members`."""
    members = fields.pop("members", None) or await households(loans, 5)
    body = {"unit": MONG_DUONG, "name": "Tổ Mẫu", "opened_on": OPENED, "members": members, **fields}
    return await made(await loans.post("/v1/groups", json=body))


async def act(loans: httpx.AsyncClient, group: dict[str, Any], command: str, body: dict[str, Any]) -> httpx.Response:
    """Something is done to a group as it is now."""
    version = (await loans.get(f"/v1/groups/{group['id']}")).headers["etag"]
    headers = {"if-match": version, "idempotency-key": uuid4().hex}
    return await loans.post(f"/v1/groups/{group['id']}/{command}", json=body, headers=headers)


async def save(
    loans: httpx.AsyncClient, group: dict[str, Any], day: str, *lines: tuple[str, str, object], **headers: str
) -> httpx.Response:
    """A sheet of savings under a new key: who, in or out, VND."""
    found = [{"borrower": who, "kind": kind, "amount": amount} for who, kind, amount in lines]
    return await loans.post(
        f"/v1/groups/{group['id']}/savings",
        json={"occurred_on": day, "lines": found},
        headers={"idempotency-key": uuid4().hex, **headers},
    )
