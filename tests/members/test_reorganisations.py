"""Reorganisations: partial, many to many, previewed, applied in one step, undone; old codes keep working."""

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
    everything,
    goes,
    path,
    preview,
    read,
    refused,
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


async def test_whole_units_go_into_one(members: httpx.AsyncClient, url: str, issuer: Issuer) -> None:
    """Two wards become one whose code one of them had: branch, group, household, members and offices go, on the day."""
    old, other = await branch(members, HONG_HAI), await branch(members, HONG_HA, "Khu 2")
    to = await made(
        await members.post("/v1/groups", json={"branch": old["id"], "name": "Tổ 1", "opened_on": "2015-01-01"})
    )
    home = await household(members, old)
    lan = await member(members, old, household=home["id"], group=to["id"])
    gone = await member(members, other)
    leaving = {"left_on": "2023-03-03", "reason": "own_wish"}
    await made(
        await members.post(f"/v1/members/{gone['id']}/departure", json=leaving, headers={"if-match": '"1"'}), 200
    )
    office = {"level": "commune", "position": "president", "since": "2022-01-01"}
    await made(await members.post(f"/v1/members/{lan['id']}/roles", json=office, headers={"if-match": '"1"'}))
    here = issuer.headers("06688")
    assert (await members.get(f"/v1/members/{lan['id']}", headers=here)).status_code == 404
    plan = await applied(members, goes(HONG_HAI, HA_LONG), goes("06697", HA_LONG))
    assert (plan["state"], plan["mappings"][1]["from"]) == ("applied", HONG_HA)
    for noun, record in {"branches": old, "groups": to, "households": home, "members": lan}.items():
        assert (await read(members, noun, record))["unit"] == HA_LONG
    since = {"branches": "2010-01-01", "groups": "2015-01-01", "households": "2020-01-01", "members": BEGAN}
    for noun, record in {"branches": old, "groups": to, "households": home, "members": lan}.items():
        assert await path(url, record) == [(since[noun], "began", HONG_HAI), (CARRIED, "reorganised", HA_LONG)]
    assert await path(url, gone) == [
        (BEGAN, "began", HONG_HA),
        ("2023-03-03", "ended", HONG_HA),
        (CARRIED, "reorganised", HA_LONG),
    ]
    seen = await made(await members.get("/v1/members", headers=here), 200)
    assert {one["id"]: one["status"] for one in seen["items"]} == {lan["id"]: "active", gone["id"]: "left"}
    held = await rows(url, "select place, since::text, until::text from officer_role order by since")
    assert [tuple(row) for row in held] == [(HONG_HAI, "2022-01-01", DAY), (HA_LONG, DAY, None)]


async def test_parts_go_where_their_branches_are_named(members: httpx.AsyncClient) -> None:
    """A ward is split and joined by another: many to many; namesakes are told apart by where they came from."""
    one, two = await branch(members, HA_KHAU), await branch(members, HA_KHAU, "Khu 2")
    third = await branch(members, DAI_YEN, "Khu 2")
    who = [await member(members, each) for each in (one, two, third)]
    mappings = goes(HA_KHAU, VIET_HUNG, one), goes(HA_KHAU, TUAN_CHAU, two), goes(DAI_YEN, TUAN_CHAU)
    plan = await drafted(members, *mappings)
    told = await preview(members, plan)
    assert {(pair["from"], pair["to"], pair["branches"], pair["members"]) for pair in told["pairs"]} == {
        (HA_KHAU, VIET_HUNG, 1, 1),
        (HA_KHAU, TUAN_CHAU, 1, 1),
        (DAI_YEN, TUAN_CHAU, 1, 1),
    }
    assert told["before"] == told["after"]
    assert told["after"]["figures"]["members.active"] == 3
    assert told["unmapped"] == told["obstacles"] == []
    assert {one["renamed"] for one in told["conflicts"]} == {"Khu 2 (Hà Khẩu)", "Khu 2 (Đại Yên)"}
    found = await made(await members.get(f"/v1/reorganisations/{plan['id']}/records?limit=4"), 200)
    more = await members.get(f"/v1/reorganisations/{plan['id']}/records?cursor={found['next_cursor']}")
    foretold = [*found["items"], *(await made(more, 200))["items"]]
    assert [record["kind"] for record in foretold] == ["branch"] * 3 + ["member"] * 3
    await step(members, plan, "application")
    assert [(await read(members, "members", each))["unit"] for each in who] == [VIET_HUNG, TUAN_CHAU, TUAN_CHAU]
    names = [(await read(members, "branches", each))["name"] for each in (one, two, third)]
    assert names == ["Khu 1", "Khu 2 (Hà Khẩu)", "Khu 2 (Đại Yên)"]
    went = await made(await members.get(f"/v1/reorganisations/{plan['id']}/records"), 200)
    assert went["items"] == foretold


async def test_one_branch_is_split_among_two_communes(members: httpx.AsyncClient, url: str) -> None:
    """A group with its members' household, and a member of none, go to a branch opened for them; the others stay."""
    khu = await branch(members, HA_KHAU)
    to = await made(
        await members.post("/v1/groups", json={"branch": khu["id"], "name": "Tổ 1", "opened_on": "2015-01-01"})
    )
    home, stays = await household(members, khu), await household(members, khu)
    lan = await member(members, khu, household=home["id"], group=to["id"])
    mai = await member(members, khu, household=home["id"])
    alone = await member(members, khu)
    behind = await member(members, khu, household=stays["id"])
    split = {"branch": khu["id"], "name": "Khu 9", "groups": [to["id"]], "members": [alone["id"]]}
    plan = await drafted(
        members, goes(HA_KHAU, VIET_HUNG, khu), goes(HA_KHAU, TUAN_CHAU, extent="part", splits=[split])
    )
    told = {pair["to"]: pair["members"] for pair in (await preview(members, plan))["pairs"]}
    assert told == {VIET_HUNG: 1, TUAN_CHAU: 3}
    before = await everything(url)
    plan = await step(members, plan, "application")
    opened = (await made(await members.get("/v1/branches", params={"unit": TUAN_CHAU}), 200))["items"]
    assert [(each["name"], each["opened_on"]) for each in opened] == [("Khu 9", DAY)]
    for noun, record in {"groups": to, "households": home}.items():
        assert (await read(members, noun, record))["branch"] == opened[0]["id"]
    for one in (lan, mai, alone):
        now = await read(members, "members", one)
        assert (now["unit"], now["branch"]) == (TUAN_CHAU, opened[0]["id"])
        assert await path(url, one) == [(BEGAN, "began", HA_KHAU), (CARRIED, "reorganised", TUAN_CHAU)]
    assert (await read(members, "members", lan))["group"] == to["id"]
    assert (await read(members, "members", behind))["unit"] == VIET_HUNG
    await step(members, plan, "reversal")
    after = await everything(url)
    closed = [row for row in after["branch"] if str(row[0]) == opened[0]["id"]]
    assert [str(row[4]) for row in closed] == [DAY]
    after["branch"] = [row for row in after["branch"] if row not in closed]
    assert after == before


async def test_who_moved_before_and_after_is_where_she_was(members: httpx.AsyncClient, url: str) -> None:
    """Enrolled or put right afterwards, for days before: then in the old unit, now in the new."""
    khu = await branch(members, HONG_HAI)
    await applied(members, goes(HONG_HAI, HA_LONG))
    late = await member(members, khu)
    home = await household(members, khu)
    assert await path(url, late) == [(BEGAN, "began", HONG_HAI), (CARRIED, "reorganised", HA_LONG)]
    assert await path(url, home) == [("2020-01-01", "began", HONG_HAI), (CARRIED, "reorganised", HA_LONG)]
    change = {"joined_on": "2025-08-01"}
    await made(await members.patch(f"/v1/members/{late['id']}", json=change, headers={"if-match": '"1"'}), 200)
    assert await path(url, late) == [("2025-08-01", "began", HA_LONG)]
    change = {"joined_on": "2020-02-02"}
    await made(await members.patch(f"/v1/members/{late['id']}", json=change, headers={"if-match": '"2"'}), 200)
    assert await path(url, late) == [("2020-02-02", "began", HONG_HAI), (CARRIED, "reorganised", HA_LONG)]
    leaving = {"left_on": "2024-04-04", "reason": "moved_away"}
    await made(
        await members.post(f"/v1/members/{late['id']}/departure", json=leaving, headers={"if-match": '"3"'}), 200
    )
    assert await path(url, late) == [
        ("2020-02-02", "began", HONG_HAI),
        ("2024-04-04", "ended", HONG_HAI),
        (CARRIED, "reorganised", HA_LONG),
    ]


async def test_what_is_unmapped_or_wrong_is_refused(members: httpx.AsyncClient, url: str) -> None:
    """A branch nobody names or that is not there, a household left behind, a name taken: nothing moves."""
    one, two = await branch(members, HA_KHAU), await branch(members, HA_KHAU, "Khu 2")
    await branch(members, VIET_HUNG)
    home = await household(members, two)
    lan = await member(members, two, household=home["id"])
    split = {"branch": two["id"], "members": [lan["id"]]}
    plan = await drafted(
        members,
        goes(HA_KHAU, VIET_HUNG, one, {"id": lan["id"]}),
        goes(HA_KHAU, TUAN_CHAU, extent="part", splits=[split]),
        names=[{"branch": one["id"], "name": "KHU  1"}],
    )
    told = await preview(members, plan)
    assert [each["id"] for each in told["unmapped"]] == [two["id"]]
    answer = await step(members, plan, "application", 409)
    assert answer["type"] == "urn:danvan:problem:plan-incomplete"
    assert refused(answer) == {
        ("/mappings/0/branches/1", "unknown"),
        ("/mappings/1/splits/0/members/0", "household_stays"),
        ("/names/0/name", "taken"),
        (f"/unmapped/{two['id']}", "unmapped"),
    }
    assert {row["unit"] for row in await rows(url, "select unit from member")} == {HA_KHAU}
    right = {"mappings": [goes(HA_KHAU, VIET_HUNG, one), goes(HA_KHAU, TUAN_CHAU, two)], "names": []}
    where = f"/v1/reorganisations/{plan['id']}"
    plan = await made(await members.patch(where, json=right, headers={"if-match": '"1"'}), 200)
    assert (await preview(members, plan))["conflicts"][0]["renamed"] == "Khu 1 (Hà Khẩu)"
    stale = await members.post(f"{where}/application", headers={"if-match": '"1"'})
    assert stale.status_code == 412
    plan = await step(members, plan, "application")
    assert (await step(members, plan, "application", 409))["type"].endswith("plan-applied")
    assert (await members.patch(where, json=right, headers={"if-match": '"3"'})).status_code == 409


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"mappings": [goes("99999", HA_LONG)]}, ("/mappings/0/from", "unknown")),
        ({"mappings": [goes("00004", HA_LONG)]}, ("/mappings/0/from", "unknown")),
        ({"mappings": [goes(HONG_HAI, "00004")]}, ("/mappings/0/to", "unknown")),
        ({"mappings": [goes(HA_LONG, HA_LONG)], "effective_on": "2025-08-01"}, ("/mappings/0/to", "same")),
        ({"mappings": [goes(HONG_HAI, HA_LONG)], "effective_on": "2025-06-01"}, ("/mappings/0/from", "in_force")),
        ({"mappings": [goes(HONG_HAI, HA_LONG)], "effective_on": "2025-06-01"}, ("/mappings/0/to", "not_in_force")),
        ({"mappings": [goes(HONG_HAI, HA_LONG), goes(HONG_HAI, TUAN_CHAU)]}, ("/mappings/1/from", "twice")),
        ({"mappings": [goes(HONG_HAI, HA_LONG, branches=[NOBODY])]}, ("/mappings/0/extent", "whole")),
    ],
)
async def test_a_plan_names_units_as_they_were_that_day(
    members: httpx.AsyncClient, change: dict[str, Any], fault: tuple[str, str]
) -> None:
    """Codes of no unit, of another province, not in force, twice: each field is named."""
    body = {"name": "Mẫu", "decision": "1", "effective_on": DAY, **change}
    answer = await members.post("/v1/reorganisations", json=body)
    assert fault in refused(await made(answer, 422))


async def test_only_a_province_with_the_scope_plans(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """Neither a commune nor a caller without the scope; another province does not see the plan."""
    plan = await drafted(members, goes(HONG_HAI, HA_LONG))
    where = f"/v1/reorganisations/{plan['id']}"
    for headers in (issuer.headers("06688"), issuer.headers("22", scope="members:read members:write")):
        assert (await members.get(where, headers=headers)).status_code == 403
    assert (await members.get(where, headers=issuer.headers("01"))).status_code == 404
    mine = await made(await members.get("/v1/reorganisations"), 200)
    assert [each["id"] for each in mine["items"]] == [plan["id"]]
    assert (await made(await members.get("/v1/reorganisations", headers=issuer.headers("01")), 200))["items"] == []
    ahead = await drafted(members, goes(HA_LONG, VIET_HUNG), effective_on="2099-01-01")
    assert (await step(members, ahead, "application", 409))["type"].endswith("plan-not-yet")


async def test_a_draft_is_made_from_the_lineage(members: httpx.AsyncClient) -> None:
    """171 units to 54: 159 whole pairs are complete, 25 parts wait for their branches to be named."""
    body = {"name": "Mẫu", "decision": "1679/NQ-UBTVQH15", "effective_on": DAY}
    plan = await made(await members.post("/v1/reorganisations", params={"from_lineage": "22"}, json=body))
    assert len({mapping["from"] for mapping in plan["mappings"]}) == 171
    assert len({mapping["to"] for mapping in plan["mappings"]}) == 54
    assert [mapping["extent"] for mapping in plan["mappings"]].count("part") == 25
    for params, given in (
        ({"from_lineage": "01"}, {}),
        ({"from_lineage": "22"}, {"mappings": [goes(HONG_HAI, HA_LONG)]}),
    ):
        answer = await members.post("/v1/reorganisations", params=params, json={**body, **given})
        assert answer.status_code == 422


async def test_a_reversal_restores_everything_unless_something_changed(members: httpx.AsyncClient, url: str) -> None:
    """Timelines, names and offices as before; forbidden, naming them, by a later change and by who came later."""
    khu, other = await branch(members, HONG_HAI), await branch(members, HONG_HA)
    home = await household(members, khu)
    lan, mai = await member(members, khu, household=home["id"]), await member(members, other, core=True)
    office = {"level": "branch", "position": "head", "since": "2022-01-01"}
    await made(await members.post(f"/v1/members/{lan['id']}/roles", json=office, headers={"if-match": '"1"'}))
    before = await everything(url)
    mappings = goes(HONG_HAI, HA_LONG), goes(HONG_HA, HA_LONG)
    plan = await applied(members, *mappings)
    assert await everything(url) != before
    plan = await step(members, plan, "reversal")
    assert (plan["state"], await everything(url)) == ("reversed", before)
    assert (await step(members, plan, "reversal", 409))["type"].endswith("plan-reversed")
    plan = await applied(members, *mappings)
    renamed = {"name": "Hội viên Mẫu 2"}
    at = (await read(members, "members", lan))["version"]
    await made(await members.patch(f"/v1/members/{lan['id']}", json=renamed, headers={"if-match": f'"{at}"'}), 200)
    plan = await step(members, plan, "reversal")
    assert await everything(url) == before
    plan = await applied(members, *mappings)
    late = await member(members, khu)
    change = {"core": False, "effective_on": "2025-09-01"}
    at = (await read(members, "members", mai))["version"]
    await made(await members.patch(f"/v1/members/{mai['id']}", json=change, headers={"if-match": f'"{at}"'}), 200)
    answer = await step(members, plan, "reversal", 409)
    assert answer["type"] == "urn:danvan:problem:changed-since"
    assert refused(answer) == {(f"/member/{mai['id']}", "changed"), (f"/member/{late['id']}", "added")}


async def test_old_codes_keep_working(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """06688 of 2024 is Hồng Hải in every list; named afterwards it is its successor, or the candidates are told."""
    old = await members.get("/v1/units/06688", params={"on": "2024-01-01"})
    assert (old.json()["key"], old.json()["name"]) == (HONG_HAI, "Phường Hồng Hải")
    assert (await members.get(f"/v1/units/{HONG_HAI}")).json() == old.json()
    then = (await made(await members.get("/v1/units", params={"on": "2024-01-01"}), 200))["items"]
    assert len(then) == 1 + 171
    khu = await branch(members, "06688", unit_on="2024-01-01")
    assert khu["unit"] == HONG_HAI
    split = await branch(members, HA_KHAU)
    lan = await member(members, khu)
    late = {"unit": HONG_HAI, "name": "Khu 3", "opened_on": DAY}
    assert refused(await made(await members.post("/v1/branches", json=late), 422)) == {("/opened_on", "after_closing")}
    await applied(
        members, goes(HONG_HAI, HA_LONG), goes(HA_KHAU, VIET_HUNG, split), goes(HA_KHAU, TUAN_CHAU, extent="part")
    )
    here = issuer.headers("06688")
    for noun, record in {"members": lan, "branches": khu}.items():
        answer = await members.get(f"/v1/{noun}", params={"unit": HONG_HAI}, headers=here)
        assert [one["id"] for one in answer.json()["items"]] == [record["id"]]
        assert (await members.get(f"/v1/{noun}", params={"unit": DAI_YEN})).json()["items"] == []
    more = await branch(members, "06688", "Khu 2", unit_on="2024-01-01")
    assert [(spell["since"], spell["unit"]) for spell in more["timeline"]] == [("2010-01-01", HONG_HAI), (DAY, HA_LONG)]
    answer = await members.post("/v1/branches", json={"unit": HA_KHAU, "name": "Khu 2", "opened_on": "2010-01-01"})
    assert refused(await made(answer, 422)) == {("/unit", "ambiguous")}
    assert VIET_HUNG in answer.text
    assert TUAN_CHAU in answer.text
    body = {"unit": DAI_YEN, "name": "Khu 1", "opened_on": "2010-01-01"}
    assert (await members.post("/v1/branches", json=body, headers=here)).status_code == 404
