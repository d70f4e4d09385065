"""The doors of reporting: what they refuse, how they wait, and what they keep."""

import asyncio
import json
from datetime import date
from uuid import UUID

import asyncpg
import httpx

from services.reporting.contributions import commands
from tests.conftest import Api
from tests.issuer import Issuer
from tests.reporting.states import BRANCHES, change, member_state, spell


async def test_the_doors_refuse_what_they_cannot_answer(api: Api, issuer: Issuer) -> None:
    """Naming the parameter; outside the reach nothing exists; a scope is needed."""
    reporting = await api("reporting")

    async def refused(path: str, status: int, **headers: str) -> set[tuple[str, str]]:
        answer = await reporting.get(path, headers=headers)
        assert answer.status_code == status, answer.text
        return {(error["pointer"], error["code"]) for error in answer.json()["errors"]}

    figures = "/v1/figures?unit=22&indicator="
    assert await refused(f"{figures}no.such", 422) == {("query:indicator.0", "unknown")}
    assert await refused(f"{figures}members.left&breakdown=kind", 422) == {("query:breakdown", "unknown")}
    assert await refused(f"{figures}members.left&from=2025-02-01&to=2025-01-01", 422) == {("query:from", "after_end")}
    assert await refused("/v1/dashboards/22", 422, **{"wait-for": "x"}) == {("header:wait-for", "position")}
    await refused("/v1/dashboards/22", 404, **issuer.headers("06760"))
    await refused("/v1/dashboards/99999", 404)
    await refused("/v1/freshness?unit=06970", 404, **issuer.headers("06760"))
    await refused("/v1/stream?unit=06970", 404, **issuer.headers("06760"))
    await refused("/v1/parked", 403, **issuer.headers(scope="reporting:read"))
    await refused("/v1/indicators", 403, **issuer.headers(scope="members:read"))


async def test_wait_for_says_how_far_it_is(api: Api) -> None:
    """A position that does not come is 503 in bounded time, with what is reached."""
    reporting = await api("reporting", wait_for_max_ms=50)
    position = f"members:{UUID(int=7)}@3"
    answer = await reporting.get("/v1/freshness", headers={"wait-for": position})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["reached"] == {position: 0}


async def test_a_dashboard_is_kept_until_its_unit_changes(api: Api, url: str) -> None:
    """304 while nothing changed; a change of the unit is seen at once, one of another unit keeps the tag."""
    reporting = await api("reporting", url)
    path = "/v1/dashboards/06760?from=2024-01-01&to=2024-12-31"
    first = await reporting.get(path)
    again = await reporting.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    conn = await asyncpg.connect(url)
    for number, unit in enumerate(("06970", "06760")):
        step = change(
            "members.member",
            UUID(int=number),
            1,
            date(2024, 1, 5),
            unit,
            BRANCHES[0],
            before=None,
            after=member_state(spell(unit=unit)),
        )
        async with conn.transaction():
            await commands.apply(conn, [step])
        seen = await settled(reporting, path, expected=number)
        assert (seen.headers["etag"] == first.headers["etag"]) == (unit != "06760")
    await conn.close()
    assert seen.json()["cards"][0]["value"] == 1


async def settled(reporting: httpx.AsyncClient, path: str, expected: int) -> httpx.Response:
    """The dashboard once the notification has arrived."""
    for _ in range(200):
        answer = await reporting.get(path)
        if answer.json()["cards"][0]["value"] == expected:
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError(json.loads(answer.content)["cards"][0])


async def test_without_news_nothing_is_served_from_the_cache(api: Api, url: str) -> None:
    """When the listener's connection is cut, screens are made anew until it is back."""
    reporting = await api("reporting", url)
    path = "/v1/dashboards/06760"
    await reporting.get(path)
    conn = await asyncpg.connect(url)
    query = """
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'reporting-listener' and datname = current_database()
    """
    assert await conn.fetchval(query)
    step = change(
        "members.member",
        UUID(int=9),
        1,
        date(2024, 1, 5),
        "06760",
        BRANCHES[0],
        before=None,
        after=member_state(spell()),
    )
    async with conn.transaction():
        await commands.apply(conn, [step])
    await conn.close()
    assert (await settled(reporting, path, expected=1)).status_code == 200
