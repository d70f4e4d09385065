"""One caller of one service's public API, as any other system would be."""

import asyncio
from typing import Any

import httpx

AT_ONCE = 24
Body = dict[str, Any]


class Writer:
    """Posts to one service, so many requests at once, and remembers each entity's last version."""

    def __init__(self, client: httpx.AsyncClient, address: str, token: str, limit: asyncio.Semaphore) -> None:
        self.client, self.address, self.limit = client, address, limit
        self.caller = {"Authorization": f"Bearer {token}"}
        self.last: dict[str, int] = {}
        self.written = 0

    async def send(self, method: str, path: str, key: str, body: Body, version: int | None = None) -> Body:
        """The answer's body; an answer that is no success ends the load with its text."""
        headers = {"If-Match": f'"{version}"'} if version else {}
        return await self._write(method, path, key, headers, json=body)

    async def upload(self, path: str, key: str, file: bytes, **query: str) -> Body:
        """As `send`, a CSV file."""
        return await self._write("POST", path, key, {"Content-Type": "text/csv"}, content=file, params=query)

    async def _write(self, method: str, path: str, key: str, headers: dict[str, str], **sent: Any) -> Body:
        headers |= self.caller | {"Idempotency-Key": f"demo:{key}"}
        async with self.limit:
            answer = await self.client.request(method, f"{self.address}{path}", headers=headers, **sent)
        if not answer.is_success:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        for position in filter(None, answer.headers.get("journal-position", "").split(", ")):
            self.applied(*position.rpartition("@")[::2])
        self.written += 1
        found: Body = answer.json()
        return found

    async def read(self, path: str, **query: str) -> Body:
        """The answer's body of a read."""
        async with self.limit:
            answer = await self.client.get(f"{self.address}{path}", params=query, headers=self.caller)
        found: Body = answer.raise_for_status().json()
        return found

    def applied(self, entity: str, version: str | int) -> None:
        """Remember that an entity has reached a version."""
        self.last[entity] = max(self.last.get(entity, 0), int(version))
