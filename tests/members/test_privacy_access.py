"""The log of personal reads: nothing personal leaves without its row, and nobody can take a row away."""

from datetime import date
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from services.members.access_log.api import _viewer
from services.members.access_log.retention import kept_since
from services.members.access_log.schemas import PERSONAL
from services.members.main import SERVICE
from tests.builders import BA_CHE, branch, household, made, member
from tests.issuer import Issuer
from tests.members.conftest import Sql

NAME = "Hội viên Mẫu Kín Đáo"


async def test_a_personal_read_is_logged_with_its_purpose(members: httpx.AsyncClient, sql: Sql) -> None:
    """One row an answer: who, what for, by which route, whom; a list names everybody it showed."""
    khu = await branch(members)
    home = await household(members, khu, address="Địa chỉ mẫu 1")
    people = [(await member(members, khu, name=NAME, household=home["id"]))["id"] for _ in range(3)]
    assert not await sql("select from access_log")
    one = await members.get(f"/v1/members/{people[0]}", headers={"purpose": "membership-care"})
    assert (one.json()["name"], one.headers["cache-control"]) == (NAME, "no-store")
    await members.get("/v1/members", params={"q": "kin dao"})
    assert (await members.get(f"/v1/households/{home['id']}")).json()["address"] == "Địa chỉ mẫu 1"
    rows = await sql("select * from access_log order by id")
    assert [(row["caller"], row["purpose"], row["route"], {str(each) for each in row["subjects"]}) for row in rows] == [
        ("tester", "membership-care", "GET /v1/members/{member_id}", {people[0]}),
        ("tester", "membership-management", "GET /v1/members", set(people)),
        ("tester", "membership-management", "GET /v1/households/{household_id}", {home["id"]}),
    ]


async def test_without_a_purpose_nothing_personal_is_shown(
    members: httpx.AsyncClient, issuer: Issuer, sql: Sql
) -> None:
    """No purpose, or no scope: null and no row. A purpose that is none, or a search by name without one: 422."""
    someone = await member(members, await branch(members), name=NAME)
    path = f"/v1/members/{someone['id']}"
    members.headers.pop("purpose")
    unscoped = {**issuer.headers(scope="members:read"), "purpose": "membership-care"}
    for headers in ({}, unscoped):
        answer = await members.get(path, headers=headers)
        assert (answer.json()["name"], answer.json()["birth_year"]) == (None, 1980)
    for params, headers, code in (({}, {"purpose": "curiosity"}, "unknown"), ({"q": "mau"}, {}, "missing")):
        (error,) = (await members.get("/v1/members", params=params, headers=headers)).json()["errors"]
        assert (error["pointer"], error["code"]) == ("header:purpose", code)
    assert not await sql("select from access_log")


async def test_a_write_answers_without_personal_fields(members: httpx.AsyncClient, sql: Sql) -> None:
    """The writer knows what it sent; so neither a kept answer nor a repeat of it can show anybody."""
    khu = await branch(members)
    body = {"branch": khu["id"], "name": NAME, "birth_date": "1980-03-04", "joined_on": "2021-05-10"}
    first, again = [await members.post("/v1/members", json=body, headers={"idempotency-key": "k"}) for _ in range(2)]
    changed = await members.patch(f"/v1/members/{first.json()['id']}", json={"core": True}, headers={"if-match": '"1"'})
    assert again.headers["idempotency-replayed"] == "true"
    for answer in (first, again, changed):
        assert (answer.json()["name"], answer.json()["birth_date"], answer.json()["birth_year"]) == (None, None, 1980)
    assert not await sql("select from access_log")
    assert NAME.encode() not in (await sql("select body from idempotency"))[0]["body"]


@pytest.mark.parametrize(
    "fault",
    [
        "alter table access_log add constraint broken check (purpose <> 'membership-management') not valid",
        """
        create function broken() returns trigger language plpgsql as $$ begin raise exception 'at commit'; end $$;
        create constraint trigger broken after insert on access_log deferrable initially deferred
            for each row execute function broken()
        """,
        "alter table access_log rename to elsewhere",
    ],
    ids=["insert fails", "commit fails", "log is away"],
)
async def test_a_read_that_cannot_be_logged_is_refused(members: httpx.AsyncClient, url: str, fault: str) -> None:
    """Whether the row or the commit fails, the answer is an error without a name, and a read without names goes on."""
    someone = await member(members, await branch(members), name=NAME)
    conn = await asyncpg.connect(url)
    await conn.execute(fault)
    await conn.close()
    for path in (f"/v1/members/{someone['id']}", "/v1/members"):
        answer = await members.get(path)
        assert answer.status_code == (503 if "rename" in fault else 500)
        assert NAME not in answer.text
    members.headers.pop("purpose")
    assert (await members.get("/v1/members")).json()["items"][0]["id"] == someone["id"]


def shapes(annotation: Any) -> set[type[BaseModel]]:
    """Every model inside an answer's type."""
    found: set[type[BaseModel]] = set()
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        found.add(annotation)
        for field in annotation.model_fields.values():
            found |= shapes(field.annotation)
    for part in getattr(annotation, "__args__", ()):
        found |= shapes(part)
    return found


def routes(method: str) -> list[APIRoute]:
    """Routes of the members service."""
    return [
        route
        for router in SERVICE.routers
        for route in router.routes
        if isinstance(route, APIRoute) and method in (route.methods or ())
    ]


def test_every_door_that_shows_persons_asks_for_the_purpose() -> None:
    """By construction: a GET whose answer has a personal field needs the viewer and a connection that records."""
    personal = {
        route.path: route
        for route in routes("GET")
        for shape in shapes(route.response_model)
        if any(field.json_schema_extra == PERSONAL for field in shape.model_fields.values())
    }
    assert {"/v1/members", "/v1/members/{member_id}", "/v1/households/{household_id}"} <= personal.keys()
    for route in personal.values():
        needed = {dependency.call for dependency in route.dependant.dependencies}
        assert _viewer in needed, route.path
        assert "_recorded" in {getattr(call, "__name__", "") for call in needed}, route.path


def test_every_name_and_address_is_marked() -> None:
    """No field of an answer that is called like personal data lacks the mark."""
    called = {"name", "birth_date", "address", "citizen_number", "phone", "evidence", "detail", "reason"}
    unmarked = {
        (shape.__name__, name)
        for method in ("GET", "POST", "PATCH", "PUT")
        for route in routes(method)
        for shape in shapes(route.response_model)
        for name, field in shape.model_fields.items()
        if name in called and field.json_schema_extra != PERSONAL
    }
    places = (
        "UnitOut",
        "LineageOut",
        "BranchOut",
        "GroupOut",
        "PlanOut",
        "RenamedOut",
        "Naming",
        "Split",
        "BranchRefOut",
    )
    assert unmarked == {(place, "name") for place in places}


async def test_the_officer_reads_who_looked_at_whom(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """By member, by household, by reader, in pages; others of an answer are named inside the officer's reach only."""
    khu, far = await branch(members), await branch(members, BA_CHE)
    home = await household(members, khu)
    someone = await member(members, khu, household=home["id"])
    other = await member(members, far)
    for path in ("/v1/members", f"/v1/members/{someone['id']}", "/v1/households"):
        assert (await members.get(path)).status_code == 200
    log = "/v1/access-log"
    seen = (await members.get(log, params={"member": someone["id"]})).json()["items"]
    assert [entry["route"] for entry in seen] == ["GET /v1/members/{member_id}", "GET /v1/members"]
    assert set(seen[1]["subjects"]) == {someone["id"], other["id"]}
    local = issuer.headers("06760")
    (_, entry) = (await members.get(log, params={"member": someone["id"]}, headers=local)).json()["items"]
    assert entry["subjects"] == [someone["id"]]
    assert len((await members.get(log, params={"household": home["id"]})).json()["items"]) == 1
    first = (await members.get(log, params={"reader": "tester", "limit": 2})).json()
    rest = (await members.get(log, params={"reader": "tester", "limit": 2, "cursor": first["next_cursor"]})).json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    assert (await members.get(log, params={"reader": "tester"}, headers=local)).json()["items"] == []
    assert (await members.get(log, params={"member": other["id"]}, headers=local)).status_code == 404
    assert (await members.get(log)).status_code == 422
    plain = issuer.headers(scope="members:read members:personal")
    assert (await members.get(log, params={"member": someone["id"]}, headers=plain)).status_code == 403


async def test_the_log_cannot_be_rewritten(members: httpx.AsyncClient, url: str) -> None:
    """No update, no delete, no truncate, of the log or of any part of it."""
    await member(members, await branch(members))
    await members.get("/v1/members")
    conn = await asyncpg.connect(url)
    try:
        part = await conn.fetchval("select tableoid::regclass::text from access_log")
        for table in ("access_log", part):
            for statement in ("update {} set purpose = ''", "delete from {}", "truncate {}"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                    await conn.execute(statement.format(table))
    finally:
        await conn.close()


async def test_quarters_are_dropped_when_their_term_is_over(members: httpx.AsyncClient, sql: Sql) -> None:
    """Only whole quarters before the term go; what is younger stays, and so does the log."""
    await sql("create table access_log_2020q4 partition of access_log for values from ('2020-10-01') to ('2021-01-01')")
    await sql(
        "insert into access_log (at, caller, unit, purpose, route, subjects) "
        "values ('2020-11-11', 'x', '22', 'statistics', 'GET', array[gen_random_uuid()])"
    )
    await member(members, await branch(members))
    await members.get("/v1/members")
    assert (await made(await members.post("/v1/access-log/forgetting"), 200)) == {"quarters": ["access_log_2020q4"]}
    assert (await made(await members.post("/v1/access-log/forgetting"), 200)) == {"quarters": []}
    assert len(await sql("select from access_log")) == 1


def test_the_term_counts_whole_months() -> None:
    """24 months before the month it is."""
    assert kept_since(date(2026, 11, 30)) == date(2024, 11, 1)
    assert kept_since(date(2027, 1, 1)) == date(2025, 1, 1)
