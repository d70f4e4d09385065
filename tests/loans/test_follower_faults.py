"""What a follower does when events are broken, repeated or late, when cut off, and when others write meanwhile."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from contracts.event import Event
from services.chassis.db import Connection
from services.chassis.entities import Change
from services.loans.follower import GROUP
from services.loans.reorganisations import commands
from services.loans.reorganisations.course import read
from tests.builders import branch, made
from tests.chassis import bus
from tests.loans.following import World, following
from tests.loans.lending import rows
from tests.members.planning import DAY, HA_LONG, HONG_HAI, applied, blocked, goes, step


async def journalled(world: World) -> list[tuple[Any, ...]]:
    """Every version that loans has journalled, by whom."""
    found = await rows(world.loans_url, "select subject, version, type, actor from journal order by position")
    return [tuple(row) for row in found]


async def carried_loans(world: World, number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A branch of Hồng Hải with so many borrowers, each with a loan."""
    khu = await branch(world.members, HONG_HAI)
    who = [await world.borrower(await world.home(khu)) for _ in range(number)]
    for each in who:
        await world.lent(each, 10_000_000)
    return khu, who


async def test_an_event_that_cannot_be_read_holds_its_own_household_only(world: World) -> None:
    """Parked, with later ones of its household behind it; all others go, and it goes once it can be read."""
    _, (first, second) = await carried_loans(world, 2)

    def older(raw: bytes) -> Event | None:
        event = read(raw)
        if event and str(event.subject) == first["household"] and event.version > 1:
            raise ValueError("not understood")
        return event

    async with following(world, read=older):
        await bus.send(world.settings, (b"no key", b"garbage"), (first["household"].encode(), b"{}"))
        plan = await applied(world.members, goes(HONG_HAI, HA_LONG))
        await bus.until(lambda: parked(world, 3), 60)
        await bus.until(lambda: moved(world, second, HA_LONG), 60)
    assert await world.places(first) == [("2022-01-01", HONG_HAI, first["branch"])]
    waiting = (await made(await world.loans.get("/v1/parked"), 200))["items"]
    own = {each["reason"] for each in waiting if each["subject"] == first["household"]}
    assert (len(waiting), own) == (3, {"unreadable"})
    done = await made(await world.loans.post(f"/v1/parked/{first['household']}/redrive"), 200)
    assert done == {"applied": 1, "dropped": 0, "parked": 1}
    assert (await world.told(first))[-1][3] == "tester"
    assert (await world.places(first))[-1] == (DAY, HA_LONG, first["branch"])
    assert plan["state"] == "applied"


async def parked(world: World, number: int) -> bool:
    """Whether so many events are parked."""
    return bool((await rows(world.loans_url, "select count(*) from parked"))[0][0] == number)


async def moved(world: World, who: dict[str, Any], unit: str) -> bool:
    """Whether a borrower is in a unit."""
    return bool((await world.one("borrowers", who))["unit"] == unit)


async def test_three_replicas_and_a_zombie_carry_each_once(world: World) -> None:
    """Whoever reads what: each borrower, loan and group has one version more; and none when all of it comes again."""
    khu, who = await carried_loans(world, 12)
    group = await world.group(khu, *[await world.home(khu) for _ in range(5)])
    before = await journalled(world)
    async with following(world, GROUP, GROUP, GROUP, "zombie"):
        await applied(world.members, goes(HONG_HAI, HA_LONG))
        await world.caught_up()
        news = (await journalled(world))[len(before) :]
        subjects = [row[0] for row in news]
        assert len(set(subjects)) == len(subjects) == 12 * 2 + 5 + 1
        assert {row[3] for row in news} <= {f"system:{GROUP}", "system:zombie"}
        events = await bus.published(world.settings)
        await bus.send(world.settings, *((each.key, each.value) for each in events))

        async def read_again() -> bool:
            found = await rows(world.loans_url, "select sum(next_offset) from consumer_offset")
            return bool(found[0][0] == 2 * len(events))

        await bus.until(read_again, 60)
    assert len(await journalled(world)) == len(before) + len(news)
    assert (await world.one("groups", group))["unit"] == HA_LONG
    for each in who:
        assert await moved(world, each, HA_LONG)


async def test_cut_off_between_the_effects_and_their_commit(world: World) -> None:
    """Whatever it had written is gone with the transaction, and written again, once."""
    _, who = await carried_loans(world, 3)
    cut: list[int] = []

    async def cut_off(conn: Connection, changes: Sequence[Change]) -> None:
        await commands.apply(conn, changes)
        if len(cut) < 4 and any(change.event.type.endswith("reorganised.v1") for change in changes):
            cut.append(await conn.fetchval("select count(*) from journal where actor like 'system:%'"))
            raise ConnectionResetError

    async with following(world, apply=cut_off):
        await applied(world.members, goes(HONG_HAI, HA_LONG))
        await world.caught_up()
    assert len(cut) == 4
    assert max(cut) > 0
    for each in who:
        assert [row[:2] for row in await world.told(each)] == [(1, "registered"), (2, "updated"), (3, "corrected")]
        assert await moved(world, each, HA_LONG)


async def test_plans_applied_undone_and_applied_again_before_anybody_read(world: World) -> None:
    """A follower that comes late finds all of it in one batch, and ends where members ended."""
    khu, (one, two) = await carried_loans(world, 2)
    group = await world.group(khu, *[await world.home(khu) for _ in range(5)], branch=None)
    plan = await applied(world.members, goes(HONG_HAI, HA_LONG))
    await step(world.members, plan, "reversal")
    await applied(world.members, goes(HONG_HAI, HA_LONG))
    async with following(world):
        await world.caught_up()
        for each in (one, two):
            assert await world.places(each) == [("2022-01-01", HONG_HAI, khu["id"]), (DAY, HA_LONG, khu["id"])]
        assert (await world.spells(group))[1:] == [(DAY, "reorganised", HA_LONG, None)]
    assert await world.undecided() == set()


async def test_who_is_registered_while_her_household_is_carried(world: World) -> None:
    """Neither misses the other: who registers waits until the batch has ended, and is where it went."""
    khu = await branch(world.members, HONG_HAI)
    home, other = await world.home(khu), await world.borrower(await world.home(khu))
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(conn: Connection, changes: Sequence[Change]) -> None:
        await commands.apply(conn, changes)
        if any(str(change.event.subject) == home["id"] and change.event.version > 1 for change in changes):
            inside.set()
            await go_on.wait()

    async with following(world, apply=slowly):
        await applied(world.members, goes(HONG_HAI, HA_LONG))
        async with asyncio.timeout(60):
            await inside.wait()
            registering = asyncio.create_task(world.borrower(home))
            await blocked(world.loans_url)
            assert not registering.done()
            go_on.set()
            lan = await registering
        await world.caught_up()
    assert await world.places(lan) == [("2022-01-01", HONG_HAI, khu["id"]), (DAY, HA_LONG, khu["id"])]
    assert (await world.one("borrowers", other))["unit"] == HA_LONG


async def test_a_carried_household_waits_for_who_is_being_registered(world: World) -> None:
    """The other way round: a registration that has read where the household was is found by the batch after it."""
    khu = await branch(world.members, HONG_HAI)
    home = await world.home(khu)
    conn = await asyncpg.connect(world.loans_url)
    await conn.execute("begin; select pg_advisory_xact_lock_shared(hashtext('loans.follower'))")
    async with following(world):
        await applied(world.members, goes(HONG_HAI, HA_LONG))
        async with asyncio.timeout(60):
            await blocked(world.loans_url)
        await conn.execute(
            """
            insert into borrower (id, household, unit, branch, customer_code, places, version, recorded_at)
            values (gen_random_uuid(), $1, $2, $3, 'K-1', null, 1, '2022-01-01')
            """,
            *(home["id"], HONG_HAI, khu["id"]),
        )
        await conn.execute("commit")
        await world.caught_up()
    await conn.close()
    (row,) = await rows(world.loans_url, "select unit, version from borrower")
    assert tuple(row) == (HA_LONG, 2)


async def test_a_posting_under_way_and_a_batch_wait_for_one_another(world: World) -> None:
    """A loan locked by a posting is carried after it, with what was posted."""
    khu, (who,) = await carried_loans(world, 1)
    conn = await asyncpg.connect(world.loans_url)
    await conn.execute("begin")
    await conn.execute("select from borrower where id = $1 for update", UUID(who["id"]))
    async with following(world):
        await applied(world.members, goes(HONG_HAI, HA_LONG))
        async with asyncio.timeout(60):
            await blocked(world.loans_url)
        await conn.execute("commit")
        await world.caught_up()
    await conn.close()
    assert await world.places(who) == [("2022-01-01", HONG_HAI, khu["id"]), (DAY, HA_LONG, khu["id"])]
    assert await made(await world.loans.get("/v1/groups?warning=undecided"), 200) == {"items": [], "next_cursor": None}
