"""Members: enrol, read, list, correct, leave, a thousand at once; and what each journals."""

import json
from datetime import timedelta
from typing import Any

import asyncpg
import httpx

from contracts.catalog import EVENTS
from services.chassis.clock import today
from tests.builders import BA_CHE, branch, household, joining, made, member
from tests.issuer import Issuer


async def journal(url: str) -> list[dict[str, Any]]:
    """The journal in order; every row's data is what its contract says."""
    conn = await asyncpg.connect(url)
    try:
        rows = await conn.fetch("select * from journal order by position")
    finally:
        await conn.close()
    for row in rows:
        EVENTS[row["type"]].model_validate_json(row["data"])
    return [{**dict(row), "data": json.loads(row["data"])} for row in rows]


def pointers(answer: httpx.Response, status: int = 422) -> set[tuple[str, str]]:
    """Which fields an answer refuses, and why."""
    assert answer.status_code == status, answer.text
    return {(error["pointer"], error["code"]) for error in answer.json()["errors"]}


async def test_a_member_is_enrolled_and_read(members: httpx.AsyncClient, url: str) -> None:
    """What was sent comes back, with unit, status and version; the event says it without the name."""
    khu = await branch(members)
    home = await household(members, khu)
    answer = await members.post("/v1/members", json=joining(khu, household=home["id"], ethnicity="02", core=True))
    body = await made(answer)
    assert answer.headers["location"] == f"/v1/members/{body['id']}"
    read = await members.get(f"/v1/members/{body['id']}")
    assert read.json() == {**body, "name": "Hội viên Mẫu 1"}
    assert read.headers["etag"] == '"1"'
    assert (body["unit"], body["status"], body["version"], body["birth_year"]) == ("06760", "active", 1, 1980)
    event = (await journal(url))[-1]
    assert event["type"] == "vn.danvan.members.member.enrolled.v1"
    assert (event["unit"], str(event["branch"]), event["occurred_on"].isoformat()) == (
        "06760",
        khu["id"],
        "2021-05-10",
    )
    assert event["data"]["timeline"][0]["ethnicity"] == "02"
    assert "Mẫu" not in json.dumps(event["data"], ensure_ascii=False)


async def test_each_field_at_fault_is_named(members: httpx.AsyncClient) -> None:
    """Unknown branch, household and ethnicity, a day to come, a birth after joining: all at once."""
    khu = await branch(members)
    nobody = "00000000-0000-7000-8000-000000000000"
    tomorrow = (today() + timedelta(days=1)).isoformat()
    answer = await members.post(
        "/v1/members", json=joining(khu, branch=nobody, household=nobody, ethnicity="99", joined_on=tomorrow)
    )
    assert pointers(answer) == {
        ("/branch", "unknown"),
        ("/household", "unknown"),
        ("/ethnicity", "unknown"),
        ("/joined_on", "future"),
    }
    answer = await members.post("/v1/members", json=joining(khu, birth_year=2022))
    assert pointers(answer) == {("/birth_year", "after_joining")}
    answer = await members.post("/v1/members", json=joining(khu, birth_date="1990-02-03", birth_year=1991))
    assert {code for _, code in pointers(answer)} == {"birth_year"}
    answer = await members.post("/v1/members", json=joining(khu, birth_date="1990-02-30", name=" "))
    assert {pointer for pointer, _ in pointers(answer)} == {"/birth_date", "/name"}


async def test_a_household_of_another_commune_is_refused(members: httpx.AsyncClient) -> None:
    """Member and household live in one commune."""
    khu, far = await branch(members), await branch(members, BA_CHE)
    home = await household(members, far)
    answer = await members.post("/v1/members", json=joining(khu, household=home["id"]))
    assert pointers(answer) == {("/household", "elsewhere")}


async def test_another_communes_members_do_not_exist(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """Reading, listing, correcting and enrolling outside one's subtree."""
    khu = await branch(members)
    someone = await member(members, khu)
    other = issuer.headers(BA_CHE)
    path = f"/v1/members/{someone['id']}"
    assert (await members.get(path, headers=other)).status_code == 404
    change = await members.patch(path, json={"core": True}, headers={**other, "if-match": '"1"'})
    assert change.status_code == 404
    assert (await members.get("/v1/members", headers=other)).json()["items"] == []
    assert (await members.get("/v1/members?unit=06760", headers=other)).json()["items"] == []
    assert pointers(await members.post("/v1/members", json=joining(khu), headers=other)) == {("/branch", "unknown")}


async def test_names_are_for_those_who_may_see_them(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """Without members:personal there is no name, no birth date, and no search by name."""
    khu = await branch(members)
    await member(members, khu, birth_date="1980-03-04", birth_year=None)
    plain = issuer.headers(scope="members:read")
    (seen,) = (await members.get("/v1/members", headers=plain)).json()["items"]
    assert (seen["name"], seen["birth_date"], seen["birth_year"]) == (None, None, 1980)
    assert (await members.get("/v1/members?q=mau", headers=plain)).status_code == 403


async def test_lists_page_through_everything_once(members: httpx.AsyncClient) -> None:
    """Pages of two visit five members once each; a cursor of another list is refused."""
    khu = await branch(members)
    ids = {(await member(members, khu, name=f"Mẫu {n}"))["id"] for n in range(5)}
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await members.get("/v1/members", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == 5
    assert set(seen) == ids
    assert pointers(await members.get("/v1/members?cursor=abc")) == {("query:cursor", "cursor")}
    assert pointers(await members.get("/v1/members?limit=501")) == {("query:limit", "less_than_equal")}


async def test_search_folds_marks_and_case(members: httpx.AsyncClient) -> None:
    """`nguyen thi hoa` finds both spellings of the name, and Đ is d."""
    khu = await branch(members)
    for name in ("Nguyễn Thị Hòa", "Nguyễn Thị Hoà", "Đặng Mẫu"):
        await member(members, khu, name=name)
    found = [
        len((await members.get("/v1/members", params={"q": q})).json()["items"]) for q in ("nguyen thi hoa", "DANG")
    ]
    assert found == [2, 1]


async def test_a_correction_puts_the_past_right_or_counts_from_a_day(members: httpx.AsyncClient, url: str) -> None:
    """Without effective_on it held from the beginning; with it, from then; null and nonsense are refused."""
    khu = await branch(members)
    someone = await member(members, khu)
    path = f"/v1/members/{someone['id']}"
    first = await members.patch(path, json={"ethnicity": "09", "joined_on": "2020-01-02"}, headers={"if-match": '"1"'})
    second = await members.patch(path, json={"core": True, "effective_on": "2024-01-01"}, headers={"if-match": '"2"'})
    assert (first.status_code, second.status_code, second.headers["etag"]) == (200, 200, '"3"')
    days = [row["occurred_on"].isoformat() for row in await journal(url)][-2:]
    assert days == ["2020-01-02", "2024-01-01"]
    for body, expected in (
        ({"core": None}, ("/core", "null")),
        ({"core": False, "effective_on": "2019-01-01"}, ("/effective_on", "outside")),
        ({"status": "left"}, ("/status", "extra_forbidden")),
    ):
        assert pointers(await members.patch(path, json=body, headers={"if-match": '"3"'})) == {expected}


async def test_leaving_ends_a_membership_once(members: httpx.AsyncClient, url: str) -> None:
    """Left or deceased by the reason; not twice, not before joining, not years ahead."""
    khu = await branch(members)
    someone = await member(members, khu)
    path, headers = f"/v1/members/{someone['id']}/departure", {"if-match": '"1"'}
    for day in ("2021-05-09", (today() + timedelta(days=367)).isoformat()):
        answer = await members.post(path, json={"left_on": day, "reason": "own_wish"}, headers=headers)
        assert pointers(answer) == {("/left_on", "outside")}
    left = await members.post(path, json={"left_on": "2023-06-01", "reason": "deceased"}, headers=headers)
    assert left.json()["status"] == "deceased"
    again = await members.post(path, json={"left_on": "2023-06-01", "reason": "other"}, headers={"if-match": '"2"'})
    assert (again.status_code, again.json()["type"]) == (409, "urn:danvan:problem:member-left")
    assert (await journal(url))[-1]["data"]["timeline"][-1]["leaving_reason"] == "deceased"


async def test_a_batch_gives_each_row_its_verdict(members: httpx.AsyncClient, url: str) -> None:
    """Good rows are enrolled, bad rows say why, in order; validate_only changes nothing."""
    khu = await branch(members)
    items = [joining(khu, name="Mẫu A"), joining(khu, ethnicity="99"), {"name": "Mẫu B"}, joining(khu, name="Mẫu C")]
    tried = (await members.post("/v1/members/batch", json={"items": items, "validate_only": True})).json()
    assert [row["verdict"] for row in tried["items"]] == ["valid", "refused", "refused", "valid"]
    assert len(await journal(url)) == 1
    done = (await members.post("/v1/members/batch", json={"items": items})).json()
    assert [row["verdict"] for row in done["items"]] == ["created", "refused", "refused", "created"]
    assert (done["created"], done["refused"]) == (2, 2)
    assert done["items"][1]["errors"] == [
        {"pointer": "/ethnicity", "code": "unknown", "message": "Không có mã dân tộc này"}
    ]
    assert {error["pointer"] for error in done["items"][2]["errors"]} == {"/branch", "/joined_on"}
    assert len((await members.get("/v1/members")).json()["items"]) == 2
    assert len(await journal(url)) == 3


async def test_a_batch_holds_a_thousand_rows_and_no_more(members: httpx.AsyncClient, url: str) -> None:
    """1,000 rows are one transaction; 1,001 are refused as a whole."""
    khu = await branch(members)
    rows = [joining(khu, name=f"Mẫu {n}") for n in range(1001)]
    assert pointers(await members.post("/v1/members/batch", json={"items": rows})) == {("/items", "too_long")}
    done = (await members.post("/v1/members/batch", json={"items": rows[:1000]})).json()
    assert done["created"] == 1000
    assert len(await journal(url)) == 1001


async def test_a_households_new_status_reaches_its_members(members: httpx.AsyncClient, url: str) -> None:
    """Setting a year's poverty status journals the household and each active member in it, once."""
    khu = await branch(members)
    home = await household(members, khu)
    someone = await member(members, khu, household=home["id"])
    path = f"/v1/households/{home['id']}/poverty-status/2024"
    body = {"status": "near_poor", "standard": "national-2022-2025", "effective_on": "2024-01-01"}
    done = await members.put(path, json=body, headers={"if-match": '"1"'})
    assert done.json()["poverty"] == [{"year": 2024, "status": "near_poor", "standard": "national-2022-2025"}]
    read = (await members.get(f"/v1/members/{someone['id']}")).json()
    assert (read["poverty_status"], read["version"]) == ("near_poor", 2)
    assert [row["type"].split(".")[3:5] for row in await journal(url)][-2:] == [
        ["household", "status_set"],
        ["member", "corrected"],
    ]
    older = path.replace("2024", "2022")
    await members.put(older, json={**body, "status": "poor"}, headers={"if-match": '"2"'})
    assert (await members.get(f"/v1/members/{someone['id']}")).json()["version"] == 2


async def test_a_branch_with_members_stays_open(members: httpx.AsyncClient) -> None:
    """It closes when the last has left, once, and then takes nobody."""
    khu = await branch(members)
    someone = await member(members, khu)
    path = f"/v1/branches/{khu['id']}/closing"
    refused = await members.post(path, json={"closed_on": "2024-01-01"}, headers={"if-match": '"1"'})
    assert refused.json()["type"] == "urn:danvan:problem:branch-not-empty"
    leaving = {"left_on": "2023-01-01", "reason": "moved_away"}
    await members.post(f"/v1/members/{someone['id']}/departure", json=leaving, headers={"if-match": '"1"'})
    assert (await members.post(path, json={"closed_on": "2024-01-01"}, headers={"if-match": '"1"'})).status_code == 200
    again = await members.post(path, json={"closed_on": "2024-01-01"}, headers={"if-match": '"2"'})
    assert again.json()["type"] == "urn:danvan:problem:branch-closed"
    assert pointers(await members.post("/v1/members", json=joining(khu))) == {("/branch", "closed")}


async def test_open_branches_of_a_commune_have_different_names(members: httpx.AsyncClient) -> None:
    """Marks and case make no difference; another commune may use the name."""
    await branch(members, name="Khu Hòa Bình")
    body = {"unit": "06760", "name": "khu hoà bình", "opened_on": "2011-01-01"}
    assert pointers(await members.post("/v1/branches", json=body), 409) == {("/name", "taken")}
    await branch(members, BA_CHE, name="Khu Hòa Bình")
    found = await members.get("/v1/branches", params={"q": "HOA binh", "unit": "06760"})
    assert [item["name"] for item in found.json()["items"]] == ["Khu Hòa Bình"]


async def test_units_carry_their_lineage(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """54 communes and their province; codes are re-used, so a day decides what one names; aliases work."""
    assert len((await members.get("/v1/units")).json()["items"]) == 55
    now = (await members.get("/v1/units/06688")).json()["name"]
    before = (await members.get("/v1/units/06688?on=2024-01-01")).json()["name"]
    assert (now, before) == ("Phường Hạ Long", "Phường Hồng Hải")
    assert (await members.get("/v1/units/06978")).json()["code"] == "06970"
    parts = (await members.get("/v1/units/06760/lineage")).json()["items"]
    assert {part["extent"] for part in parts} <= {"whole", "part"}
    assert parts
    assert (await members.get("/v1/units/06760", headers=issuer.headers(BA_CHE))).status_code == 404
    assert (await members.get("/v1/units/99999")).status_code == 404
