"""Savings-and-credit groups: formed, joined, left, led, rated, moved, split, closed; and what each journals."""

import asyncio
import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.catalog import EVENTS
from services.chassis.clock import today
from services.loans.parameters import parameter
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.chassis.test_http import problem
from tests.issuer import Issuer
from tests.loans.groups import OPENED, act, group, households, save
from tests.loans.lending import pointers, request, rows


async def test_a_group_is_formed_and_read_back(loans: httpx.AsyncClient, url: str) -> None:
    """With five households, a leader and a deputy; its first event says all of it, by ids."""
    members = await households(loans, 5)
    formed = await group(loans, members=members, leader=members[0], deputy=members[1])
    assert (formed["members"], formed["savings"], formed["rating"], formed["warnings"]) == (5, 0, None, [])
    assert formed["board"] == {"since": OPENED, "leader": members[0], "deputy": members[1]}
    assert await made(await loans.get(f"/v1/groups/{formed['id']}"), 200) == formed
    listed = (await loans.get("/v1/groups", params={"unit": MONG_DUONG})).json()["items"]
    assert listed == [formed]
    (row,) = await rows(url, "select * from journal where subject = $1", UUID(formed["id"]))
    data = json.loads(row["data"])
    assert (row["type"], row["occurred_on"], row["unit"]) == (
        "vn.danvan.loans.group.formed.v1",
        date.fromisoformat(OPENED),
        MONG_DUONG,
    )
    assert data["households"] == members
    EVENTS[row["type"]].model_validate(data)


async def test_who_may_form_a_group(loans: httpx.AsyncClient) -> None:
    """Too few, too many, unknown, named twice, of another commune, in another group, no leader of them: each named."""
    members = await households(loans, 61)
    (other,) = await households(loans, 1, unit=BA_CHE)
    unknown = str(uuid4())
    four = members[:4]
    for wrong, expected in (
        ({"members": four}, {("/members", "too_few")}),
        ({"members": members}, {("/members", "too_many")}),
        ({"members": [*four, unknown]}, {("/members/4", "unknown")}),
        ({"members": [*four, four[0]]}, {("/members/4", "twice")}),
        ({"members": [*four, other]}, {("/members/4", "elsewhere")}),
        ({"leader": unknown}, {("/leader", "not_member")}),
        ({"leader": members[0], "deputy": members[0]}, {("/deputy", "leader")}),
        ({"opened_on": str(today() + timedelta(days=1))}, {("/opened_on", "future")}),
    ):
        body = {"unit": MONG_DUONG, "name": "Tổ 1", "opened_on": OPENED, "members": members[:5], **wrong}
        assert pointers(await loans.post("/v1/groups", json=body)) == expected
    await group(loans, members=members[:60])
    body = {"unit": MONG_DUONG, "name": "Tổ 2", "opened_on": OPENED, "members": members[59:]}
    assert {("/members/0", "in_group"), ("/members", "too_few")} == pointers(await loans.post("/v1/groups", json=body))


async def test_a_group_fills_and_empties(loans: httpx.AsyncClient) -> None:
    """Sixty and no more, on any day; under five it is warned of, and found; a leader has to be replaced first."""
    members = await households(loans, 62)
    formed = await group(loans, members=members[:59])
    joined = await act(loans, formed, "members", {"members": [members[59]], "joined_on": "2024-06-01"})
    assert (await made(joined, 200))["members"] == 60
    early = await act(loans, formed, "members", {"members": [members[60]], "joined_on": "2024-03-01"})
    assert pointers(early) == {("/members", "too_many")}
    left = await act(loans, formed, f"members/{members[59]}/leaving", {"left_on": "2024-07-01"})
    assert (await made(left, 200))["members"] == 59
    again = await act(loans, formed, "members", {"members": members[59:61], "joined_on": "2024-06-15"})
    assert pointers(again) == {("/members/0", "in_group")}
    whole = await act(loans, formed, "members", {"members": [members[59]], "joined_on": "2024-07-01"})
    assert (await made(whole, 200))["members"] == 60
    small = await group(loans, name="Tổ 2", members=await households(loans, 5))
    led = {"since": "2024-02-01", "leader": (await members_of(loans, small))[0]}
    await made(await act(loans, small, "leader", led), 200)
    leaving = f"members/{led['leader']}/leaving"
    problem(await act(loans, small, leaving, {"left_on": "2024-03-01"}), 409, "member-leads")
    await made(
        await act(loans, small, "leader", {"since": "2024-03-01", "leader": (await members_of(loans, small))[1]}), 200
    )
    under = await made(await act(loans, small, leaving, {"left_on": "2024-03-01"}), 200)
    assert (under["members"], under["warnings"]) == (4, ["too_few_members"])
    found = (await loans.get("/v1/groups", params={"warning": "too_few_members"})).json()["items"]
    assert [each["id"] for each in found] == [small["id"]]
    before = (await loans.get(f"/v1/groups/{small['id']}", params={"as_of": "2024-02-29"})).json()
    assert (before["members"], before["warnings"], before["board"]["leader"]) == (5, [], led["leader"])
    former = (await loans.get(f"/v1/groups/{small['id']}/members", params={"former": True})).json()["items"]
    assert [each["left_on"] for each in former if each["borrower"] == led["leader"]] == ["2024-03-01"]


async def test_a_membership_ends_as_it_began(loans: httpx.AsyncClient) -> None:
    """Not before it began, nor to come; on the day it began it never was; who is no member cannot leave."""
    members = await households(loans, 6)
    formed = await group(loans, members=members[:5])
    leaving = f"members/{members[5]}/leaving"
    assert (await act(loans, formed, leaving, {"left_on": "2024-02-01"})).status_code == 404
    body = {"members": [members[5]], "joined_on": "2024-02-01"}
    for day, code in (("2024-01-09", "before_opening"), (str(today() + timedelta(days=1)), "future")):
        wrong = await act(loans, formed, "members", {**body, "joined_on": day})
        assert pointers(wrong) == {("/joined_on", code)}
    await made(await act(loans, formed, "members", body), 200)
    for day, code in (("2024-01-31", "before_joining"), (str(today() + timedelta(days=1)), "future")):
        assert pointers(await act(loans, formed, leaving, {"left_on": day})) == {("/left_on", code)}
    assert (await made(await act(loans, formed, leaving, {"left_on": "2024-02-01"}), 200))["members"] == 5
    former = (await loans.get(f"/v1/groups/{formed['id']}/members", params={"former": True})).json()["items"]
    assert members[5] not in {each["borrower"] for each in former}
    await made(await act(loans, formed, "members", {**body, "joined_on": "2024-01-20"}), 200)
    early = await act(loans, formed, "closing", {"closed_on": "2024-01-19"})
    assert pointers(early) == {("/closed_on", "before_change")}


async def members_of(loans: httpx.AsyncClient, formed: dict[str, Any]) -> list[str]:
    """The households in a group."""
    found = (await loans.get(f"/v1/groups/{formed['id']}/members")).json()
    return [each["borrower"] for each in found["items"]]


async def test_a_household_joins_one_group_however_many_ask_at_once(loans: httpx.AsyncClient) -> None:
    """Four groups at the same time: one has it."""
    groups = [await group(loans, name=f"Tổ {n}", members=await households(loans, 5)) for n in range(4)]
    (wanted,) = await households(loans, 1)
    body = {"members": [wanted], "joined_on": "2024-06-01"}
    answers = await asyncio.gather(*(act(loans, each, "members", body) for each in groups))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]


async def test_ratings_are_one_a_month(loans: httpx.AsyncClient) -> None:
    """Said late, put right, none for a month to come or before the group; each holds until the next."""
    formed = await group(loans)

    async def rate(month: str, rating: str) -> httpx.Response:
        version = (await loans.get(f"/v1/groups/{formed['id']}")).headers["etag"]
        path = f"/v1/groups/{formed['id']}/ratings/{month}"
        return await loans.put(path, json={"rating": rating}, headers={"if-match": version})

    for month, rating in (("2024-06", "good"), ("2024-03", "weak"), ("2024-06", "fair"), ("2024-01", "average")):
        await made(await rate(month, rating), 200)
    items = (await loans.get(f"/v1/groups/{formed['id']}/ratings")).json()["items"]
    assert [(each["month"], each["rating"]) for each in items] == [
        ("2024-01", "average"),
        ("2024-03", "weak"),
        ("2024-06", "fair"),
    ]
    for day, rating in (("2024-01-10", "average"), ("2024-05-31", "weak"), ("2024-06-01", "fair")):
        assert (await loans.get(f"/v1/groups/{formed['id']}?as_of={day}")).json()["rating"] == rating
    for month in ("2023-12", f"{today() + timedelta(days=32):%Y-%m}"):
        assert pointers(await rate(month, "good")) == {("path:month", "outside")}
    assert pointers(await rate("2024-6", "good")) == {("path:month", "string_pattern_mismatch")}
    assert pointers(await rate("2024-06", "best")) == {("/rating", "literal_error")}


async def test_a_group_moves_with_the_units(loans: httpx.AsyncClient, issuer: Issuer, url: str) -> None:
    """To a branch, to another commune, put right; many at once with a verdict each; seen from where it is."""
    formed, branch = await group(loans), str(uuid4())
    await made(
        await act(loans, formed, "move", {"unit": MONG_DUONG, "branch": branch, "effective_on": "2024-02-01"}), 200
    )
    there = {"unit": BA_CHE, "effective_on": "2025-07-01", "reason": "reorganised"}
    second = await group(loans, name="Tổ 2", members=await households(loans, 5))
    items = [
        {"group": formed["id"], "version": 2, **there},
        {"group": second["id"], **there},
        {"group": second["id"], "version": 2, **there},
        {"group": second["id"], "version": 1, **there},
        {"group": str(uuid4()), "version": 1, **there},
    ]
    batch = await made(await loans.post("/v1/groups/moves", json={"items": items}), 200)
    assert [each["verdict"] for each in batch["items"]] == ["done", "refused", "refused", "done", "refused"]
    blind, stale = batch["items"][1:3]
    assert ([each["pointer"] for each in blind["errors"]], stale["problem"]) == (
        ["/version"],
        "urn:danvan:problem:stale",
    )
    spells = (await loans.get(f"/v1/groups/{formed['id']}")).json()["timeline"]
    assert [(s["since"], s["cause"], s["unit"], s["branch"]) for s in spells] == [
        (OPENED, "began", MONG_DUONG, None),
        ("2024-02-01", "moved", MONG_DUONG, branch),
        ("2025-07-01", "reorganised", BA_CHE, None),
    ]
    back = {"unit": MONG_DUONG, "branch": branch, "effective_on": "2025-07-01"}
    assert len((await made(await act(loans, formed, "move", back), 200))["timeline"]) == 2
    assert (await loans.get(f"/v1/groups/{formed['id']}", headers=issuer.headers(BA_CHE))).status_code == 404
    assert (await loans.get(f"/v1/groups/{second['id']}", headers=issuer.headers(BA_CHE))).status_code == 200
    early = {"unit": BA_CHE, "effective_on": "2023-12-31"}
    assert pointers(await act(loans, formed, "move", early)) == {("/effective_on", "before_opening")}
    outside = await loans.post(
        f"/v1/groups/{second['id']}/move",
        json={"unit": MONG_DUONG, "effective_on": "2025-08-01"},
        headers={**issuer.headers(BA_CHE), "if-match": '"2"'},
    )
    assert outside.status_code == 404
    (row,) = await rows(
        url, "select unit, occurred_on from journal where subject = $1 and version = 2", UUID(second["id"])
    )
    assert (row["unit"], row["occurred_on"]) == (BA_CHE, date(2025, 7, 1))


async def test_an_officer_of_a_branch_sees_its_groups(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """Not those of another branch or of none, nor may she form one there."""
    own, members = str(uuid4()), await households(loans, 15)
    officer = issuer.headers(MONG_DUONG, sub="officer", branch=own)
    first = await group(loans, branch=own, members=members[:5])
    second = await group(loans, name="Tổ 2", members=members[5:10])
    assert (await loans.get(f"/v1/groups/{first['id']}", headers=officer)).status_code == 200
    for path in ("", "/members", "/savings", "/ratings"):
        assert (await loans.get(f"/v1/groups/{second['id']}{path}", headers=officer)).status_code == 404
    assert [each["id"] for each in (await loans.get("/v1/groups", headers=officer)).json()["items"]] == [first["id"]]
    body = {"unit": MONG_DUONG, "name": "Tổ 3", "opened_on": OPENED, "members": members[10:]}
    assert (await loans.post("/v1/groups", json=body, headers=officer)).status_code == 404
    assert (await loans.post("/v1/groups", json=body, headers=issuer.headers(scope="loans:read"))).status_code == 403


async def test_a_group_splits_in_two(loans: httpx.AsyncClient, url: str) -> None:
    """Members go with what they saved; the sum is as before on every day; neither part may be too small."""
    members = await households(loans, 12)
    formed = await group(loans, members=members, leader=members[0])
    for number, amount in ((0, 100), (8, 50), (9, 30)):
        await made(await save(loans, formed, "2024-02-01", (members[number], "in", amount)))
    body = {"on": "2024-07-01", "name": "Tổ 2", "members": members[6:], "leader": members[8]}
    for wrong, expected in (
        ({"members": members[8:]}, {("/members", "too_few")}),
        ({"members": members[3:]}, {("/members", "too_few")}),
        ({"members": [*members[6:], str(uuid4())]}, {("/members/6", "unknown"), ("/members/6", "not_member")}),
        ({"members": [members[0], *members[6:11]]}, {("/members/0", "leads")}),
        ({"leader": members[1]}, {("/leader", "not_member")}),
    ):
        assert pointers(await act(loans, formed, "split", {**body, **wrong})) == expected
    both = await made(await act(loans, formed, "split", body))
    assert [(both[of]["members"], both[of]["savings"]) for of in ("group", "formed")] == [(6, 100), (6, 80)]
    assert both["formed"]["split_from"] == formed["id"]
    for day, sums in (("2024-06-30", [180]), ("2024-07-01", [100, 80])):
        items = (await loans.get("/v1/groups", params={"as_of": day})).json()["items"]
        assert [each["savings"] for each in items] == sums
    events = await rows(url, "select type, data from journal where type like '%.group.%' order by recorded_at, id")
    assert [row["type"].split(".")[4] for row in events[-2:]] == ["formed", "split"]
    assert json.loads(events[-1]["data"])["into"] == both["formed"]["id"]
    assert json.loads(events[-2]["data"])["savings"] == [{"on": "2024-07-01", "amount": 80}]


async def test_a_group_closes_once_it_is_empty_of_money(loans: httpx.AsyncClient) -> None:
    """Not with savings left, nor before what is known of it; then nobody is in it and another may have the name."""
    members = await households(loans, 5)
    formed = await group(loans, members=members)
    await made(await save(loans, formed, "2024-02-01", (members[0], "in", 70)))
    problem(await act(loans, formed, "closing", {"closed_on": "2024-09-01"}), 409, "group-has-savings")
    await made(await save(loans, formed, "2024-08-01", (members[0], "out", 70)))
    problem(await act(loans, formed, "closing", {"closed_on": "2024-07-01"}), 409, "group-has-savings")
    closed = await made(await act(loans, formed, "closing", {"closed_on": "2024-09-01"}), 200)
    assert (closed["members"], closed["warnings"], closed["timeline"][-1]["open"]) == (0, [], False)
    problem(await act(loans, formed, "closing", {"closed_on": "2024-10-01"}), 409, "group-closed")
    problem(await act(loans, formed, "move", {"unit": BA_CHE, "effective_on": "2024-10-01"}), 409, "group-closed")
    again = await group(loans, members=members, opened_on="2024-09-01")
    taken = {"unit": MONG_DUONG, "name": "TỔ mẫu", "opened_on": OPENED, "members": await households(loans, 5)}
    assert pointers(await loans.post("/v1/groups", json=taken), 409) == {("/name", "taken")}
    named = await loans.patch(f"/v1/groups/{again['id']}", json={"name": "Tổ Sông"}, headers={"if-match": '"1"'})
    assert (await made(named, 200))["name"] == "Tổ Sông"
    stale = await loans.patch(f"/v1/groups/{again['id']}", json={"name": "Tổ Núi"}, headers={"if-match": '"1"'})
    assert stale.status_code == 412


async def test_a_groups_first_day_is_put_right(loans: httpx.AsyncClient) -> None:
    """With its first members and board; never after what is known of it, nor into another group's time."""
    members = await households(loans, 6)
    earlier = await group(loans, name="Tổ Trước", members=members, opened_on="2023-01-01")
    await made(await act(loans, earlier, f"members/{members[0]}/leaving", {"left_on": "2023-06-01"}), 200)
    formed = await group(loans, members=[members[0], *await households(loans, 4)], leader=members[0])

    async def opened(day: str) -> httpx.Response:
        version = (await loans.get(f"/v1/groups/{formed['id']}")).headers["etag"]
        return await loans.patch(f"/v1/groups/{formed['id']}", json={"opened_on": day}, headers={"if-match": version})

    for day in ("2024-01-15", "2023-06-01"):
        right = await made(await opened(day), 200)
        assert (right["opened_on"], right["timeline"][0]["since"], right["boards"][0]["since"]) == (day, day, day)
        joined = (await loans.get(f"/v1/groups/{formed['id']}/members")).json()["items"]
        assert {each["joined_on"] for each in joined} == {day}
    assert pointers(await opened("2023-05-31")) == {("/opened_on", "in_group")}
    await made(await save(loans, formed, "2023-08-01", (members[0], "in", 5)))
    assert pointers(await opened("2023-08-02")) == {("/opened_on", "after_change")}
    assert pointers(await opened(str(today() + timedelta(days=1)))) == {("/opened_on", "future")}


async def test_an_application_names_its_group(loans: httpx.AsyncClient, url: str) -> None:
    """Of a household that is a member on that day; its events name it too."""
    formed = await group(loans)
    (inside, *_), (outside,) = await members_of(loans, formed), await households(loans, 1)
    for who, day in ((outside, "2024-02-01"), (inside, "2024-01-09")):
        asked = request({"id": who}, group=formed["id"], applied_on=day)
        assert pointers(await loans.post("/v1/applications", json=asked)) == {("/group", "not_member")}
    asked = request({"id": inside}, group=formed["id"], applied_on="2024-02-01")
    found = await made(await loans.post("/v1/applications", json=asked))
    assert found["group"] == formed["id"]
    (event,) = await rows(url, "select data from journal where subject = $1", UUID(found["id"]))
    assert json.loads(event["data"])["group"] == formed["id"]


steps = st.lists(
    st.tuples(st.sampled_from(["join", "leave"]), st.integers(0, 1), st.integers(0, 6), st.integers(0, 500)),
    max_size=14,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
async def test_nobody_is_in_two_groups_on_any_day(
    loans: httpx.AsyncClient, url: str, steps: list[tuple[str, int, int, int]]
) -> None:
    """Whatever is asked in whatever order; and no group holds more than is allowed."""
    people = await households(loans, 7)
    groups = [await group(loans, name=uuid4().hex, members=await households(loans, 5)) for _ in range(2)]
    for what, which, who, days in steps:
        day = str(date.fromisoformat(OPENED) + timedelta(days=days))
        if what == "join":
            answer = await act(loans, groups[which], "members", {"members": [people[who]], "joined_on": day})
        else:
            answer = await act(loans, groups[which], f"members/{people[who]}/leaving", {"left_on": day})
        assert answer.status_code in {200, 404, 422}
    overlaps = """
        select count(*) from membership as a join membership as b on a.borrower = b.borrower and a.id < b.id
        where daterange(a.joined_on, a.left_on) && daterange(b.joined_on, b.left_on)
    """
    assert (await rows(url, overlaps))[0][0] == 0
    assert parameter("group.fewest", today()) < parameter("group.most", today())
