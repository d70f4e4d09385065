"""Sparse answers: every read of every service gives the fields asked for, or says which it does not have."""

from typing import Any

import httpx
import pytest

from services.loans.main import SERVICE as LOANS
from services.members.main import SERVICE as MEMBERS
from services.reporting.main import SERVICE as REPORTING
from tests import builders
from tests.chassis.test_http import problem
from tests.conftest import Api
from tests.issuer import Issuer

WITHOUT = {
    "/v1/events",
    "/v1/stream",
    "/v1/imports/template",
    "/v1/groups/{group_id}/proposals",
    "/v1/imports/{import_id}/errors",
}
"""Reads whose answers have no fields of their own: CloudEvents, server-sent events, files."""


@pytest.fixture
async def members(api: Api) -> httpx.AsyncClient:
    """A members service with a branch, a household and two members."""
    client = await api("members")
    branch = await builders.branch(client)
    await builders.household(client, branch)
    for name in ("Hội viên Mẫu 1", "Hội viên Mẫu 2"):
        await builders.member(client, branch, name=name)
    return client


@pytest.mark.parametrize("service", [MEMBERS, LOANS, REPORTING], ids=lambda service: service.name)
def test_every_read_documents_its_fields(service: Any) -> None:
    """OpenAPI lists what may be asked for: names that the answer's schema has."""
    document = service.openapi()
    for path, doors in document["paths"].items():
        for door in doors.values():
            listed = [p for p in door.get("parameters", []) if p["name"] == "fields"]
            assert len(listed) == ("get" in doors and door is doors["get"] and path not in WITHOUT), path


@pytest.mark.parametrize("noun", ["members", "households", "branches", "units"])
async def test_a_list_and_a_read_give_what_was_asked_for(members: httpx.AsyncClient, noun: str) -> None:
    """The values are those of the whole answer; tag and cursor stay."""
    whole = (await members.get(f"/v1/{noun}", params={"limit": 1})).json()
    names = sorted(whole["items"][0])
    for chosen in (names[:1], names[1:3], names):
        found = (await members.get(f"/v1/{noun}?limit=1&fields={','.join(chosen)}")).json()
        wanted = [{name: item[name] for name in chosen} for item in whole["items"]]
        assert found == {**whole, "items": wanted}
    if "id" in names:
        path = f"/v1/{noun}/{whole['items'][0]['id']}"
        answer, all_of_it = await members.get(path, params={"fields": "version,id"}), await members.get(path)
        assert answer.json() == {"id": all_of_it.json()["id"], "version": all_of_it.json()["version"]}
        assert answer.headers["etag"] == all_of_it.headers["etag"]
        assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize(("language", "said"), [("en", "No field “nmae”"), ("vi", "Không có trường “nmae”")])
async def test_a_field_that_is_not_there_is_named(members: httpx.AsyncClient, language: str, said: str) -> None:
    """Before anything is read, in the caller's language."""
    answer = await members.get("/v1/members?fields=id,nmae", headers={"accept-language": language})
    assert problem(answer, 422, "invalid")["errors"] == [
        {"pointer": "query:fields", "code": "unknown", "message": said}
    ]


async def test_fields_show_nothing_that_the_caller_may_not_see(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """Names stay hidden, refusals stay refusals: who one is comes first."""
    plain = issuer.headers(scope="members:read")
    found = (await members.get("/v1/members?fields=name,birth_year", headers=plain)).json()["items"]
    assert found == [{"name": None, "birth_year": 1980}] * 2
    problem(await members.get("/v1/members?fields=nothing", headers={"authorization": ""}), 401, "unauthenticated")
    problem(await members.get("/v1/members?fields=id", headers=issuer.headers(scope="")), 403, "forbidden")
    elsewhere = "/v1/members/00000000-0000-7000-8000-000000000000?fields=id"
    problem(await members.get(elsewhere), 404, "not-found")


async def test_reporting_cuts_its_items_and_screens_too(api: Api) -> None:
    """Figures keep period and freshness beside the items; a screen keeps the parts asked for."""
    reporting = await api("reporting")
    params = {"indicator": "members.active", "unit": "22", "fields": "unit,value"}
    answer = await reporting.get("/v1/figures", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.json()["items"] == [{"unit": "22", "value": 0}]
    assert set(answer.json()) == {"items", "period", "freshness"}
    for _ in range(2):  # an address read before takes a shorter way
        screen = await reporting.get("/v1/dashboards/22", params={"fields": "unit,period"})
        assert set(screen.json()) == {"unit", "period"}
    same = {"if-none-match": screen.headers["etag"]}
    assert (await reporting.get("/v1/dashboards/22", params={"fields": "unit"}, headers=same)).status_code == 304
