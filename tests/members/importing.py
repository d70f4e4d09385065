"""Sends files and waits for what becomes of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from services.chassis.settings import Settings
from services.chassis.sheets.sheet import CSV_TYPE, XLSX_TYPE
from services.chassis.worker import Worker
from services.members.importer import importing

ENDED = ("done", "refused", "failed")


@asynccontextmanager
async def at_work(url: str, **settings: Any) -> AsyncIterator[Worker]:
    """An importer on a database."""
    process = Worker()
    task = asyncio.create_task(importing(process, Settings(database_url=url, **settings)))
    yield process
    process.stopping.set()
    await task


async def send(members: httpx.AsyncClient, content: bytes, **query: Any) -> dict[str, Any]:
    """The import as it was received."""
    kind = XLSX_TYPE if content.startswith(b"PK") else CSV_TYPE
    answer = await members.post("/v1/imports", content=content, params=query, headers={"content-type": kind})
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/imports/{body['id']}"
    return body


async def ended(members: httpx.AsyncClient, import_id: str) -> dict[str, Any]:
    """The import when it has ended."""
    async with asyncio.timeout(60):
        while True:
            body: dict[str, Any] = (await members.get(f"/v1/imports/{import_id}")).json()
            if body["state"] in ENDED:
                return body
            await asyncio.sleep(0.02)


async def imported(members: httpx.AsyncClient, content: bytes, **query: Any) -> dict[str, Any]:
    """The import of a file, ended."""
    return await ended(members, (await send(members, content, **query))["id"])


async def rows(members: httpx.AsyncClient, import_id: str, **query: Any) -> list[dict[str, Any]]:
    """Verdicts of an import, of all pages."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        params = {**query, "limit": 500, **({"cursor": cursor} if cursor else {})}
        page = (await members.get(f"/v1/imports/{import_id}/rows", params=params)).json()
        found += page["items"]
        if (cursor := page["next_cursor"]) is None:
            return found


def counts(body: dict[str, Any]) -> tuple[int, int, int, int]:
    """Rows created, valid, unchanged, refused."""
    return body["created"], body["valid"], body["unchanged"], body["refused"]
