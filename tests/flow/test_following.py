"""A reorganisation through the doors of members: relay, Kafka, loans, relay, Kafka, reporting; undone again."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.dev.supervisor import Stack
from tests.builders import branch, household, made
from tests.chassis.bus import until
from tests.loans.groups import save
from tests.loans.lending import TERMS, contract, entry
from tests.members.planning import HA_KHAU, TUAN_CHAU, VIET_HUNG, drafted, goes, step
from tests.platform import Platform

UNITS = (HA_KHAU, VIET_HUNG, TUAN_CHAU, "22")
DAYS = ("2024-12-31", "2025-06-30", "2025-07-01", "2025-10-31")
INDICATORS = ("loans.outstanding", "loans.borrowers", "loans.overdue", "loans.groups", "loans.savings")
Figures = dict[tuple[str, str, str], list[float]]


@pytest.fixture
def apart(folder: Path) -> Iterator[Platform]:
    """A platform of its own: what is left in a ward of before would be in the sums of everybody's province."""
    stack = Stack(folder / "following", durable=False, settings={"LOG_LEVEL": "WARNING"}, say=lambda _: None)
    try:
        stack.start()
        yield Platform(stack)
    finally:
        stack.stop()


async def figures(reporting: httpx.AsyncClient) -> Figures:
    """What each unit owes and saves on each day, by map."""
    found: Figures = {}
    for drawn in ("then", "now"):
        for day in DAYS:
            query = {"indicator": list(INDICATORS), "unit": list(UNITS), "from": "2024-01-01", "to": day, "map": drawn}
            answer = await made(await reporting.get("/v1/figures", params=query), 200)
            for item in answer["items"]:
                found.setdefault((item["unit"], drawn, day), []).append(item["value"])
    return found


async def counted(platform: Platform) -> None:
    """Wait until loans has read all that members told, and reporting all that both did."""

    async def there() -> bool:
        members = await platform.count("members", "select count(*) from journal")
        followed = await platform.count("loans", "select coalesce(sum(next_offset), 0) from consumer_offset")
        loans = await platform.count("loans", "select count(*) from journal")
        read = "select coalesce(sum(next_offset), 0) from consumer_offset"
        return bool(followed == members and await platform.count("reporting", read) == members + loans)

    await until(there, 60)


async def lent(loans: httpx.AsyncClient, home: dict[str, Any], programme: str, amount: int) -> str:
    """A borrower of 2023 with a loan of 2024 that fell due on the eve of 2025."""
    body = {"household": home["id"], "unit": home["unit"], "branch": home["branch"], "customer_code": uuid4().hex}
    who = await made(await loans.post("/v1/borrowers", json={**body, "customer_since": "2023-01-01"}))
    dates = {"programme": programme, "contract_on": "2024-01-10", "due_on": "2024-12-30"}
    loan = await made(await loans.post("/v1/loans", json=contract(who, **dates)))
    await made(await entry(loans, loan["id"], "disbursements", amount, "2024-02-01"))
    return str(who["id"])


async def test_a_province_owes_the_same_on_both_maps(apart: Platform) -> None:
    """A ward is divided, a follower killed meanwhile: communes add up to what they were, groups are in the new ones."""
    async with (
        apart.client("members") as members,
        apart.client("loans") as loans,
        apart.client("reporting") as reporting,
    ):
        programme = f"flow_{uuid4().hex[:8]}"
        await made(await loans.post("/v1/programmes", json={**TERMS, "code": programme}))
        first, second = (
            await branch(members, HA_KHAU, f"Khu {uuid4()}"),
            await branch(members, HA_KHAU, f"Khu {uuid4()}"),
        )
        groups = []
        for khu, amount in ((first, 10_000_000), (second, 20_000_000)):
            who = [await lent(loans, await household(members, khu), programme, amount + n) for n in range(5)]
            body = {
                "unit": HA_KHAU,
                "branch": khu["id"],
                "name": uuid4().hex,
                "opened_on": "2024-01-05",
                "members": who,
            }
            groups.append(await made(await loans.post("/v1/groups", json={**body, "members": who})))
            await made(await save(loans, groups[-1], "2024-03-03", (who[0], "in", amount // 100)))
        await counted(apart)
        before = await figures(reporting)
        plan = await drafted(members, goes(HA_KHAU, VIET_HUNG, first), goes(HA_KHAU, TUAN_CHAU, second))
        plan = await step(members, plan, "application")
        apart.stack.kill("loans-follower")
        await asyncio.to_thread(apart.stack.run, "loans-follower")
        await counted(apart)
        after = await figures(reporting)
        for drawn in ("then", "now"):
            for day in DAYS:
                assert after["22", drawn, day] == before["22", "then", day]
                old = [before[unit, drawn, day] for unit in UNITS[:3]]
                new = [after[unit, drawn, day] for unit in UNITS[:3]]
                assert list(map(sum, zip(*old, strict=True))) == list(map(sum, zip(*new, strict=True)))
                assert (new == old) == (drawn == "then" and day < "2025-07-01")
                gained = [a - b for a, b in zip(new[1], old[1], strict=True)] if new != old else None
                assert gained in (None, [50_000_010, 5, 0 if day < "2024-12-31" else 50_000_010, 1, 100_000])
        for group, unit in zip(groups, (VIET_HUNG, TUAN_CHAU), strict=True):
            assert (await made(await loans.get(f"/v1/groups/{group['id']}"), 200))["unit"] == unit
        assert await apart.count("loans", "select count(*) from parked") == 0
        await step(members, plan, "reversal")
        await counted(apart)
        assert await figures(reporting) == before
