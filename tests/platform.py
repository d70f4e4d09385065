"""The running platform as a test sees it: addresses, tokens, and the owners' databases for a recount."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
import httpx

from deploy.dev import issuer
from deploy.dev.supervisor import Stack
from tests.issuer import ALL_SCOPES


@contextmanager
def frozen(processes: Sequence[int]) -> Iterator[None]:
    """These stand still while the block runs: the kernel goes on accepting connections, nobody answers them."""
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def keep_only(stack: Stack, *names: str) -> None:
    """Let every process of a stack but these leave: what has no part in a measurement is not in its way."""
    for name in stack.processes:
        if name not in names:
            stack.terminate(name)


class Platform:
    """A started stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.members_url = stack.addresses["members"]
        self.loans_url = stack.addresses["loans"]
        self.reporting_url = stack.addresses["reporting"]

    def token(self, unit: str = "22", scope: str = ALL_SCOPES, **claims: Any) -> str:
        """A token of the development issuer for a caller of `unit`."""
        key, url = issuer.load_key(self.stack.folder / "issuer.pem"), self.stack.addresses["issuer"]
        return issuer.mint(key, sub=f"tester-{unit}", unit=unit, scope=scope, issuer=url, **claims)

    def client(self, service: str, unit: str = "22") -> httpx.AsyncClient:
        """A caller of a service; close it."""
        headers = {"authorization": f"Bearer {self.token(unit)}"}
        return httpx.AsyncClient(base_url=self.stack.addresses[service], headers=headers, timeout=30)

    async def count(self, database: str, query: str, *args: Any) -> Any:
        """One value out of a service's database, by plain SQL."""
        conn = await asyncpg.connect(self.stack.postgres.url(database))
        try:
            return await conn.fetchval(query, *args)
        finally:
            await conn.close()
