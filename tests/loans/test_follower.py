"""Borrowers, loans and groups follow the members service's reorganisations: real plans, real bus, real databases."""

from typing import Any

from services.loans.follower import GROUP
from tests.builders import branch, made
from tests.loans.following import World, following
from tests.loans.groups import save
from tests.loans.lending import request, rows
from tests.members.planning import (
    DAY,
    HA_KHAU,
    HA_LONG,
    HONG_HA,
    HONG_HAI,
    TUAN_CHAU,
    VIET_HUNG,
    applied,
    drafted,
    goes,
    step,
)

BY = f"system:{GROUP}"


def split_of(khu: dict[str, Any], *homes: dict[str, Any]) -> dict[str, Any]:
    """These households of a branch go to one that is opened for them."""
    return {"branch": khu["id"], "name": "Khu mới", "households": [home["id"] for home in homes]}


async def test_a_household_takes_its_loans_along_and_comes_back(world: World) -> None:
    """From the plan's day on, as if its place had been put right by hand: once, by the follower, and undone again."""
    khu, other = await branch(world.members, HONG_HAI), await branch(world.members, HONG_HA, "Khu 2")
    home, stays, stranger = await world.home(khu), await world.home(other), await world.home(khu)
    lan, mai = await world.borrower(home, poverty_status="poor"), await world.borrower(stays)
    loan, kept = await world.lent(lan, 50_000_000), await world.lent(mai, 20_000_000)
    asked = await made(await world.loans.post("/v1/applications", json=request(lan, amount=1_000_000)))
    async with following(world):
        plan = await applied(world.members, goes(HONG_HAI, HA_LONG))
        await world.caught_up()
        assert await world.places(lan) == [("2022-01-01", HONG_HAI, khu["id"]), (DAY, HA_LONG, khu["id"])]
        now = await world.one("borrowers", lan)
        assert (now["unit"], now["outstanding"], {each["poverty_status"] for each in now["places"]}) == (
            *(HA_LONG, 50_000_000),
            {"poor"},
        )
        last = (await world.told(lan))[-1]
        assert last[:4] == (3, "corrected", DAY, BY)
        assert [(s["since"], s["unit"], s["owing"]) for s in last[4]["timeline"][:3]] == [
            ("2022-01-01", HONG_HAI, False),
            ("2022-02-01", HONG_HAI, True),
            (DAY, HA_LONG, True),
        ]
        moved = (await world.told(loan))[-1]
        assert moved[:4] == (3, "moved", DAY, BY)
        assert [(s["unit"], s["in_term"]) for s in moved[4]["timeline"]][-2:] == [
            *((HA_LONG, 50_000_000), (HA_LONG, 0)),
        ]
        assert (await world.one("loans", loan))["unit"] == HA_LONG
        assert len(await world.told(asked)) == 1
        assert {row[3] for row in (*await world.told(mai), *await world.told(kept))} == {"tester"}
        assert await rows(world.loans_url, "select from borrower where household = $1", stranger["id"]) == []
        await step(world.members, plan, "reversal")
        await world.caught_up()
        assert await world.places(lan) == [("2022-01-01", HONG_HAI, khu["id"])]
        assert (await world.one("loans", loan))["unit"] == HONG_HAI
        assert [row[0] for row in await world.told(lan)] == [1, 2, 3, 4]
    kept_of = await rows(world.loans_url, "select distinct kind, state::text ~ 'poverty' from entity")
    assert {tuple(row) for row in kept_of} == {("members.household", False), ("members.branch", False)}


async def test_a_place_said_otherwise_stays(world: World) -> None:
    """A borrower somewhere else than its household, one of no branch, and one whose place the province put right."""
    khu = await branch(world.members, HONG_HAI)
    homes = [await world.home(khu) for _ in range(3)]
    elsewhere = await world.borrower(homes[0], unit=HA_KHAU, branch=None)
    loose = await world.borrower(homes[1], branch=None)
    told = await world.borrower(homes[2])
    right = {"unit": VIET_HUNG, "effective_on": "2025-03-01"}
    await made(await world.loans.patch(f"/v1/borrowers/{told['id']}", json=right, headers={"if-match": '"1"'}), 200)
    async with following(world):
        await applied(world.members, goes(HONG_HAI, HA_LONG))
        await world.caught_up()
    assert await world.places(elsewhere) == [("2022-01-01", HA_KHAU, None)]
    assert await world.places(loose) == [("2022-01-01", HONG_HAI, None), (DAY, HA_LONG, None)]
    assert (await world.places(told))[-1] == ("2025-03-01", VIET_HUNG, None)


async def test_who_is_registered_later_has_been_carried(world: World) -> None:
    """By its old place, from before the plan's day or after, alone or among many; by its new one; strangers not."""
    khu = await branch(world.members, HONG_HAI)
    homes = [await world.home(khu) for _ in range(4)]
    async with following(world):
        await applied(world.members, goes(HONG_HAI, HA_LONG))
        await world.caught_up()
    before = await world.borrower(homes[0])
    assert before["unit"] == HA_LONG
    assert await world.places(before) == [("2022-01-01", HONG_HAI, khu["id"]), (DAY, HA_LONG, khu["id"])]
    after = await world.borrower(homes[1], customer_since="2025-09-01", branch=None)
    assert await world.places(after) == [("2025-09-01", HA_LONG, None)]
    here = await world.borrower(homes[2], unit=HA_LONG)
    assert await world.places(here) == [("2022-01-01", HA_LONG, khu["id"])]
    item = {"household": homes[3]["id"], "unit": HONG_HAI, "branch": khu["id"], "customer_code": "K-1"}
    other = {**item, "household": khu["id"], "unit": HA_KHAU, "customer_code": "K-2"}
    batch = await made(await world.loans.post("/v1/borrowers/batch", json={"items": [item, other]}), 200)
    assert [(await world.one("borrowers", each))["unit"] for each in batch["items"]] == [HA_LONG, HA_KHAU]
    loan = await world.lent(before, 10_000_000)
    spells = (await world.told(loan))[-1][4]["timeline"]
    assert {(s["unit"], s["since"] >= DAY) for s in spells} == {(HONG_HAI, False), (HA_LONG, True)}


async def test_a_group_goes_with_its_branch(world: World) -> None:
    """Savings, ratings and board stay its own; a name that is taken there is told apart; undone, all is as before."""
    khu, there = await branch(world.members, HONG_HAI), await branch(world.members, HA_LONG, "Khu 7")
    homes = [await world.home(khu) for _ in range(5)]
    formed = await world.group(khu, *homes)
    await world.group(there, *[await world.home(there) for _ in range(5)])
    who = (await world.loans.get(f"/v1/groups/{formed['id']}/members")).json()["items"][0]["borrower"]
    await made(await save(world.loans, formed, "2024-02-02", (who, "in", 300_000)))
    async with following(world):
        plan = await applied(world.members, goes(HONG_HAI, HA_LONG))
        await world.caught_up()
        assert await world.spells(formed) == [
            ("2023-01-10", "began", HONG_HAI, khu["id"]),
            (DAY, "reorganised", HA_LONG, khu["id"]),
        ]
        now = await world.one("groups", formed)
        assert (now["name"], now["savings"], now["members"], now["warnings"]) == (
            *("Tổ Mẫu (Phường Hồng Hải)", 300_000, 5),
            [],
        )
        event = (await world.told(formed))[-1]
        assert event[:4] == (3, "moved", DAY, BY)
        assert event[4]["savings"] == [{"on": "2024-02-02", "amount": 300_000}]
        await step(world.members, plan, "reversal")
        await world.caught_up()
        assert await world.spells(formed) == [("2023-01-10", "began", HONG_HAI, khu["id"])]
        assert (await world.one("groups", formed))["name"] == "Tổ Mẫu"
    assert await world.undecided() == set()


async def test_a_group_of_no_branch_goes_where_all_its_households_went(world: World) -> None:
    """Of a commune that went whole; and back. One formed since the plan's day goes too."""
    khu, other = await branch(world.members, HONG_HAI), await branch(world.members, HONG_HAI, "Khu 2")
    formed = await world.group(khu, *[await world.home(each) for each in (khu, khu, other, other, other)], branch=None)
    late = await world.group(khu, *[await world.home(khu) for _ in range(5)], name="Tổ 2", opened_on="2025-08-01")
    loose = await world.group(
        khu, *[await world.home(khu) for _ in range(5)], name="Tổ 3", opened_on="2025-08-01", branch=None
    )
    async with following(world):
        plan = await applied(world.members, goes(HONG_HAI, HA_LONG))
        await world.caught_up()
        began = ("2023-01-10", "began", HONG_HAI, None)
        assert await world.spells(formed) == [began, (DAY, "reorganised", HA_LONG, None)]
        assert await world.spells(late) == [("2025-08-01", "began", HA_LONG, khu["id"])]
        assert await world.spells(loose) == [("2025-08-01", "began", HA_LONG, None)]
        assert await world.undecided() == set()
        await step(world.members, plan, "reversal")
        await world.caught_up()
        assert await world.spells(formed) == [began]
        assert await world.spells(late) == [("2025-08-01", "began", HONG_HAI, khu["id"])]
        assert await world.spells(loose) == [("2025-08-01", "began", HONG_HAI, None)]
    assert await world.undecided() == set()


async def test_a_divided_group_is_undecided_until_the_province_says(world: World) -> None:
    """Of a divided branch, and of a commune divided; one whose households all went one way is not; all return."""
    khu, second = await branch(world.members, HA_KHAU), await branch(world.members, HA_KHAU, "Khu 2")
    homes = [await world.home(khu) for _ in range(10)]
    divided, whole = await world.group(khu, *homes[:5]), await world.group(khu, *homes[5:], name="Tổ 2")
    mixed = [await world.home(each) for each in (khu, khu, second, second, second)]
    loose = await world.group(khu, *mixed, name="Tổ 3", branch=None)
    parts = split_of(khu, homes[0], *homes[5:])
    async with following(world):
        mappings = (
            goes(HA_KHAU, VIET_HUNG, khu),
            goes(HA_KHAU, TUAN_CHAU, second, splits=[parts]),
        )
        plan = await step(world.members, await drafted(world.members, *mappings), "application")
        await world.caught_up()
        (fresh,) = await rows(world.members_url, "select id from branch where name like 'Khu mới%'")
        began = ("2023-01-10", "began", HA_KHAU, khu["id"])
        assert await world.spells(divided) == [began, (DAY, "reorganised", VIET_HUNG, khu["id"])]
        assert await world.spells(whole) == [began, (DAY, "reorganised", TUAN_CHAU, str(fresh["id"]))]
        assert await world.spells(loose) == [("2023-01-10", "began", HA_KHAU, None)]
        assert await world.undecided() == {divided["id"], loose["id"]}
        assert (await world.one("groups", loose))["warnings"] == ["undecided"]
        said = {"effective_on": DAY, "reason": "reorganised"}
        items = [
            {"group": each["id"], "version": await world.version(each), "unit": unit, "branch": by, **said}
            for each, unit, by in ((divided, TUAN_CHAU, str(fresh["id"])), (loose, VIET_HUNG, None))
        ]
        done = await made(await world.loans.post("/v1/groups/moves", json={"items": items}), 200)
        assert done["done"] == 2
        assert await world.undecided() == set()
        await step(world.members, plan, "reversal")
        await world.caught_up()
        for group, place in ((divided, khu["id"]), (whole, khu["id"]), (loose, None)):
            assert await world.spells(group) == [("2023-01-10", "began", HA_KHAU, place)]
        assert await world.undecided() == set()
