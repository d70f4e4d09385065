"""Reorganisations under faults and load: a crash leaves nothing, reads go on, writes wait."""

import asyncio

import asyncpg
import httpx
import pytest

from tests.builders import branch, joining, made, member
from tests.conftest import Api, Database
from tests.members.planning import (
    DAY,
    HA_LONG,
    HONG_HAI,
    blocked,
    drafted,
    everything,
    goes,
    read,
    rows,
    step,
)

BEGAN, CARRIED = "2021-05-10", DAY
NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def url(database: Database) -> str:
    """A fresh members database."""
    return await database("members")


@pytest.fixture
async def members(api: Api, url: str) -> httpx.AsyncClient:
    """A provincial caller of the members service."""
    return await api("members", url)


async def test_a_crash_in_the_middle_leaves_nothing(members: httpx.AsyncClient, url: str) -> None:
    """The backend ends while the plan is being applied: 503, nothing has moved; again, and all has."""
    khu = await branch(members, HONG_HAI)
    lan = await member(members, khu)
    plan = await drafted(members, goes(HONG_HAI, HA_LONG))
    before = await everything(url)
    conn = await asyncpg.connect(url)
    try:
        async with conn.transaction():
            await conn.execute("select from member where id = $1 for update", lan["id"])
            applying = asyncio.create_task(
                members.post(f"/v1/reorganisations/{plan['id']}/application", headers={"if-match": '"1"'})
            )
            found = await blocked(url)
            assert (await read(members, "branches", khu))["unit"] == HONG_HAI
            await conn.execute("select pg_terminate_backend($1)", found[0]["pid"])
            assert (await applying).status_code == 503
    finally:
        await conn.close()
    assert await everything(url) == before
    assert await rows(url, "select from journal where type like '%reorganised%'") == []
    await step(members, plan, "application")
    assert (await read(members, "members", lan))["unit"] == HA_LONG


async def test_reads_go_on_and_writes_wait(members: httpx.AsyncClient, url: str, api: Api) -> None:
    """While a plan is being applied every read answers; an enrolment waits for it and lands in the new unit."""
    khu = await branch(members, HONG_HAI)
    lan = await member(members, khu)
    plan = await drafted(members, goes(HONG_HAI, HA_LONG))
    short = await api("members", url, statement_timeout_ms=300)
    conn = await asyncpg.connect(url)
    try:
        async with conn.transaction():
            await conn.execute("select from member where id = $1 for update", lan["id"])
            applying = asyncio.create_task(
                members.post(f"/v1/reorganisations/{plan['id']}/application", headers={"if-match": '"1"'})
            )
            await blocked(url)
            for where in (f"members/{lan['id']}", f"branches/{khu['id']}", "members", f"reorganisations/{plan['id']}"):
                assert (await members.get(f"/v1/{where}")).status_code == 200
            refused_politely = await short.post("/v1/members", json=joining(khu))
            assert (refused_politely.status_code, refused_politely.headers["retry-after"]) == (503, "1")
            enrolling = asyncio.create_task(members.post("/v1/members", json=joining(khu)))
            await blocked(url, 2)
            assert not applying.done()
            assert not enrolling.done()
    finally:
        await conn.close()
    assert (await applying).status_code == 200
    assert (await made(await enrolling))["unit"] == HA_LONG
