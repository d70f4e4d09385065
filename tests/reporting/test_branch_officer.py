"""An officer of a branch is shown the branch's figures; what lies outside, her commune's sums too, does not exist."""

from datetime import date
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from services.reporting.contributions import commands
from tests.chassis.test_http import problem
from tests.conftest import Api
from tests.issuer import Issuer
from tests.reporting.states import BRANCHES, UNITS, change, keep_branch, member_state, spell

HOME, AWAY = UNITS
OWN, BESIDE, ELSEWHERE, _ = BRANCHES
ENROLLED = ((HOME, OWN, "01"), (HOME, OWN, "09"), (HOME, BESIDE, "01"), (HOME, BESIDE, "02"), (AWAY, ELSEWHERE, "01"))
PERIOD = "from=2024-01-01&to=2024-12-31"
SCREEN, FIGURES = f"/v1/dashboards/{HOME}?{PERIOD}", f"/v1/figures?{PERIOD}&indicator=members.active&unit={HOME}"


async def enrol(url: str, *members: tuple[str, UUID, str]) -> None:
    """Members of these communes, branches and ethnic groups."""
    conn = await asyncpg.connect(url)
    for unit, branch, ethnicity in members:
        await keep_branch(conn, branch, unit)
        after = member_state(spell(unit=unit, branch=str(branch), ethnicity=ethnicity))
        joined = change("members.member", uuid4(), 1, date(2024, 1, 5), unit, branch, before=None, after=after)
        await commands.apply(conn, [joined])
    await conn.close()


@pytest.fixture
async def reporting(api: Api, url: str) -> httpx.AsyncClient:
    """Reporting, to which two branches of a commune and one of another are known."""
    await enrol(url, *ENROLLED)
    return await api("reporting", url)


@pytest.fixture
def officer(issuer: Issuer) -> dict[str, str]:
    """An officer of the first branch."""
    return issuer.headers(HOME, sub="officer", branch=str(OWN))


@pytest.mark.parametrize("map_", ["then", "now"])
async def test_the_screen_and_the_figures_are_the_branchs(
    reporting: httpx.AsyncClient, officer: dict[str, str], issuer: Issuer, map_: str
) -> None:
    """Cards, series and breakdowns of the branch alone; who reaches the commune is shown the same, and the whole."""
    for headers in (officer, issuer.headers(HOME), issuer.headers()):
        screen = (await reporting.get(f"{SCREEN}&branch={OWN}&map={map_}", headers=headers)).json()
        assert (screen["unit"]["code"], screen["branch"], screen["units"]) == (HOME, str(OWN), [])
        values = {card["indicator"]: card["value"] for card in screen["cards"]}
        assert [values[f"members.{each}"] for each in ("active", "enrolled", "minority_share")] == [2, 2, 50]
        assert [point["value"] for point in screen["series"][0]["points"]] == [2] * 12
        assert sum(point["value"] for point in screen["series"][1]["points"]) == 2
        assert {each["category"]: each["value"] for each in screen["breakdowns"][0]["items"]} == {"01": 1, "09": 1}
        path = f"{FIGURES}&branch={OWN}&map={map_}&breakdown=ethnicity"
        for known in ("", "&known_at=2030-01-01T00:00:00Z"):
            (figure,) = (await reporting.get(path + known, headers=headers)).json()["items"]
            assert (figure["unit"], figure["branch"], figure["value"]) == (HOME, str(OWN), 2)
            assert [each["value"] for each in figure["breakdown"]["items"]] == [1, 1]
    whole = (await reporting.get(f"{SCREEN}&map={map_}")).json()
    assert (whole["branch"], whole["cards"][0]["value"], len(whole["units"])) == (None, 4, 2)
    (figure,) = (await reporting.get(f"{FIGURES}&map={map_}")).json()["items"]
    assert (figure["branch"], figure["value"]) == (None, 4)


async def test_outside_the_branch_there_is_nothing(
    reporting: httpx.AsyncClient, officer: dict[str, str], issuer: Issuer
) -> None:
    """Neither the commune, nor the branch beside, nor the own one elsewhere, also when others' screens are kept; a
    claim to a branch elsewhere, and a branch that is not in the commune, give nothing."""
    reached = [SCREEN, FIGURES, f"{SCREEN}&branch={BESIDE}", f"{FIGURES}&branch={BESIDE}"]
    nowhere = [
        path.replace(HOME, unit, 1) + f"&branch={branch}"
        for path in (SCREEN, FIGURES)
        for unit, branch in ((AWAY, OWN), ("22", OWN), (HOME, ELSEWHERE), (HOME, uuid4()))
    ]
    for _ in range(2):
        for path in reached:
            assert (await reporting.get(path)).status_code == 200
            problem(await reporting.get(path, headers=officer), 404, "not-found")
        for path in nowhere:
            problem(await reporting.get(path), 404, "not-found")
            problem(await reporting.get(path, headers=officer), 404, "not-found")
    both = f"{FIGURES}&unit={AWAY}&branch={OWN}"
    problem(await reporting.get(both, headers=officer), 404, "not-found")
    for path in (f"/v1/freshness?unit={HOME}", f"/v1/stream?unit={HOME}"):
        problem(await reporting.get(path, headers=officer), 404, "not-found")
    for claim in ("Khu 1", str(ELSEWHERE)):
        headers = issuer.headers(HOME, branch=claim)
        for branch in (OWN, ELSEWHERE):
            problem(await reporting.get(f"{SCREEN}&branch={branch}", headers=headers), 404, "not-found")
    refused = problem(await reporting.get(f"{SCREEN}&branch=x", headers=officer), 422, "invalid")
    assert [fault["pointer"] for fault in refused["errors"]] == ["query:branch"]


async def test_a_kept_screen_of_a_branch_follows_it_alone(
    reporting: httpx.AsyncClient, url: str, officer: dict[str, str]
) -> None:
    """What comes of the branch beside leaves the entity tag as it is; what comes of the own one is added."""
    path = f"{SCREEN}&branch={OWN}"
    first = await reporting.get(path, headers=officer)
    for branch, expected in ((BESIDE, 2), (OWN, 3)):
        await enrol(url, (HOME, branch, "01"))
        await reporting._transport.app.state.applied.catch_up()  # type: ignore[attr-defined]
        answer = await reporting.get(path, headers={**officer, "if-none-match": first.headers["etag"]})
        assert answer.status_code == (304 if expected == 2 else 200)
    assert answer.json()["cards"][0]["value"] == 3
