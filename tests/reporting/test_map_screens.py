"""Screens of both maps: kept ones are what a recount shows, whatever is applied, and wherever branches are carried."""

import contextlib
import json
from collections import Counter
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.members import MemberSpell
from services.chassis import db
from services.chassis.errors import NotFound
from services.chassis.settings import Settings
from services.members.timeline import at, changed, placed
from services.reporting.contributions import queries
from services.reporting.contributions.periods import Period
from services.reporting.dashboards import queries as dashboards
from services.reporting.dashboards.board import MEASURES, Board
from services.reporting.dashboards.cache import Asked, Cache
from services.reporting.stream.listener import Applied
from tests.conftest import Api
from tests.reporting.states import spell
from tests.reporting.test_maps import HA_KHAU, REFORM, START, UNITS, VIET_HUNG, World, branch_id, days, steps, take


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.integers(0, 20), st.tuples(days, days).map(sorted))
async def test_kept_screens_are_the_recount_on_both_maps(
    url: str, steps: list[tuple[Any, ...]], made_after: int, between: list[date]
) -> None:
    """Whatever is applied since: kept or made anew, a screen is the recount; branches and months too are counted where
    they are on today's map; the province is the same on both, and the sum of its rows; a branch's screen is its row of
    the unit's table."""
    pool = db.Pool(Settings(database_url=url), "screens")
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("truncate contribution, rollup, rollup_month, carried, inherited, entity")
        applied = Applied(pool)
        applied.connected = True
        cache, world, done = Cache(applied), World(conn), set[str]()
        period = Period(*between)
        asked = [Asked(unit, period, now) for unit in ("22", *UNITS) for now in (False, True)]
        asked += [screen._replace(branch=branch_id(number)) for screen in asked for number in (1, 9)]
        await world.begin()
        for number, step in enumerate([*steps, None]):
            await applied.catch_up()
            if number == min(made_after, len(steps)):
                for screen in asked:
                    with contextlib.suppress(NotFound):
                        await shown(cache, conn, screen)
            if step is not None:
                await take(world, step, done)
        await applied.catch_up()
        provinces = []
        for screen in asked:
            try:
                board = await made(conn, screen)
            except NotFound:
                with pytest.raises(NotFound):
                    await shown(cache, conn, screen)
                continue
            recount = board.shown(board.seen, "vi").model_dump(mode="json", by_alias=True, exclude={"freshness"})
            assert await shown(cache, conn, screen) == recount
            if screen.unit == "22":
                provinces.append({name: recount[name] for name in ("cards", "series", "breakdowns")})
                check_rows(recount)
                continue
            await check_series(conn, screen, recount)
            if screen.branch:
                row = (await made(conn, screen._replace(branch=None))).parts.get(str(screen.branch), {})
                assert {measure: board.now[measure] for measure in MEASURES} == dict.fromkeys(MEASURES, 0) | row
            elif screen.now:
                heirs = Counter(
                    str(branch)
                    for spells in world.members.values()
                    if (there := at(spells, period.end)) and there.status == "active"
                    if world.branches[branch := world.heir(spells, there)][-1].unit == screen.unit
                )
                values = {part["code"]: part["values"]["members.active"] for part in recount["units"]}
                assert {branch: value for branch, value in values.items() if value} == heirs
                assert all(world.branches[UUID(branch)][-1].unit == screen.unit for branch in values)
        assert provinces[0] == provinces[1]
    finally:
        pool.terminate()
        await conn.close()


def check_rows(province: dict[str, Any]) -> None:
    """The rows, units of before in which something counts among them, add up to the province."""
    cards = {card["indicator"]: card["value"] for card in province["cards"]}
    for indicator in ("members.active", "members.enrolled"):
        assert cards[indicator] == sum(part["values"][indicator] for part in province["units"])


async def check_series(conn: asyncpg.Connection, asked: Asked, recount: dict[str, Any]) -> None:
    """Each point of the first series is the stock of its day."""
    for point in recount["series"][0]["points"]:
        day = Period(START, date.fromisoformat(point["on"]))
        told = await queries.sums(conn, [asked.unit], ["members.active"], day, now=asked.now, branch=asked.branch)
        assert point["value"] == told[asked.unit]["members.active"]


async def made(conn: asyncpg.Connection, asked: Asked) -> Board:
    """A screen made anew."""
    return await dashboards.board(conn, *asked[:2], now=asked.now, branch=asked.branch)


async def shown(cache: Cache, conn: asyncpg.Connection, asked: Asked) -> dict[str, Any]:
    """A screen without its freshness, made if it is not kept."""
    screen = await cache.get(asked, "vi", lambda: made(conn, asked))
    found: dict[str, Any] = json.loads(screen.body)
    return found


async def test_a_kept_screen_follows_a_map_of_which_the_log_tells_nothing(api: Api, url: str) -> None:
    """Of a branch closed before the reorganisation nothing is added anywhere: its history moves all the same, with what
    is told of it afterwards."""
    reporting = await api("reporting", url)
    conn = await asyncpg.connect(url)
    world, one = World(conn), branch_id(1)
    await world.begin()
    joined = [MemberSpell.model_validate(spell("2025-06-05", branch=one, unit=HA_KHAU))]
    await world.tell_member(1, changed(joined, date(2025, 6, 8), "ended", status="left", leaving_reason="own_wish"))
    await world.tell_branch(one, changed(world.branches[one], date(2025, 6, 9), "ended", open=False))

    async def told() -> list[int]:
        await reporting._transport.app.state.applied.catch_up()  # type: ignore[attr-defined]
        path = "/v1/dashboards/{}?from=2025-06-01&to=2025-06-07&map={}"
        answers = [
            await reporting.get(path.format(*each))
            for each in ((HA_KHAU, "then"), (HA_KHAU, "now"), (VIET_HUNG, "now"), ("22", "now"))
        ]
        return [answer.json()["cards"][0]["value"] for answer in answers]

    assert await told() == await told() == [1, 1, 0, 1]
    await world.carry({one: VIET_HUNG}, REFORM, None)
    assert await told() == await told() == [1, 0, 1, 1]
    late = [MemberSpell.model_validate(spell("2025-06-06", branch=one, unit=HA_KHAU))]
    await world.tell_member(2, placed(late, world.branches))
    assert await told() == [2, 0, 2, 2]
    await world.tell_branch(one, world.branches[one][:-1])
    assert await told() == [2, 2, 0, 2]
    assert (await reporting.get("/v1/dashboards/22?map=today")).status_code == 422
    await conn.close()
