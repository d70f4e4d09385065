"""Subscriptions and events for the tests of webhooks."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx

from services.chassis import worker
from services.chassis.db import Connection
from tests.builders import made
from tests.chassis import bus

KEY = b64encode(bytes(range(32))).decode()
URL = "https://receiver.example.org/danvan"
LAX: dict[str, Any] = {"webhook_key": KEY, "webhook_insecure": True, "webhook_retry": 0.02, "webhook_timeout": 5}
"""Settings under which webhooks may go to loopback, and are tried again soon."""
Start = Callable[..., worker.Worker]
Told = Callable[..., Awaitable[dict[str, Any]]]


async def subscribed(client: httpx.AsyncClient, url: str = URL, **fields: Any) -> dict[str, Any]:
    """A subscription; keywords are fields of its body, `start` stands for `from`."""
    if "start" in fields:
        fields["from"] = fields.pop("start")
    return await made(await client.post("/v1/webhooks", json={"url": url, **fields}))


async def written(conn: Connection, count: int = 1, **columns: Any) -> None:
    """So many events more, numbered as the relay numbers them."""
    async with conn.transaction():
        for _ in range(count):
            await bus.write(conn, uuid4(), 1, **columns)
        await conn.execute("update journal set sequence = position where sequence is null")
