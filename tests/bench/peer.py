"""An ORM peer as a process on the stack's own engine, with its tables in a database of its own."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from deploy.dev.process import free_port, spawn, wait_until
from deploy.dev.supervisor import ROOT, Stack, answers
from tests.issuer import Issuer

MAKE = """
import asyncio
from tests.bench.{module} import Base, ENGINE
async def make():
    async with ENGINE.begin() as conn: await conn.run_sync(Base.metadata.create_all)
asyncio.run(make())
"""


class Peer(NamedTuple):
    """Where it listens, and what its callers send."""

    port: int
    headers: dict[str, str]


@asynccontextmanager
async def running(
    stack: Stack, folder: Path, module: str, *statements: str, **rows: Iterable[tuple[Any, ...]]
) -> AsyncIterator[Peer]:
    """A peer while the block runs: its tables filled with `rows` (by name, columns in order), `statements` run."""
    stack.postgres.execute("create database peer owner members")
    url, port = stack.postgres.url("peer"), free_port()
    with Issuer() as issuer:
        env = {
            **{name: value for name, value in stack.environment("members", 0, 0).items() if "DANVAN_" not in name},
            "PEER_DATABASE": url.replace("postgresql://", "postgresql+asyncpg://"),
            "PEER_PORT": str(port),
            "PEER_KEY": issuer.public_pem(),
        }
        made = MAKE.format(module=module)
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", made], check=True, env=env, cwd=ROOT)
        conn = await asyncpg.connect(url)
        for table, records in rows.items():
            await conn.copy_records_to_table(table, records=records)
        for statement in (*statements, "vacuum analyze"):
            await conn.execute(statement)
        await conn.close()
        log = folder / "peer.log"
        process = spawn([sys.executable, "-m", f"tests.bench.{module}"], log=log, env=env, cwd=ROOT)
        try:
            await asyncio.to_thread(
                wait_until, lambda: answers(f"http://127.0.0.1:{port}/openapi.json"), process, "peer", log, 30
            )
            yield Peer(port, issuer.headers())
        finally:
            process.terminate()
            process.wait()
