"""The golden case: published figures of Mông Dương and Ba Chẽ, from individual records through API, bus and roll-up."""

import asyncio
import json
from datetime import date

import httpx
import pytest

from contracts import units
from deploy.dev import bank, demo
from deploy.dev.province import drawn
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.platform import Platform

pytestmark = pytest.mark.timeout(400)  # some 27,000 records through the API, on a machine that others use too
FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
CHECKED = """
    select count(*) from use_check join entry on entry.id = disbursement join loan on loan.id = loan
"""
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
    "loans.groups": """
        select count(*) from credit_group
        where unit = $1 and opened_on <= $3 and (closed_on is null or closed_on > $3) and $2::date is not null
    """,
    "loans.savings": """
        select sum(moved)::bigint from saving join credit_group on credit_group.id = credit_group
        where unit = $1 and occurred_on <= $3 and $2::date is not null
    """,
    "loans.checks_done": f"{CHECKED} where unit = $1 and done_on between $2 and $3",
    "loans.checks_misused": f"{CHECKED} where unit = $1 and done_on between $2 and $3 and result = 'misused'",
}
"""Each figure once more, from the loans service's own tables."""
STATED = """
    select sum(in_term + overdue + frozen)::bigint from statement_line join statement on statement.id = statement
    where unit = $1 and as_of = '2025-12-31' and superseded_by is null
"""
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


async def test_the_banks_file_and_the_ledger_say_the_same_to_the_last_dong(province: Platform) -> None:
    """Made apart from the ledger, over HTTP and by recount: nothing differs in either commune, nothing remains."""
    golden, other = await asyncio.to_thread(bank.reconciled, province.loans_url, province.token())
    assert golden == (MONG_DUONG, 333, 23_300_000_000, 23_300_000_000, 0, 0, 0)
    assert other == (BA_CHE, other.lines, other.bank, other.bank, 0, 0, 1)
    for each in (golden, other):
        sent = bank.lines(each.unit, drawn(each.unit)[1], LAST)
        assert (len(sent), sum(sum(map(int, row[4:7])) for row in sent)) == (each.lines, each.bank)
        assert await province.count("loans", STATED, each.unit) == each.bank
        assert await province.count("loans", RECOUNTS["loans.outstanding"], each.unit, FIRST, LAST) == each.bank


async def test_a_wrong_amount_is_put_right_by_two_people(province: Platform) -> None:
    """Ba Chẽ: one difference was found, another person approved what explains it, the month matched again has none."""
    statement = await province.count(
        "loans", "select id from statement where unit = $1 and month = '2025-12-01'", BA_CHE
    )
    async with province.client("loans", BA_CHE) as loans:
        (correction,) = (await made(await loans.get(f"/v1/corrections?statement={statement}"), 200))["items"]
        ledger = (await made(await loans.get(f"/v1/loans/{correction['loan']}/ledger"), 200))["items"]
    assert (correction["state"], correction["proposed_by"]) == ("approved", "ba-che")
    assert correction["decided_by"] not in (None, "ba-che")
    wrong, reversal, right = [entry for entry in ledger if entry["kind"] in ("principal", "reversal")]
    assert (wrong["kind"], reversal["reverses"], right["kind"]) == ("principal", wrong["id"], "principal")
    assert [reversal["id"], right["id"]] == correction["entries"]
    assert right["amount"] == 10 * wrong["amount"]
    found = right["amount"] - wrong["amount"]
    assert correction["before"]["in_term"] - correction["after"]["in_term"] == found
    repaid = "select sum(-principal)::bigint from entry where loan = $1 and kind in ('principal', 'reversal')"
    assert await province.count("loans", repaid, correction["loan"]) == right["amount"]
    told = "select json_agg(data order by version) from journal where subject = $1"
    matched = json.loads(await province.count("loans", told, statement))
    assert [each["differences"] for each in matched] == [
        [{"kind": "amount", "differences": 1, "outstanding": -found}],
        [],
    ]
    assert matched[0]["bank"] == matched[1]["bank"] == matched[1]["ours"]


async def test_any_days_file_of_the_whole_province_matches(province: Platform) -> None:
    """With debt overdue and frozen: what the bank would send as of October 2026 differs in no loan of the demo."""
    day = date(2026, 10, 31)
    found = [row for unit in units.children("22") for row in bank.lines(unit.code, drawn(unit.code)[1], day)]
    assert all(sum(int(row[state]) for row in found) > 0 for state in (4, 5, 6))
    async with province.client("loans") as loans:
        headers = {"content-type": "text/csv"}
        sent = await loans.post(f"/v1/statements?as_of={day}", content=bank.file(found), headers=headers)
        statement = await made(sent)
        assert (statement["lines"], statement["unreadable"]) == (len(found), 0)
        path = f"/v1/statements/{statement['id']}"
        different = (await made(await loans.get(f"{path}/differences"), 200))["items"]
        whole = await made(await loans.get(f"{path}/reconciliation"), 200)
    assert [each for each in different if each["contract_number"].startswith("DEMO/")] == []
    assert set(whole["total"]["remainder"].values()) == {0}


async def test_make_demo_prints_the_figures_and_the_files(
    province: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for each figure, and one for each commune's file."""
    await asyncio.to_thread(demo.report, province.stack.addresses, province.token())
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["Phường", "Mông", "Dương", "loans.outstanding", "23,300,000,000", "23,300,000,000"] in printed
    told = [" ".join(words) for words in printed if "lines" in words]
    assert told[0].startswith("Phường Mông Dương 333 lines 23,300,000,000 23,300,000,000 0 0 differences, 0 corrected")
    assert "0 0 differences, 1 corrected" in told[1]


async def test_loading_again_changes_nothing(province: Platform) -> None:
    """Every request of the load carries its key: a second load answers as the first and adds no row."""
    last = "select max(position) from journal"
    before = [await province.count(service, last) for service in ("members", "loans")]
    await asyncio.to_thread(demo.load, province.stack.addresses, province.token())
    assert [await province.count(service, last) for service in ("members", "loans")] == before


async def test_a_caller_of_one_commune_sees_one_commune(province: Platform) -> None:
    """Mông Dương's caller reads its own dashboard and no other, and nobody else's events."""
    async with province.client("reporting", MONG_DUONG) as reporting:
        assert (await reporting.get(f"/v1/dashboards/{MONG_DUONG}")).status_code == httpx.codes.OK
        for other in ("22", BA_CHE):
            assert (await reporting.get(f"/v1/dashboards/{other}")).status_code == httpx.codes.NOT_FOUND
    async with province.client("members", MONG_DUONG) as members:
        events = (await members.get("/v1/events?limit=500")).json()["items"]
    assert {event["unit"] for event in events} == {MONG_DUONG}
