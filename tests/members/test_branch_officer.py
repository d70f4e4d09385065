"""An officer of a branch: what belongs to the branch is there, and nothing else, by every door."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.reach import Reach
from tests import builders
from tests.builders import BA_CHE, MONG_DUONG
from tests.chassis.test_http import problem
from tests.conftest import Api
from tests.issuer import Issuer

NOUNS = ("branches", "groups", "households", "members")
UNIT = st.sampled_from(["06760", "06970", "22"])
BRANCH = st.uuids(version=4)


class Place(NamedTuple):
    """A branch with one of each noun in it."""

    branch: dict[str, Any]
    group: dict[str, Any]
    household: dict[str, Any]
    member: dict[str, Any]

    def paths(self) -> Iterator[str]:
        """Each record's address."""
        for noun, record in zip(NOUNS, self, strict=True):
            yield f"/v1/{noun}/{record['id']}"


class World(NamedTuple):
    """Three branches, two of them in one commune, and who is an officer of the first."""

    client: httpx.AsyncClient
    own: Place
    beside: Place
    elsewhere: Place
    officer: dict[str, str]


async def place(client: httpx.AsyncClient, unit: str, name: str) -> Place:
    """A branch with one of each noun in it."""
    branch = await builders.branch(client, unit, name)
    body = {"branch": branch["id"], "name": "Tổ 1", "opened_on": "2011-01-01"}
    group = await builders.made(await client.post("/v1/groups", json=body))
    home = await builders.household(client, branch)
    member = await builders.member(client, branch, household=home["id"], group=group["id"])
    made = Place(branch, group, home, member)
    return Place(*[(await client.get(path)).json() for path in made.paths()])


@pytest.fixture
async def world(api: Api, issuer: Issuer) -> World:
    """The members service with three branches."""
    client = await api("members")
    own, beside = await place(client, MONG_DUONG, "Khu 1"), await place(client, MONG_DUONG, "Khu 2")
    officer = issuer.headers(MONG_DUONG, sub="officer", branch=own.branch["id"])
    return World(client, own, beside, await place(client, BA_CHE, "Khu 1"), officer)


async def test_the_branch_is_there_and_nothing_beside_it(world: World) -> None:
    """Read by read: 200 inside, 404 for the next branch of the same commune and for another commune's."""
    for path in world.own.paths():
        assert (await world.client.get(path, headers=world.officer)).status_code == 200, path
    for path in (*world.beside.paths(), *world.elsewhere.paths()):
        problem(await world.client.get(path, headers=world.officer), 404, "not-found")
        assert (await world.client.get(path)).status_code == 200
    for other in (world.beside, world.elsewhere):
        for noun in ("roles", "fees"):
            path = f"/v1/members/{other.member['id']}/{noun}"
            problem(await world.client.get(path, headers=world.officer), 404, "not-found")


@pytest.mark.parametrize("noun", NOUNS)
async def test_lists_hold_what_is_of_the_branch(world: World, noun: str) -> None:
    """Whatever unit or branch is asked for."""
    own = world.own[NOUNS.index(noun)]["id"]

    async def found(**params: str) -> list[str]:
        answer = await world.client.get(f"/v1/{noun}", params=params, headers=world.officer)
        return [item["id"] for item in answer.json()["items"]]

    assert await found() == await found(unit=MONG_DUONG) == [own]
    assert await found(unit=BA_CHE) == []
    if noun != "branches":
        assert await found(branch=world.own.branch["id"]) == [own]
        assert await found(branch=world.beside.branch["id"]) == []


async def test_officers_of_the_branch_are_listed_and_no_others(world: World) -> None:
    """Who holds an office in the branch beside is not there."""
    for where in (world.own, world.beside):
        body = {"level": "branch", "position": "head", "since": "2022-01-01"}
        path = f"/v1/members/{where.member['id']}/roles"
        appointed = await world.client.post(path, json=body, headers={"if-match": '"1"'})
        assert appointed.status_code == 201, appointed.text
    listed = (await world.client.get("/v1/roles", headers=world.officer)).json()["items"]
    assert [role["member"] for role in listed] == [world.own.member["id"]]


async def test_writes_outside_are_refused_as_unknown(world: World) -> None:
    """New records name a branch that does not exist; records of others are not there; nothing is changed."""
    client, officer, other = world.client, world.officer, world.beside
    enrolled = await client.post("/v1/members", json=builders.joining(other.branch), headers=officer)
    assert problem(enrolled, 422, "invalid")["errors"][0]["pointer"] == "/branch"
    for fields in ({"household": other.household["id"]}, {"group": other.group["id"]}):
        refused = await client.post("/v1/members", json=builders.joining(world.own.branch, **fields), headers=officer)
        assert [fault["pointer"] for fault in problem(refused, 422, "invalid")["errors"]] == [f"/{next(iter(fields))}"]
    home = await client.post("/v1/households", json={"branch": other.branch["id"]}, headers=officer)
    assert problem(home, 422, "invalid")["errors"][0]["pointer"] == "/branch"
    body = {"branch": other.branch["id"], "name": "Tổ 2", "opened_on": "2012-01-01"}
    group = await client.post("/v1/groups", json=body, headers=officer)
    assert problem(group, 422, "invalid")["errors"][0]["pointer"] == "/branch"
    changes = {**officer, "if-match": '"1"'}
    own = {"unit": MONG_DUONG, "name": "Khu 3", "opened_on": "2012-01-01"}
    year = {"status": "poor", "standard": "national-2022-2025", "effective_on": "2022-01-01"}
    closing = {"closed_on": "2022-01-01"}
    refusals = [
        await client.post("/v1/branches", json=own, headers=officer),
        await client.put(f"/v1/populations/{MONG_DUONG}/2022-01-01", json={"women_18": 9}, headers=officer),
        *[await client.patch(path, json={"name": "Khác"}, headers=changes) for path in list(other.paths())[:2]],
        await client.patch(f"/v1/members/{other.member['id']}", json={"core": True}, headers=changes),
        await client.patch(f"/v1/households/{other.household['id']}", json={"address": "x"}, headers=changes),
        await client.put(f"/v1/households/{other.household['id']}/poverty-status/2022", json=year, headers=changes),
        await client.post(
            f"/v1/members/{other.member['id']}/departure",
            json={"left_on": "2022-01-01", "reason": "own_wish"},
            headers=changes,
        ),
        await client.post(f"/v1/branches/{other.branch['id']}/closing", json=closing, headers=changes),
        await client.post(f"/v1/groups/{other.group['id']}/closing", json=closing, headers=changes),
    ]
    for answer in refusals:
        problem(answer, 404, "not-found")
    fees = {"members": [other.member["id"], world.own.member["id"]], "year": 2022, "on": "2022-02-01"}
    collected = await client.post("/v1/fees/batch", json={**fees, "standing": "paid"}, headers=officer)
    assert [item["verdict"] for item in collected.json()["items"]] == ["refused", "recorded"]
    for path, record in zip(other.paths(), other, strict=True):
        assert (await client.get(path)).json() == record


async def test_the_branchs_own_work_goes_on(world: World) -> None:
    """Enrolment, and corrections of a member whose household is another branch's."""
    client, officer = world.client, world.officer
    enrolled = await client.post("/v1/members", json=builders.joining(world.own.branch), headers=officer)
    assert enrolled.status_code == 201
    guest = await builders.member(client, world.own.branch, household=world.beside.household["id"])
    path, changes = f"/v1/members/{guest['id']}", {**officer, "if-match": '"1"'}
    corrected = await client.patch(path, json={"core": True}, headers=changes)
    assert (corrected.status_code, corrected.json()["household"]) == (200, world.beside.household["id"])
    moved = await client.patch(
        path, json={"household": world.elsewhere.household["id"]}, headers={**officer, "if-match": '"2"'}
    )
    assert problem(moved, 422, "invalid")["errors"][0]["pointer"] == "/household"


async def test_a_branch_claim_never_widens(world: World, issuer: Issuer) -> None:
    """A branch outside the token's unit, or one that is no UUID, reaches nothing."""
    for headers in (
        issuer.headers(BA_CHE, branch=world.own.branch["id"]),
        issuer.headers(MONG_DUONG, branch="Khu 1"),
        issuer.headers(MONG_DUONG, branch=""),
        issuer.headers(None, branch=world.own.branch["id"]),
    ):
        for noun in NOUNS:
            assert (await world.client.get(f"/v1/{noun}", headers=headers)).json()["items"] == []


async def test_reporting_keeps_whole_units_to_those_who_reach_them(api: Api, world: World) -> None:
    """A commune's figures are not a branch's: 404 for its officer."""
    reporting = await api("reporting")
    for path in (f"/v1/dashboards/{MONG_DUONG}", f"/v1/figures?indicator=members.active&unit={MONG_DUONG}"):
        assert (await reporting.get(path)).status_code == 200
        problem(await reporting.get(path, headers=world.officer), 404, "not-found")


@given(st.sets(UNIT), st.none() | BRANCH, UNIT, st.none() | BRANCH)
def test_a_reach_within_is_no_wider(units: set[str], own: Any, unit: str, branch: Any) -> None:
    """What a narrowed reach covers, the whole one covers; with a branch no unit is reached whole."""
    reach = Reach(units, own)
    inside = reach.within(unit, branch)
    for candidate in (own, branch, None):
        for each in ("06760", "06970", "22"):
            if inside.covers(each, candidate):
                assert reach.covers(each, candidate)
                assert each == unit
                assert branch in (None, candidate)
    assert set(reach) == (units if own is None else set())
