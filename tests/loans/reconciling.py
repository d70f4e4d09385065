"""Statements as the bank sends them, and what is done with them, through the public API."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx

from tests.builders import made
from tests.loans.lending import borrower, contract, entry
from tests.members.files import as_csv

AS_OF = "2023-06-30"
OWED = ("in_term", "overdue", "frozen")
HEADINGS = (
    *("STT", "Số hợp đồng", "Mã khách hàng", "Chương trình", "Dư nợ trong hạn", "Dư nợ quá hạn", "Nợ khoanh"),
    *("Lãi đã trả", "Tiền gửi"),
)


async def lent(loans: httpx.AsyncClient, amount: int = 100, **fields: Any) -> dict[str, Any]:
    """A loan disbursed in February 2022, with its borrower's customer code."""
    who = await borrower(loans, **fields)
    found = await made(await loans.post("/v1/loans", json=contract(who)))
    if amount:
        await made(await entry(loans, found["id"], "disbursements", amount, "2022-02-01"))
    return {**found, "customer_code": who["customer_code"]}


def line(loan: dict[str, Any], in_term: object = 0, overdue: object = 0, frozen: object = 0, **other: Any) -> list[Any]:
    """The bank's line of a loan; `other` by field, interest too."""
    said = {**loan, "programme": "Việc làm", "interest": 0, **other}
    return [
        *(1, said["contract_number"], said["customer_code"], said["programme"], in_term, overdue, frozen),
        *(said["interest"], 0),
    ]


async def send(
    loans: httpx.AsyncClient,
    lines: Iterable[Sequence[Any]],
    as_of: str = AS_OF,
    content: bytes | None = None,
    headers: dict[str, str] | None = None,
    **params: Any,
) -> httpx.Response:
    """Send a month's file."""
    file = as_csv([list(HEADINGS), *lines]) if content is None else content
    said = {"content-type": "text/csv", **(headers or {})}
    return await loans.post("/v1/statements", content=file, params={"as_of": as_of, **params}, headers=said)


async def differences(loans: httpx.AsyncClient, statement: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    """All differences, page after page of three."""
    found: list[dict[str, Any]] = []
    path, cursor = f"/v1/statements/{statement['id']}/differences", None
    while True:
        asked = {"limit": 3, **params, **({"cursor": cursor} if cursor else {})}
        page = await made(await loans.get(path, params=asked), 200)
        found += page["items"]
        cursor = page["next_cursor"]
        if not cursor:
            return found


async def reconciled(loans: httpx.AsyncClient, statement: dict[str, Any], **params: Any) -> dict[str, Any]:
    """The statement explained."""
    return await made(await loans.get(f"/v1/statements/{statement['id']}/reconciliation", params=params), 200)


async def collected(loans: httpx.AsyncClient, loan: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Cash collected on a loan in June 2023."""
    body = {"loan": loan["id"], "collector": str(uuid4()), "collected_on": "2023-06-20", **fields}
    return await made(await loans.post("/v1/receipts", json=body, headers=key()))


def key(version: int | None = None, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """A new Idempotency-Key, and the version a change is made to."""
    tag = {"if-match": f'"{version}"'} if version else {}
    return {"idempotency-key": uuid4().hex, **tag, **(headers or {})}


def outstanding(figures: dict[str, int]) -> int:
    """What is owed in all states."""
    return sum(figures[name] for name in OWED)
