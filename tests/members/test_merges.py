"""Two records of one person: found, merged, and separated again if that was wrong; pairs that are no duplicates."""

import asyncio
import re
from typing import Any

import asyncpg
import httpx
import pytest

from contracts import units
from services.chassis.reach import Reach
from services.members.duplicates import queries
from tests.builders import BA_CHE, MONG_DUONG, branch, made, member
from tests.conftest import Api
from tests.issuer import Issuer
from tests.members.test_members import journal, pointers
from tests.members.test_people import OLD
from tests.members.test_transfers import asked, days, read, version


async def merged(members: httpx.AsyncClient, one: dict[str, Any], other: dict[str, Any], **body: str) -> dict[str, Any]:
    """The survivor after a merge."""
    path, body = f"/v1/members/{one['id']}/merge", {"duplicate": other["id"], **body}
    return await made(await members.post(path, json=body, headers=version(one["version"])), 200)


async def test_a_duplicate_becomes_part_of_the_other(members: httpx.AsyncClient, issuer: Issuer, url: str) -> None:
    """Reads and writes of it answer 410 with the survivor's id, lists leave it out, its event has no timeline."""
    khu = await branch(members)
    one, other = await member(members, khu), await member(members, khu, joined_on="2020-01-01")
    assert (await merged(members, one, other))["version"] == 1
    path = f"/v1/members/{other['id']}"
    gone = await members.get(path)
    assert (gone.status_code, gone.json()["type"]) == (410, "urn:danvan:problem:member-merged")
    assert gone.json()["merged_into"] == one["id"]
    assert one["id"] in gone.headers["link"]
    assert (await members.get(path, headers=issuer.headers(BA_CHE))).status_code == 404
    assert (await members.patch(path, json={"core": True}, headers=version(2))).status_code == 410
    assert [item["id"] for item in (await members.get("/v1/members")).json()["items"]] == [one["id"]]
    told = (await members.get(f"{path}/history")).json()
    assert (told["merged_into"], told["timeline"], len(told["versions"])) == (one["id"], [], 2)
    event = (await journal(url))[-1]
    assert (event["type"], event["unit"], event["version"]) == (
        *("vn.danvan.members.member.merged.v1", MONG_DUONG),
        2,
    )
    assert (event["data"]["timeline"], event["data"]["merged_into"]) == ([], one["id"])
    after = event["recorded_at"].isoformat()
    assert (await members.get(path, params={"known_at": after})).status_code == 410
    for body, code in (({"duplicate": one["id"]}, "same"), ({"duplicate": other["id"]}, "unknown")):
        again = await members.post(f"/v1/members/{one['id']}/merge", json=body, headers=version(1))
        assert pointers(again) == {("/duplicate", code)}


async def test_the_earlier_membership_may_be_kept(members: httpx.AsyncClient, url: str) -> None:
    """Before the survivor began she was where the duplicate says; undone, both are exactly what they were."""
    khu, far = await branch(members), await branch(members, BA_CHE)
    one, other = await member(members, khu), await member(members, far, joined_on="2019-02-03", core=True)
    survivor = await merged(members, one, other, keep="earliest")
    assert (survivor["joined_on"], survivor["unit"], survivor["version"]) == ("2019-02-03", MONG_DUONG, 2)
    assert (await read(members, one, on="2020-01-01"))["unit"] == BA_CHE
    path = f"/v1/members/{one['id']}/unmerge"
    wrong = await members.post(path, json={"duplicate": one["id"]}, headers=version(2))
    assert pointers(wrong) == {("/duplicate", "unknown")}
    assert (await members.post(path, json={"duplicate": other["id"]}, headers=version(1))).status_code == 412
    back = await made(await members.post(path, json={"duplicate": other["id"]}, headers=version(2)), 200)
    assert back == {
        **one,
        **dict.fromkeys(("name", "birth_date")),
        "version": 3,
        "recorded_at": back["recorded_at"],
    }
    restored = await read(members, other)
    assert restored == {**other, "name": "Hội viên Mẫu 1", "version": 3, "recorded_at": restored["recorded_at"]}
    events: dict[Any, list[Any]] = {row["subject"]: [] for row in await journal(url)}
    for row in await journal(url):
        events[row["subject"]].append(row["data"].get("timeline"))
    assert all(told[0] == told[-1] for told in events.values())


async def test_what_happened_since_a_merge_stays(members: httpx.AsyncClient) -> None:
    """The survivor keeps later news when a merge is undone; a departure before her own beginning goes first."""
    khu = await branch(members)
    for number, patch, status in ((0, {"core": True, "effective_on": "2023-01-01"}, 200), (1, None, 409)):
        one = await member(members, khu, name=f"Hội viên Mẫu {number}")
        other = await member(members, khu, name=f"Hội viên Mẫu {number}", joined_on="2019-02-03")
        await merged(members, one, other, keep="earliest")
        path = f"/v1/members/{one['id']}"
        if patch:
            await made(await members.patch(path, json=patch, headers=version(2)), 200)
        else:
            leaving = {"left_on": "2020-01-01", "reason": "own_wish"}
            await made(await members.post(f"{path}/departure", json=leaving, headers=version(2)), 200)
        answer = await members.post(f"{path}/unmerge", json={"duplicate": other["id"]}, headers=version(3))
        assert answer.status_code == status, answer.text
        if patch:
            assert ((await read(members, one))["joined_on"], (await read(members, one))["core"]) == ("2021-05-10", True)
        else:
            assert answer.json()["type"] == "urn:danvan:problem:survivor-changed"


async def test_a_merge_is_not_undone_into_a_closed_branch(members: httpx.AsyncClient) -> None:
    """The duplicate's branch closed meanwhile: its record has no place to go back to."""
    khu, near = await branch(members), await branch(members, name="Khu 2")
    one, other = await member(members, khu), await member(members, near)
    await merged(members, one, other)
    closing = {"closed_on": days(-1)}
    await made(await members.post(f"/v1/branches/{near['id']}/closing", json=closing, headers=version(1)), 200)
    answer = await members.post(f"/v1/members/{one['id']}/unmerge", json={"duplicate": other["id"]}, headers=version(1))
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:danvan:problem:place-gone")


async def test_erasing_a_member_reaches_her_duplicates_and_transfers(members: httpx.AsyncClient, url: str) -> None:
    """No name is left in a record merged into hers, nor words in a transfer; that merge is for good."""
    khu, far = await branch(members), await branch(members, BA_CHE)
    one, other = await member(members, khu), await member(members, khu)
    await asked(members, one, to_branch=far["id"], reason="chuyển theo gia đình")
    await merged(members, one, other)
    request = {"member": one["id"], "kind": "erase", "channel": "paper", "received_on": days(0)}
    made_ = await made(await members.post("/v1/subject-requests", json=request))
    path = f"/v1/subject-requests/{made_['id']}/answer"
    await made(await members.post(path, json={"on": days(0)}, headers=version(1)), 200)
    erasure = await members.post(f"/v1/members/{one['id']}/erasure", json={"request": made_["id"]}, headers=version(1))
    assert {"transfer.reason", "duplicate"} <= set((await made(erasure))["erased"])
    conn = await asyncpg.connect(url)
    rows = await conn.fetch("select name, name_folded, birth_date, reason from member, transfer")
    await conn.close()
    assert {tuple(row) for row in rows} == {(None, "", None, None)}
    body = {"duplicate": other["id"]}
    undo = await members.post(f"/v1/members/{one['id']}/unmerge", json=body, headers=version(2))
    assert pointers(undo) == {("/duplicate", "unknown")}


async def test_the_dead_do_not_begin_a_membership(members: httpx.AsyncClient) -> None:
    """A duplicate that had died before this record begins is not taken over."""
    khu = await branch(members)
    one, other = await member(members, khu), await member(members, khu, joined_on="2019-02-03")
    died = {"left_on": "2020-01-01", "reason": "deceased"}
    await members.post(f"/v1/members/{other['id']}/departure", json=died, headers=version(1))
    body = {"duplicate": other["id"], "keep": "earliest"}
    answer = await members.post(f"/v1/members/{one['id']}/merge", json=body, headers=version(1))
    assert pointers(answer) == {("/keep", "deceased")}


async def test_merging_each_into_the_other_at_once_leaves_one(members: httpx.AsyncClient) -> None:
    """Rows are locked in one order: no deadlock, and one of the two merges is told that its record is gone."""
    khu = await branch(members)
    for number in range(5):
        one, other = [await member(members, khu, name=f"Hội viên Mẫu {number}") for _ in range(2)]
        answers = await asyncio.gather(
            *(
                members.post(f"/v1/members/{a['id']}/merge", json={"duplicate": b["id"]}, headers=version(1))
                for a, b in ((one, other), (other, one))
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 410]


async def listed(
    members: httpx.AsyncClient, unit: str, headers: dict[str, str] | None = None
) -> list[tuple[set[str], list[str]]]:
    """Pairs that may be one person, and in what they agree."""
    answer = await members.get("/v1/duplicates", params={"unit": unit}, headers=headers)
    assert answer.status_code == 200, answer.text
    return [({m["id"] for m in item["members"]}, item["same"]) for item in answer.json()["items"]]


async def test_a_phone_with_the_name_or_the_birth_year_makes_a_pair(api: Api) -> None:
    """In any commune, however the number was written; each pair once; not a family's phone, not a merged record's."""
    members = await api("members", personal_key=OLD)
    khu, far = await branch(members), await branch(members, BA_CHE)
    a = await member(members, khu, name="Nguyễn Thị Hoà Mẫu", birth_year=1980, phone="0912345678")
    b = await member(members, far, name="mẫu nguyễn thị hòa", birth_year=1975, phone="+84 912 345 678")
    c = await member(members, far, name="Mẫu Khác", birth_year=1980, phone="0912.345.678")
    d = await member(members, khu, name="Nguyễn Thị Hòa Mẫu", birth_year=1980, phone="0912345678")
    await member(members, khu, name="Mẫu Cháu", birth_year=2001, phone="0912345678")
    await member(members, far, name="Mẫu Khác Nữa", birth_year=1980, phone="0912345679")
    wanted = [
        ({one["id"], two["id"]}, same)
        for one, two, same in (
            (a, b, ["name", "phone"]),
            (a, c, ["birth_year", "phone"]),
            (a, d, ["name", "birth_year", "phone"]),
            (b, d, ["name", "phone"]),
            (c, d, ["birth_year", "phone"]),
        )
    ]
    for unit in ("22", MONG_DUONG):
        found = await listed(members, unit)
        assert len(found) == len(wanted)
        assert all(pair in found for pair in wanted)
    await merged(members, a, d)
    assert await listed(members, "22") == wanted[:2]


async def test_pairs_that_may_be_one_person_are_listed(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """The same words in any order, marks and case; a full date anywhere, a year alone inside one commune; not merged,
    not dismissed, not outside the reach, each pair once."""
    khu, far = await branch(members), await branch(members, BA_CHE)
    born: dict[str, Any] = {"birth_date": "1980-03-04", "birth_year": 1980}
    a = await member(members, khu, name="Nguyễn Thị Hoà Mẫu", **born)
    b = await member(members, khu, name="Mẫu nguyen thi Hòa")
    c = await member(members, far, name="nguyễn thị hòa mẫu", **born)
    await member(members, khu, name="Nguyễn Thị Hoà Mẫu", birth_date="1980-03-05", birth_year=1980, core=True)
    await member(members, far, name="Nguyễn Thị Hoa Khác Mẫu", **born)
    d = (await members.get("/v1/members", params={"unit": MONG_DUONG})).json()["items"][-1]

    async def pairs(unit: str, headers: dict[str, str] | None = None) -> list[tuple[set[str], list[str]]]:
        return await listed(members, unit, headers)

    ab, ac, bd = (
        ({one["id"], two["id"]}, ["name", same])
        for one, two, same in ((a, b, "birth_year"), (a, c, "birth_date"), (b, d, "birth_year"))
    )
    for unit, wanted in (("22", [ab, ac, bd]), (MONG_DUONG, [ab, ac, bd]), (BA_CHE, [ac])):
        found = await pairs(unit)
        assert len(found) == len(wanted)
        assert all(pair in found for pair in wanted)
    first = (await members.get("/v1/duplicates?unit=22&limit=2")).json()
    rest = (await members.get("/v1/duplicates", params={"unit": "22", "cursor": first["next_cursor"]})).json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    assert await pairs(BA_CHE, issuer.headers(BA_CHE)) == []
    assert (await members.get("/v1/duplicates?unit=06760", headers=issuer.headers(BA_CHE))).status_code == 404
    plain = (await members.get("/v1/duplicates?unit=22", headers=issuer.headers(scope="members:read"))).json()
    assert {m["name"] for item in plain["items"] for m in item["members"]} == {None}
    dismissed = {"members": [b["id"], a["id"]]}
    for _ in range(2):
        assert (await members.post("/v1/duplicates/dismissals", json=dismissed)).status_code == 204
    assert ab not in await pairs("22")
    alone = await members.post("/v1/duplicates/dismissals", json={"members": [a["id"], a["id"]]})
    assert pointers(alone) == {("/members", "unknown")}
    await merged(members, a, c)
    assert await pairs("22") == [bd]


@pytest.mark.parametrize(
    ("within", "count", "ways"),
    [
        (MONG_DUONG, 399, (r"member_same", r"member_phone")),
        ("22", 500, (r"member_same", r"Hash Cond: \(one_2.phone_index = other_2.phone_index\)")),
    ],
)
async def test_pairs_are_found_by_index(
    members: httpx.AsyncClient, url: str, within: str, count: int, ways: tuple[str, ...]
) -> None:
    """Among 20,000 members each of the unit is looked up by name and year, and by phone: no join of all with all."""
    await member(members, await branch(members))
    conn = await asyncpg.connect(url)
    await conn.execute(
        """
        insert into member (id, unit, branch, name, name_folded, birth_date, birth_year, ethnicity, ethnicity_system,
                            kind, core, joined_on, status, timeline, version, phone_index)
        select uuidv7(), case when n % 50 = 0 then '06760' else '06970' end, branch, 'Mẫu ' || n, 'mau ' || n / 2,
               '1980-01-01', 1980, '01', '1979', 'ordinary', false, '2020-01-01', 'active', timeline, 1,
               int4send(n / 2)
        from member, generate_series(1, 20000) as n
        """
    )
    await conn.execute("analyze member")
    reach = Reach(units.subtree("22"))
    plan = await conn.fetch(f"explain {queries.PAIRS}", list(units.subtree(within)), list(reach), None, None, 101)
    await conn.close()
    for way in ways:
        assert any(re.search(way, row[0]) for row in plan), plan
    page = (await members.get("/v1/duplicates", params={"unit": within, "limit": 500})).json()
    assert len(page["items"]) == count
