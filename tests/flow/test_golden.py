"""The golden case: published figures of Mông Dương and Ba Chẽ, from individual records through API, bus and roll-up."""

import asyncio
from datetime import date

import httpx
import pytest

from contracts import units
from deploy.dev import demo
from tests.builders import BA_CHE, MONG_DUONG
from tests.platform import Platform

FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
RECOUNTS = {
    "loans.disbursed_households": """
        select count(distinct borrower) from entry join loan on loan.id = loan
        where unit = $1 and kind = 'disbursement' and occurred_on between $2 and $3
    """,
    "loans.disbursed_amount": """
        select sum(entry.amount)::bigint from entry join loan on loan.id = loan
        where unit = $1 and kind = 'disbursement' and occurred_on between $2 and $3
    """,
    "loans.outstanding": """
        select sum(principal)::bigint
        from entry join loan on loan.id = loan
        where unit = $1 and occurred_on <= $3 and $2::date is not null
    """,
    "loans.borrowers": """
        select count(*) from (
            select borrower from entry join loan on loan.id = loan
            where unit = $1 and occurred_on <= $3 and $2::date is not null
            group by borrower having sum(principal) > 0
        ) as owing
    """,
    "loans.overdue": """
        select sum(principal)::bigint
        from entry join loan on loan.id = loan
        where unit = $1 and occurred_on <= $3 and due_on < $3 and $2::date is not null
    """,
}
"""Each figure once more, from the loans service's own tables."""
ACTIVE = "select count(*) from member where unit = $1 and joined_on <= $2 and (left_on is null or left_on > $2)"


@pytest.fixture(scope="module")
async def province(stack: Platform) -> Platform:
    """The demo province, loaded through the public API as `make demo` does."""
    await asyncio.to_thread(demo.load, stack.stack.addresses, stack.token())
    return stack


async def test_the_published_figures_come_out_of_reporting(province: Platform) -> None:
    """94 households, 9.2 billion, 23.3 billion, 333 borrowers, nothing overdue; 76.5 to 77 % minorities."""
    found = await asyncio.to_thread(demo.golden, province.stack.addresses, province.token())
    assert found[MONG_DUONG, "loans.disbursed_households"] == 94
    assert 9_200_000_000 <= found[MONG_DUONG, "loans.disbursed_amount"] < 9_300_000_000
    assert found[MONG_DUONG, "loans.outstanding"] == 23_300_000_000
    assert found[MONG_DUONG, "loans.borrowers"] == 333
    assert found[MONG_DUONG, "loans.overdue"] == 0
    assert 76.5 <= found[BA_CHE, "members.minority_share"] <= 77


async def test_each_figure_equals_a_recount_in_the_owners_database(province: Platform) -> None:
    """Every commune and every loan figure of 2025, and members with their minority share."""
    codes = [unit.code for unit in units.children("22")]
    query = {
        "indicator": [*RECOUNTS, "members.active", "members.minority", "members.minority_share"],
        "unit": codes,
        "from": str(FIRST),
        "to": str(LAST),
    }
    async with province.client("reporting") as reporting:
        answer = (await reporting.get("/v1/figures", params=query)).json()
    told = {(item["unit"], item["indicator"]): item["value"] for item in answer["items"]}
    for code in codes:
        for indicator, recount in RECOUNTS.items():
            assert told[code, indicator] == (await province.count("loans", recount, code, FIRST, LAST) or 0), indicator
        active = await province.count("members", ACTIVE, code, LAST)
        minority = await province.count("members", f"{ACTIVE} and ethnicity <> '01'", code, LAST)
        assert (told[code, "members.active"], told[code, "members.minority"]) == (active, minority)
        assert told[code, "members.minority_share"] == round(minority / active * 100, 4)


async def test_the_province_is_the_sum_of_its_communes(province: Platform) -> None:
    """On the dashboard: cards, the communes' table and breakdowns agree with one another."""
    async with province.client("reporting") as reporting:
        shown = (await reporting.get(f"/v1/dashboards/22?from={FIRST}&to={LAST}")).json()
    cards = {card["indicator"]: card["value"] for card in shown["cards"]}
    for indicator in ("members.active", "loans.outstanding", "loans.borrowers", "loans.disbursed_households"):
        assert cards[indicator] == sum(part["values"][indicator] for part in shown["units"])
    for broken_down in shown["breakdowns"]:
        assert sum(item["value"] for item in broken_down["items"]) == cards[broken_down["indicator"]]
    for series in shown["series"]:
        assert series["points"][-1]["on"] == str(LAST)
    stock = next(series for series in shown["series"] if series["indicator"] == "loans.outstanding")
    assert stock["points"][-1]["value"] == cards["loans.outstanding"]


async def test_loading_again_changes_nothing(province: Platform) -> None:
    """Every request of the load carries its key: a second load answers as the first and adds no row."""
    before = await province.count("members", "select max(position) from journal")
    await asyncio.to_thread(demo.load, province.stack.addresses, province.token())
    assert await province.count("members", "select max(position) from journal") == before


async def test_a_caller_of_one_commune_sees_one_commune(province: Platform) -> None:
    """Mông Dương's caller reads its own dashboard and no other, and nobody else's events."""
    async with province.client("reporting", MONG_DUONG) as reporting:
        assert (await reporting.get(f"/v1/dashboards/{MONG_DUONG}")).status_code == httpx.codes.OK
        for other in ("22", BA_CHE):
            assert (await reporting.get(f"/v1/dashboards/{other}")).status_code == httpx.codes.NOT_FOUND
    async with province.client("members", MONG_DUONG) as members:
        events = (await members.get("/v1/events?limit=500")).json()["items"]
    assert {event["unit"] for event in events} == {MONG_DUONG}
