"""100,000 loans with 36 months of entries: the portfolio and reporting's figures are the ledger's sums."""

import asyncio
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest

from contracts.loans import BorrowerUpdated, Disbursement, LoanRepaid
from deploy.dev.supervisor import Stack
from services.chassis import journal
from services.loans import timeline
from services.loans.entries.books import Balance, Entry
from services.loans.loans.record import state_of
from services.loans.timeline import Place
from tests.bench.test_bus import until
from tests.bench.test_statements import COMMUNES, INTEREST, LOANS, Made, lend, unit_of
from tests.platform import Platform, keep_only

DAYS = [date(2023, 6, 30), date(2024, 12, 31), date(2025, 7, 1), date(2025, 12, 31)]
"""In the middle, at two years' ends, and the day on which every tenth loan fell overdue."""
INDICATORS = ["loans.outstanding", "loans.overdue", "loans.borrowers", "loans.disbursed_amount"]
INDICATORS += ["loans.collected_principal", "loans.disbursed_households"]
RECOUNT = """
select coalesce(unit, '22') as unit, sum(owed)::bigint, sum(owed) filter (where due_on < $2)::bigint,
       count(*) filter (where owed > 0), sum(lent)::bigint, sum(repaid)::bigint, count(*) filter (where lent > 0)
from loan join lateral (
    select coalesce(sum(principal), 0) as owed,
           coalesce(sum(amount) filter (where kind = 'disbursement' and occurred_on >= $1), 0) as lent,
           coalesce(sum(amount) filter (where kind = 'principal' and occurred_on >= $1), 0) as repaid
    from entry where entry.loan = loan.id and occurred_on <= $2) as sums on true
group by rollup (unit)
"""
"""By commune and of all: owed on a day, of it overdue, how many owe; lent and repaid since January, to how many."""
CHUNK = 5_000


@pytest.mark.bench
@pytest.mark.timeout(900)
async def test_roll_up(folder: Path) -> None:
    """Every commune's and the province's figures on four days, and its portfolio, equal a recount of all entries."""
    stack = Stack(folder / "roll-up", settings={"RATE_PER_SECOND": "0", "LOG_LEVEL": "WARNING"}, say=lambda _: None)
    try:
        await asyncio.to_thread(stack.start)
        keep_only(stack, "loans-api", "reporting-api", "reporting-projector", "issuer")
        platform, headers = Platform(stack), {"Authorization": f"Bearer {stack.token()}"}
        made = [Made(number) for number in range(LOANS)]
        async with httpx.AsyncClient(base_url=stack.addresses["loans"], headers=headers, timeout=120) as loans:
            await lend(stack, loans, made)
            await tell(stack, made)
            truth = {day: await recount(stack, day) for day in DAYS}
            for day in DAYS:
                await supervised(loans, day, truth[day])
        published = await platform.count("loans", "select count(*) from journal")
        began = time.perf_counter()
        await asyncio.to_thread(stack.run, "loans-relay")
        await until(platform, "reporting", "select count(*) from entity", 2 * LOANS)
        seconds = time.perf_counter() - began
        print(f"{published} events in the figures after {seconds:.0f} s ({2 * LOANS / seconds:.0f}/s)")
        async with httpx.AsyncClient(base_url=stack.addresses["reporting"], headers=headers, timeout=120) as reporting:
            for day in DAYS:
                assert await rolled_up(reporting, day) == truth[day]
    finally:
        await asyncio.to_thread(stack.stop)
    print(f"{len(DAYS)} days, {len(COMMUNES) + 1} units, {len(INDICATORS)} indicators: all equal")


async def tell(stack: Stack, made: list[Made]) -> None:
    """A journal row of each loan and of each borrower, as the commands would have written the last."""
    conn = await asyncpg.connect(stack.postgres.url("loans"))
    for first in range(0, len(made), CHUNK):
        facts = [fact for each in made[first : first + CHUNK] for fact in facts_of(each)]
        await journal.copy(conn, facts)
    await conn.execute("analyze journal")
    await conn.close()


def facts_of(made: Made) -> Iterator[journal.Fact]:
    """What the bus is told of a loan and of its household."""
    unit, days = unit_of(made), made.days
    places = [Place(since=days[0], unit=unit)]
    kept = [Balance(*balance) for balance in made.balances()]
    entries = [Entry(UUID(int=number), *entry) for number, entry in enumerate(made.entries(), 1)]
    loan = {"borrower": made.id, "programme_code": "bench", "capital_source": "central", "contract_on": days[0]}
    state = LoanRepaid(**state_of(loan, places, entries, {}, kept), principal=0, interest=INTEREST)
    yield journal.Fact(state, made.id, 1, days[-1], unit, None)
    borrower = BorrowerUpdated(
        timeline=timeline.of_borrower(places, [kept]), disbursements=[Disbursement(on=days[0], programme="bench")]
    )
    yield journal.Fact(borrower, UUID(int=made.id.int + (1 << 64)), 1, days[-1], unit, None)


async def recount(stack: Stack, day: date) -> dict[str, list[int]]:
    """The indicators of each unit, by plain sums over the entries."""
    conn = await asyncpg.connect(stack.postgres.url("loans"))
    rows = await conn.fetch(RECOUNT, day.replace(month=1, day=1), day)
    await conn.close()
    return {row[0]: [value or 0 for value in list(row)[1:]] for row in rows}


async def supervised(loans: httpx.AsyncClient, day: date, truth: dict[str, list[int]]) -> None:
    """The portfolio's doors say of the province and of a commune what the ledger does."""
    for unit in ("22", COMMUNES[7]):
        where = {} if unit == "22" else {"unit": unit}
        began = time.perf_counter()
        ageing = (
            (await loans.get("/v1/portfolio/ageing", params={**where, "as_of": str(day)})).raise_for_status().json()
        )
        moved = {**where, "as_of": str(day), "month": f"{day:%Y-%m}"}
        migration = (await loans.get("/v1/portfolio/migration", params=moved)).raise_for_status().json()
        took = time.perf_counter() - began
        owed, overdue = truth[unit][:2]
        assert ageing["total"]["overdue"] == sum(each["amount"] for each in ageing["total"]["buckets"]) == overdue
        assert migration["closing"] == owed
        print(f"portfolio of {unit} on {day}: {1000 * took:.0f} ms for ageing and migration")


async def rolled_up(reporting: httpx.AsyncClient, day: date) -> dict[str, list[int]]:
    """The same indicators as reporting says them."""
    query = {
        "indicator": INDICATORS,
        "unit": ["22", *COMMUNES],
        "from": str(day.replace(month=1, day=1)),
        "to": str(day),
    }
    items = (await reporting.get("/v1/figures", params=query)).raise_for_status().json()["items"]
    found = {(each["unit"], each["indicator"]): each["value"] for each in items}
    return {unit: [found[unit, code] for code in INDICATORS] for unit in ("22", *COMMUNES)}
