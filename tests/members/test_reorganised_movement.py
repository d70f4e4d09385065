"""Movement of days before a reorganisation that is applied, told afterwards; what it carries beside records."""

from typing import Any

import httpx
import pytest

from tests.builders import branch, household, made, member
from tests.conftest import Api, Database
from tests.issuer import Issuer
from tests.members.planning import (
    DAI_YEN,
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
    path,
    preview,
    read,
    refused,
    rows,
    step,
)
from tests.members.test_merges import merged
from tests.members.test_transfers import version

BEGAN = "2021-05-10"


@pytest.fixture
async def url(database: Database) -> str:
    """A fresh members database."""
    return await database("members")


@pytest.fixture
async def members(api: Api, url: str) -> httpx.AsyncClient:
    """A provincial caller of the members service."""
    return await api("members", url)


async def done(
    members: httpx.AsyncClient, who: dict[str, Any], what: str, headers: dict[str, str], **body: Any
) -> httpx.Response:
    """Something done to a member as she stands; `what`: the room, or a day that is taken back."""
    at = (await read(members, "members", who))["version"]
    where, headers = f"/v1/members/{who['id']}/{what}", {**headers, **version(at)}
    if what.startswith("history/"):
        return await members.delete(where, headers=headers)
    return await members.post(where, json=body, headers=headers)


async def test_the_new_commune_tells_what_happened_in_the_old(
    members: httpx.AsyncClient, url: str, issuer: Issuer
) -> None:
    """Moved, left and back in years of the old wards: each spell in the ward of the day, each taken back again."""
    one, two = await branch(members, HONG_HAI), await branch(members, HONG_HA, "Khu 2")
    lan = await member(members, one)
    await applied(members, goes(HONG_HAI, HA_LONG), goes(HONG_HA, HA_LONG))
    here = issuer.headers(HA_LONG)
    whole = await path(url, lan)
    answer = await done(members, lan, "transfers", here, to_branch=two["id"], effective_on="2023-03-03")
    assert (await made(answer))["state"] == "accepted"
    moved = [(BEGAN, "began", HONG_HAI), ("2023-03-03", "moved", HONG_HA)]
    assert await path(url, lan) == [*moved, (DAY, "reorganised", HA_LONG)]
    await made(await done(members, lan, "departure", here, left_on="2024-01-01", reason="own_wish"), 200)
    await made(await done(members, lan, "rejoin", here, branch=one["id"], joined_on="2024-06-01"), 200)
    assert await path(url, lan) == [
        *moved,
        ("2024-01-01", "ended", HONG_HA),
        ("2024-06-01", "resumed", HONG_HAI),
        (DAY, "reorganised", HA_LONG),
    ]
    for since in ("2024-06-01", "2024-01-01", "2023-03-03"):
        await made(await done(members, lan, f"history/{since}", here), 200)
    assert await path(url, lan) == whole


async def test_what_is_put_right_of_days_before_is_in_the_old_unit(members: httpx.AsyncClient, url: str) -> None:
    """A group formed on another day, a status said again of the very day, a group and a branch closed before it."""
    khu = await branch(members, HONG_HAI)
    forming = {"branch": khu["id"], "name": "Tổ 1", "opened_on": "2015-01-01"}
    group, home = await made(await members.post("/v1/groups", json=forming)), await household(members, khu)
    await applied(members, goes(HONG_HAI, HA_LONG))
    for opened, spells in (
        ("2025-08-01", [("2025-08-01", "began", HA_LONG)]),
        ("2014-01-01", [("2014-01-01", "began", HONG_HAI), (DAY, "reorganised", HA_LONG)]),
    ):
        at = version((await read(members, "groups", group))["version"])
        await made(await members.patch(f"/v1/groups/{group['id']}", json={"opened_on": opened}, headers=at), 200)
        assert await path(url, group) == spells
    for status in ("poor", "near_poor"):
        body = {"status": status, "standard": "mau", "effective_on": DAY}
        at = version((await read(members, "households", home))["version"])
        await made(await members.put(f"/v1/households/{home['id']}/poverty-status/2025", json=body, headers=at), 200)
        assert await path(url, home) == [("2020-01-01", "began", HONG_HAI), (DAY, "reorganised", HA_LONG)]
    for noun, what, began in (("groups", group, "2014-01-01"), ("branches", khu, "2010-01-01")):
        at = version((await read(members, noun, what))["version"])
        closing = {"closed_on": "2024-01-01"}
        await made(await members.post(f"/v1/{noun}/{what['id']}/closing", json=closing, headers=at), 200)
        ended = [(began, "began", HONG_HAI), ("2024-01-01", "ended", HONG_HAI), (DAY, "reorganised", HA_LONG)]
        assert await path(url, what) == ended


async def test_who_moves_before_a_split_does_not_go_with_it(members: httpx.AsyncClient, url: str) -> None:
    """She was split off with her household; in truth she had moved away, and then again she had not."""
    khu, other = await branch(members, HA_KHAU), await branch(members, HONG_HAI)
    home = await household(members, khu)
    lan = await member(members, khu, household=home["id"])
    split = {"branch": khu["id"], "name": "Khu 9", "households": [home["id"]]}
    await applied(
        members,
        goes(HA_KHAU, VIET_HUNG, khu),
        goes(HA_KHAU, TUAN_CHAU, extent="part", splits=[split]),
        goes(HONG_HAI, HA_LONG),
    )
    whole, fresh = await path(url, lan), (await read(members, "members", lan))["branch"]
    asked = await made(await done(members, lan, "transfers", {}, to_branch=other["id"], effective_on="2024-01-01"))
    assert (asked["state"], asked["from_unit"], asked["to_unit"]) == ("requested", TUAN_CHAU, HA_LONG)
    where = f"/v1/transfers/{asked['id']}/acceptance"
    await made(await members.post(where, json={}, headers=version(asked["version"])), 200)
    assert await path(url, lan) == [
        (BEGAN, "began", HA_KHAU),
        ("2024-01-01", "moved", HONG_HAI),
        (DAY, "reorganised", HA_LONG),
    ]
    await made(await done(members, lan, "history/2024-01-01", {}), 200)
    back = await read(members, "members", lan)
    assert (await path(url, lan), back["branch"], back["household"]) == (whole, fresh, home["id"])


async def test_a_merge_is_undone_into_the_places_of_now(members: httpx.AsyncClient, url: str, issuer: Issuer) -> None:
    """Merged before the reorganisation: the record follows its branch, or the household that was split off."""
    khu, near = await branch(members, HA_KHAU), await branch(members, HONG_HAI)
    home = await household(members, khu)
    survivors = [await member(members, near, name=f"Hội viên Mẫu {n}") for n in (1, 2)]
    gone = [
        await member(members, near, joined_on="2019-02-03"),
        await member(members, khu, household=home["id"], joined_on="2019-02-03"),
    ]
    for survivor, other in zip(survivors, gone, strict=True):
        await merged(members, survivor, other, keep="earliest")
    split = {"branch": khu["id"], "households": [home["id"]]}
    mappings = goes(HA_KHAU, TUAN_CHAU, extent="part", splits=[split]), goes(HONG_HAI, HA_LONG)
    where = "select unit from member where status = 'merged' order by id"
    draft = await drafted(members, goes(HA_KHAU, VIET_HUNG, khu), *mappings)
    assert (await preview(members, draft))["after"]["members"] == 2
    plan = await step(members, draft, "application")
    assert [row["unit"] for row in await rows(url, where)] == [HA_LONG, TUAN_CHAU]
    await step(members, plan, "reversal")
    assert [row["unit"] for row in await rows(url, where)] == [HONG_HAI, HA_KHAU]
    there = (await made(await members.get("/v1/branches", params={"unit": HA_KHAU}), 200))["items"]
    await applied(members, goes(HA_KHAU, VIET_HUNG, *there), *mappings)
    here = issuer.headers(HA_LONG)
    elsewhere = await done(members, survivors[1], "unmerge", here, duplicate=gone[1]["id"])
    assert refused(await made(elsewhere, 422)) == {("/duplicate", "unknown")}
    for survivor, other, headers in zip(survivors, gone, (here, {}), strict=True):
        await made(await done(members, survivor, "unmerge", headers, duplicate=other["id"]), 200)
        assert await path(url, survivor) == [(BEGAN, "began", HONG_HAI), (DAY, "reorganised", HA_LONG)]
    assert await path(url, gone[0]) == [("2019-02-03", "began", HONG_HAI), (DAY, "reorganised", HA_LONG)]
    assert await path(url, gone[1]) == [("2019-02-03", "began", HA_KHAU), (DAY, "reorganised", TUAN_CHAU)]
    again, moved = await read(members, "members", gone[1]), await read(members, "households", home)
    assert again["branch"] == moved["branch"] != khu["id"]


async def test_a_reversal_takes_back_the_names_that_the_plan_gave(members: httpx.AsyncClient) -> None:
    """A name put right since stays, unless it is another's in the old unit: then that is said, and nothing moves."""
    one, two, far = [await branch(members, unit, "Khu 1") for unit in (HONG_HAI, HONG_HA, DAI_YEN)]
    beside = await branch(members, HONG_HAI, "Khu 2")
    mappings = goes(HONG_HAI, HA_LONG), goes(HONG_HA, HA_LONG), goes(DAI_YEN, HA_LONG)
    plan = await applied(members, *mappings)

    async def name(which: dict[str, Any], given: str) -> None:
        now = await read(members, "branches", which)
        answer = await members.patch(
            f"/v1/branches/{which['id']}", json={"name": given}, headers=version(now["version"])
        )
        await made(answer, 200)

    await name(two, "Khu Mẫu")
    await name(beside, "Khu 1")
    answer = await step(members, plan, "reversal", 409)
    assert refused(answer) == {(f"/branch/{which['id']}/name", "taken") for which in (one, beside)}
    await name(beside, "Khu 3")
    await step(members, plan, "reversal")
    found = [await read(members, "branches", which) for which in (one, two, far, beside)]
    assert [(each["name"], each["unit"]) for each in found] == [
        ("Khu 1", HONG_HAI),
        ("Khu Mẫu", HONG_HA),
        ("Khu 1", DAI_YEN),
        ("Khu 3", HONG_HAI),
    ]


async def test_declared_women_are_carried_where_units_go_whole(members: httpx.AsyncClient, url: str) -> None:
    """The sum of whole units, on the day; of parts nobody can say; undone, as before; again, into the next unit."""

    async def declared(unit: str, since: str, women: int, status: int = 200) -> dict[str, Any]:
        return await made(await members.put(f"/v1/populations/{unit}/{since}", json={"women_18": women}), status)

    async def told(unit: str) -> list[tuple[Any, ...]]:
        found = (await made(await members.get("/v1/populations", params={"unit": unit}), 200))["items"]
        return [(s["since"], s["women_18"], s["heir"]) for each in found for s in each["timeline"]]

    khu = await branch(members, HA_KHAU)
    for unit, women in ((HONG_HAI, 900), (HONG_HA, 700), (HA_KHAU, 500), (DAI_YEN, 400)):
        await declared(unit, "2024-01-01", women)
    assert refused(await declared(HONG_HAI, DAY, 1, 422)) == {("path:since", "after_end")}
    draft = await drafted(
        members,
        goes(HONG_HAI, HA_LONG),
        goes(HONG_HA, HA_LONG),
        goes("06649@2025-06-30", HA_LONG),
        goes(HA_KHAU, VIET_HUNG, khu),
        goes(HA_KHAU, TUAN_CHAU, extent="part"),
        goes(DAI_YEN, TUAN_CHAU),
    )
    assert (await preview(members, draft))["populations"] == [
        {"to": VIET_HUNG, "from": [HA_KHAU], "women_18": None, "undeclared": []},
        {
            "to": HA_LONG,
            "from": [HONG_HAI, HONG_HA, "06649@2025-06-30"],
            "women_18": 1_600,
            "undeclared": ["06649@2025-06-30"],
        },
        {"to": TUAN_CHAU, "from": [HA_KHAU, DAI_YEN], "women_18": None, "undeclared": []},
    ]
    plan = await step(members, draft, "application")
    assert await told(HA_LONG) == [(DAY, 1_600, None)]
    assert await told(HONG_HAI) == [("2024-01-01", 900, None), (DAY, 0, HA_LONG)]
    assert await told(DAI_YEN) == [("2024-01-01", 400, None), (DAY, 0, None)]
    assert (await told(HA_KHAU), await told(TUAN_CHAU)) == ([("2024-01-01", 500, None)], [])
    assert len((await made(await members.get(f"/v1/reorganisations/{plan['id']}/records"), 200))["items"]) == 1
    await declared(HA_LONG, "2025-09-01", 1_650)
    answer = await step(members, plan, "reversal", 409)
    assert [each["code"] for each in answer["errors"]] == ["changed"]
    await declared(TUAN_CHAU, "2025-09-01", 450)
    later = await applied(members, goes(HA_LONG, VIET_HUNG), effective_on="2025-10-01")
    assert await told(HA_LONG) == [(DAY, 1_600, None), ("2025-09-01", 1_650, None), ("2025-10-01", 0, VIET_HUNG)]
    assert await told(VIET_HUNG) == [("2025-10-01", 1_650, None)]
    assert await told(HONG_HAI) == [("2024-01-01", 900, None), (DAY, 0, VIET_HUNG)]
    assert refused(await declared(HA_LONG, "2025-11-01", 1, 422)) == {("path:since", "after_end")}
    await step(members, later, "reversal")
    assert await told(HA_LONG) == [(DAY, 1_600, None), ("2025-09-01", 1_650, None)]
    assert await told(VIET_HUNG) == [("2025-10-01", 0, None)]
    assert await told(HONG_HAI) == [("2024-01-01", 900, None), (DAY, 0, HA_LONG)]
    kinds = await rows(url, "select distinct type from journal where type like '%population.%' order by 1")
    assert [row["type"].split(".")[4] for row in kinds] == ["declared", "reorganised"]


async def test_an_open_request_follows_its_units(members: httpx.AsyncClient, url: str, issuer: Issuer) -> None:
    """The commune in place of the one asked decides, or the household's, if that was split off; undone, as before."""
    khu, far, other = await branch(members, HONG_HAI), await branch(members, DAI_YEN), await branch(members, HA_KHAU)
    beside, home = await branch(members, HA_LONG, "Khu 5"), await household(members, other)
    who = [await member(members, khu, name=f"Hội viên Mẫu {number}") for number in range(3)]
    places = {"to_branch": far["id"]}, {"to_unit": VIET_HUNG}, {"to_branch": other["id"], "household": home["id"]}
    asked = [
        await made(await done(members, each, "transfers", {}, effective_on="2024-01-01", **place))
        for each, place in zip(who, places, strict=True)
    ]
    split = {"branch": other["id"], "name": "Khu 9", "households": [home["id"]]}
    mappings = (
        *(goes(HONG_HAI, HA_LONG), goes(DAI_YEN, TUAN_CHAU), goes(VIET_HUNG, HA_LONG), goes(HA_KHAU, HA_LONG, other)),
        goes(HA_KHAU, TUAN_CHAU, extent="part", splits=[split]),
    )
    since = "2025-08-01"

    async def told() -> list[tuple[Any, ...]]:
        found = [await read(members, "transfers", each) for each in asked]
        for each in found:
            query = "select type, unit, version from journal where subject = $1 order by version desc limit 1"
            (row,) = await rows(url, query, each["id"])
            assert tuple(row) == ("vn.danvan.members.transfer.requested.v1", each["to_unit"], each["version"])
        return [(each["from_unit"], each["from_branch"], each["to_unit"], each["to_branch"]) for each in found]

    before = await told()
    plan = await applied(members, *mappings, effective_on=since)
    opened = (await read(members, "households", home))["branch"]
    assert await told() == [
        (HA_LONG, khu["id"], TUAN_CHAU, far["id"]),
        (HA_LONG, khu["id"], HA_LONG, None),
        (HA_LONG, khu["id"], TUAN_CHAU, opened),
    ]
    await step(members, plan, "reversal")
    assert await told() == before
    closed = (await made(await members.get("/v1/branches", params={"unit": HA_KHAU}), 200))["items"]
    await applied(
        members,
        *(mapping for mapping in mappings if mapping["from"] != HA_KHAU),
        goes(HA_KHAU, HA_LONG, *closed),
        effective_on=since,
    )

    async def decided(number: int, unit: str, what: str, status: int = 200, **body: Any) -> dict[str, Any]:
        now = await read(members, "transfers", asked[number])
        headers = {**issuer.headers(unit), **version(now["version"])}
        return await made(await members.post(f"/v1/transfers/{now['id']}/{what}", json=body, headers=headers), status)

    await decided(0, HA_LONG, "acceptance", 403)
    await decided(0, TUAN_CHAU, "acceptance")
    moved = [(BEGAN, "began", HONG_HAI), ("2024-01-01", "moved", DAI_YEN), (since, "reorganised", TUAN_CHAU)]
    assert await path(url, who[0]) == moved
    same = await decided(1, HA_LONG, "acceptance", 422, branch=khu["id"])
    assert refused(same) == {("/branch", "same")}
    await decided(1, HA_LONG, "acceptance", branch=beside["id"], effective_on="2025-09-01")
    assert (await read(members, "members", who[1]))["branch"] == beside["id"]
    assert (await decided(2, HA_LONG, "withdrawal"))["state"] == "withdrawn"
