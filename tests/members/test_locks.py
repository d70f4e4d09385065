"""Two transactions at once, in both orders: who comes into a household misses no status; neither stops the other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from contracts import units
from services.chassis.db import Connection
from services.chassis.reach import Reach
from services.members.departures import commands as departures
from services.members.departures.schemas import RejoinIn
from services.members.households import commands as households
from services.members.households.schemas import PovertyStatusIn
from services.members.members import commands
from services.members.members.schemas import MemberIn, MemberPatch
from services.members.transfers import commands as transfers
from services.members.transfers.schemas import TransferIn
from tests.builders import branch, household, joining, made, member
from tests.chassis.bus import until
from tests.members.planning import HA_LONG, HONG_HAI, blocked, drafted, goes
from tests.members.test_members import journal
from tests.members.test_privacy_erasure import asked, erase
from tests.members.test_transfers import days, version, waiting

REACH = Reach(units.subtree("22"))
POOR = {"status": "poor", "standard": "mau", "effective_on": "2022-01-01"}
Body = dict[str, Any]
Act = Callable[[Connection], Awaitable[object]]
Place = Callable[[Connection, Body, Body, Body], Awaitable[object]]


@pytest.fixture
async def sessions(url: str) -> AsyncIterator[list[Connection]]:
    """Three sessions of the members database."""
    found = [await asyncpg.connect(url) for _ in range(3)]
    yield found
    for conn in found:
        await conn.close()


async def overlapping(sessions: list[Connection], first: Act, second: Act) -> None:
    """`first` commits only when `second` waits for it; or has not waited, which is the fault to be found."""
    one, other, watch = sessions

    async def follow() -> None:
        async with other.transaction():
            await second(other)

    async with one.transaction():
        await first(one)
        following = asyncio.create_task(follow())

        async def met() -> bool:
            return following.done() or await waiting(watch)

        await until(met)
    await following


async def enrol(conn: Connection, khu: Body, home: Body, _: Body) -> object:
    """Somebody new."""
    return await commands.enrol(conn, REACH, MemberIn.model_validate(joining(khu, household=home["id"])))


async def correct(conn: Connection, _: Body, home: Body, someone: Body) -> object:
    """Somebody of the branch who lived nowhere, it seemed."""
    body = MemberPatch(household=UUID(home["id"]))
    return await commands.correct(conn, REACH, UUID(someone["id"]), someone["version"], body)


async def transfer(conn: Connection, khu: Body, home: Body, someone: Body) -> object:
    """Somebody of another branch."""
    body = TransferIn(to_branch=khu["id"], household=home["id"], effective_on=date(2021, 6, 1))
    return await transfers.request(conn, REACH, UUID(someone["id"]), someone["version"], body)


async def rejoin(conn: Connection, khu: Body, home: Body, someone: Body) -> object:
    """Somebody who had left."""
    body = RejoinIn(branch=khu["id"], household=home["id"], joined_on=date(2021, 8, 1))
    return await departures.rejoin(conn, REACH, UUID(someone["id"]), someone["version"], body)


@pytest.mark.parametrize("placed_first", [True, False], ids=["placed first", "status first"])
@pytest.mark.parametrize("place", [enrol, correct, transfer, rejoin])
async def test_who_comes_while_the_status_is_set_has_it(
    members: httpx.AsyncClient, url: str, sessions: list[Connection], place: Place, placed_first: bool
) -> None:
    """Enrolled, corrected, transferred or taken back into the household: her last state says that it was poor."""
    khu = await branch(members)
    home = await household(members, khu)
    someone = await member(members, await branch(members, name="Khu 2") if place is transfer else khu)
    if place is rejoin:
        left = {"left_on": "2021-07-01", "reason": "own_wish"}
        path = f"/v1/members/{someone['id']}/departure"
        someone = await made(await members.post(path, json=left, headers=version(1)), 200)

    async def placing(conn: Connection) -> object:
        return await place(conn, khu, home, someone)

    async def setting(conn: Connection) -> object:
        body = PovertyStatusIn.model_validate(POOR)
        return await households.set_poverty_status(conn, REACH, UUID(home["id"]), 1, 2022, body)

    await overlapping(sessions, *((placing, setting) if placed_first else (setting, placing)))
    (row,) = await sessions[0].fetch("select * from member where household = $1", UUID(home["id"]))
    assert row["poverty_status"] == "poor"
    last = [event for event in await journal(url) if event["subject"] == row["id"]][-1]
    assert last["version"] == row["version"]
    assert [spell["poverty_status"] for spell in last["data"]["timeline"]][-2:] == [None, "poor"]


@pytest.mark.parametrize("plan_first", [True, False], ids=["plan first", "movement first"])
async def test_a_plan_and_movement_take_turns(members: httpx.AsyncClient, url: str, *, plan_first: bool) -> None:
    """A plan comes from branches to members, movement from members to branches: no deadlock, whoever is first."""
    khu, other = await branch(members, HONG_HAI), await branch(members, HONG_HAI, "Khu 2")
    first, someone = await member(members, khu), await member(members, khu)
    plan = await drafted(members, goes(HONG_HAI, HA_LONG))
    body = {"to_branch": other["id"], "effective_on": days(-1)}
    where = f"/v1/members/{someone['id']}/transfers"

    async def move(at: int) -> int:
        return (await members.post(where, json=body, headers=version(at))).status_code

    async def carry() -> int:
        answer = await members.post(f"/v1/reorganisations/{plan['id']}/application", headers=version(plan["version"]))
        return answer.status_code

    conn = await asyncpg.connect(url)
    async with conn.transaction():
        table, row = ("member", first) if plan_first else ("branch", other)
        await conn.execute(f"select from {table} where id = $1 for update", row["id"])  # own names
        one = asyncio.create_task(carry() if plan_first else move(1))
        await blocked(url, 1)
        two = asyncio.create_task(move(1) if plan_first else carry())
        await blocked(url, 2)
    await conn.close()
    assert [await one, await two] == ([200, 412] if plan_first else [201, 200])
    now = await made(await members.get(f"/v1/members/{someone['id']}"), 200)
    assert now["unit"] == HA_LONG
    if plan_first:
        assert await move(now["version"]) == 201


@pytest.mark.parametrize("act", ["transfer", "erase"])
async def test_setting_the_status_and_a_write_of_a_member_go_one_after_the_other(
    members: httpx.AsyncClient, url: str, sessions: list[Connection], act: str
) -> None:
    """Transferred out of the household, or erased with its address, while its status is set: no deadlock, both done."""
    khu, other = await branch(members), await branch(members, name="Khu 2")
    home = await household(members, khu, address="Địa chỉ mẫu 1")
    someone = await member(members, khu, household=home["id"])
    holder = sessions[0]
    if act == "erase":
        writing, held = erase(members, someone, await asked(members, someone)), "member"
    else:
        body = {"to_branch": other["id"], "effective_on": days(-1)}
        path = f"/v1/members/{someone['id']}/transfers"
        writing, held = members.post(path, json=body, headers=version(1)), "branch"

    async with holder.transaction():
        await holder.execute(f"select from {held} for update")
        first = asyncio.create_task(writing)
        await blocked(url, 1)
        status = members.put(f"/v1/households/{home['id']}/poverty-status/2022", json=POOR, headers=version(1))
        second = asyncio.create_task(status)
        await blocked(url, 2)
    answers = [await first, await second]
    assert [answer.status_code for answer in answers] in ([201, 200], [200, 200]), [answer.text for answer in answers]
