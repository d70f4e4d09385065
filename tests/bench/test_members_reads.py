"""Lists, searches and histories of 420,000 members with 50 clients, beside the ORM peer on the same rows."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from deploy.dev.supervisor import Stack
from services.chassis.paging import cursor_of, fold
from tests.bench import load
from tests.bench.events import COMMUNES
from tests.bench.peer import Peer, running
from tests.bench.province import Province, searches
from tests.bench.province import load as fill
from tests.bench.test_dashboard import stack_of
from tests.platform import Platform, keep_only

MEMBERS, CLIENTS, THINK, SECONDS = 420_000, 50, 1.0, 3.0
ASKED = 400
PURPOSE = {"Purpose": "membership-management"}
PEERS = {
    "peer_branch": "select id, unit, closed_on, timeline from branch",
    "peer_household": "select id, unit, timeline from household",
    "peer_member": "select id, unit, branch, household, name, birth_year, ethnicity, kind, core, joined_on, status,"
    " poverty_status, name_folded, timeline, version, recorded_at at time zone 'UTC' from member",
}


@pytest.mark.bench
@pytest.mark.timeout(600)
async def test_members_reads(folder: Path) -> None:
    """p95 at most 30 ms for each kind of read by 50 clients, each with a request a second."""
    stack = stack_of(folder / "reads")
    try:
        await asyncio.to_thread(stack.start)
        keep_only(stack, "members-api", "issuer")
        province = await fill(stack.postgres.url("members"), MEMBERS)
        kinds = requests(Platform(stack), province, await rows(stack, "select unit, id from member"))
        closed = await measure(stack.ports["members"], kinds)
        thinking = await measure(stack.ports["members"], kinds, think=THINK)
        same = {table: await rows(stack, query) for table, query in PEERS.items()}
        async with running(stack, folder, "orm_peer", "create index on peer_member (unit)", **same) as orm:
            peers = await measure(orm.port, of_peer(orm, province))
    finally:
        await asyncio.to_thread(stack.stop)
    for title, found in (("a request a second each", thinking), ("one after the other", closed), ("peer", peers)):
        print(title)
        for kind, each in found.items():
            times = f"p50 {each.p50:6.1f} p95 {each.p95:6.1f} p99 {each.p99:6.1f} ms"
            print(f"  {kind:28} {each.rate:6.0f}/s {times} {each.statuses}")
    for kind, each in peers.items():
        print(f"{kind}: {closed[kind].rate / each.rate:.1f} times the peer")
    assert all(set(each.statuses) == {"200"} for found in (thinking, closed, peers) for each in found.values())
    assert max(each.p95 for each in thinking.values()) <= 30


async def rows(stack: Stack, query: str) -> list[tuple[Any, ...]]:
    """What a query of the members service's database finds."""
    conn = await asyncpg.connect(stack.postgres.url("members"))
    try:
        return [tuple(row) for row in await conn.fetch(query)]
    finally:
        await conn.close()


async def measure(port: int, kinds: dict[str, list[str]], think: float = 0) -> dict[str, load.Result]:
    """Each kind of request by itself."""
    return {
        kind: await load.run(port, asked, connections=CLIENTS, seconds=SECONDS, think=think)
        for kind, asked in kinds.items()
    }


def requests(platform: Platform, province: Province, people: Sequence[tuple[str, Any]]) -> dict[str, list[str]]:
    """Requests of each kind, as officers of the province, of communes and of a branch send them."""
    chance = random.Random(3)

    def get(path: str, headers: dict[str, str], *, named: bool = False) -> str:
        return load.request("GET", f"/v1/members{path}", {**headers, **(PURPOSE if named else {})})

    top = {"Authorization": f"Bearer {platform.token()}"}
    own = random.Random(4).choice(province.branches)
    officer = {"Authorization": f"Bearer {platform.token(own.unit, branch=str(own.id))}"}
    pages = [(unit, cursor_of(unit, each)) for unit, each in chance.sample(people, ASKED)]
    branches = [each.id for each in chance.choices(province.branches, k=ASKED)]
    words = [quote(fold(q)) for q in searches(chance, ASKED)]
    who = chance.sample(province.members, ASKED)
    return {
        "list, commune": [get(f"?unit={unit}&cursor={at}", top) for unit, at in pages],
        "list, commune, named": [get(f"?unit={unit}&cursor={at}", top, named=True) for unit, at in pages],
        "list, branch": [get(f"?branch={branch}", top) for branch in branches],
        "list, branch officer": [get(f"?status={status}", officer) for status in ("active", "left")],
        "search, province": [get(f"?q={q}", top, named=True) for q in words],
        "search, commune": [get(f"?q={q}&unit={chance.choice(COMMUNES)}", top, named=True) for q in words],
        "history": [get(f"/{each}/history", top) for each in who],
        "as of a day": [get(f"/{each}?on=2026-06-30", top) for each in who],
        "as known at a time": [get(f"/{each}?known_at=2030-01-01T00:00:00Z", top) for each in who],
    }


def of_peer(orm: Peer, province: Province) -> dict[str, list[str]]:
    """The same lists and searches, as the peer takes them."""
    chance = random.Random(3)
    paths = {
        "list, commune": [f"unit={chance.choice(COMMUNES)}&offset={chance.randrange(7_000)}" for _ in range(ASKED)],
        "list, branch": [f"branch={each.id}" for each in chance.choices(province.branches, k=ASKED)],
        "search, province": [f"q={quote(name)}" for name in searches(chance, ASKED)],
    }
    return {
        kind: [load.request("GET", f"/v1/members?{p}", orm.headers) for p in found] for kind, found in paths.items()
    }
