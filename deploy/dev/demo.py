"""The demo province, written through the public API as any other system would write it.

Every person and household is generated and says so. The figures of Mông Dương and Ba Chẽ are the published ones: 94
households disbursed to in 2025, 333 borrowers owing 23.3 billion VND at the end of the year and none overdue;
minorities 76.7 % of Ba Chẽ's members. `bank.py` says what the bank sends of both. Each request carries an
Idempotency-Key, so a load that was interrupted goes on where it stopped and nothing is written twice.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import date, timedelta

import httpx

from contracts import units
from deploy.dev import bank
from deploy.dev.lending import Commune, publish
from deploy.dev.province import BA_CHE, MINORITIES, MONG_DUONG, PROVINCE, Loan, Plan, drawn
from deploy.dev.writer import AT_ONCE, Body, Writer


async def commune(members: Writer, loans: Writer, terms: dict[str, Body], code: str) -> None:
    """Branches, households, members and loans of one commune."""
    plan, lent, chance = drawn(code)
    branches = await asyncio.gather(
        *(
            members.send(
                "POST",
                "/v1/branches",
                f"branch:{code}:{n}",
                {"unit": code, "name": f"Chi hội {n + 1} (mẫu)", "opened_on": "2010-03-08"},
            )
            for n in range(plan.branches)
        )
    )
    homes = await households(members, code, [branch["id"] for branch in branches], plan, lent, chance)
    lending, written = Commune(loans, terms, code), bank.miswritten(lent) if code == BA_CHE else lent
    await asyncio.gather(people(members, code, homes, plan, chance), lending.lend(homes, written, random.Random(code)))  # noqa: S311  # the same demo every time


async def households(
    members: Writer,
    code: str,
    branches: Sequence[str],
    plan: Plan,
    lent: Sequence[Loan],
    chance: random.Random,
) -> list[Body]:
    """Registered households; borrowers, and a quarter of the others, with a poverty status of 2025."""
    number = max(plan.borrowers + 5, plan.members * 6 // 10)
    items = [
        {"branch": branches[n % len(branches)], "registered_on": "2015-01-01", "address": f"Địa chỉ mẫu {n + 1}"}
        for n in range(number)
    ]
    homes: list[Body] = []
    for start in range(0, number, 500):
        body: Body = {"items": items[start : start + 500]}
        homes += (await members.send("POST", "/v1/households/batch", f"households:{code}:{start}", body))["items"]
    for home in homes:
        members.applied(f"members:{home['id']}", 1)
    kinds = ("poor", "near_poor", "near_poor", "newly_escaped", "average", "average", "other", "other")
    statuses = {home["id"]: loan.status for home, loan in zip(homes, lent, strict=False)}
    statuses |= {home["id"]: chance.choice(kinds) for home in homes[len(lent) :: 4]}
    status = {"standard": "national-2022-2025", "effective_on": "2025-01-01"}
    await asyncio.gather(
        *(
            members.send(
                "PUT",
                f"/v1/households/{home}/poverty-status/2025",
                f"poverty:{home}",
                {**status, "status": kind},
                1,
            )
            for home, kind in statuses.items()
        )
    )
    return homes


async def people(members: Writer, code: str, homes: Sequence[Body], plan: Plan, chance: random.Random) -> None:
    """Members, in batches; outside the golden communes one in forty has left again."""
    golden_one = code in (MONG_DUONG, BA_CHE)
    items = []
    for n in range(plan.members):
        home = homes[n % len(homes)]
        items.append(
            {
                "branch": home["branch"],
                "household": home["id"],
                "name": f"Hội viên Mẫu {code}-{n + 1:04d}",
                "birth_year": chance.randint(1950, 2004),
                "ethnicity": chance.choice(MINORITIES) if n < plan.minority else "01",
                "kind": "honorary" if n % 97 == 96 else "ordinary",
                "core": n % 9 == 0,
                "joined_on": str(date(2022, 1, 1) + timedelta(days=chance.randint(0, 1_200 if golden_one else 1_600))),
            }
        )
    for start in range(0, len(items), 500):
        body = {"items": items[start : start + 500]}
        done = await members.send("POST", "/v1/members/batch", f"members:{code}:{start}", body)
        if done["refused"]:
            raise RuntimeError(f"the demo's own rows were refused: {done['items']}")
        for row in done["items"]:
            members.applied(f"members:{row['id']}", row["version"])
        if not golden_one:
            await asyncio.gather(*(leave(members, row, items[start + row["row"]]) for row in done["items"][39::40]))


async def leave(members: Writer, row: Body, joined: Body) -> None:
    """End a membership a quarter of a year after it began."""
    left_on = date.fromisoformat(joined["joined_on"]) + timedelta(days=90)
    body = {"left_on": str(left_on), "reason": "moved_away"}
    await members.send("POST", f"/v1/members/{row['id']}/departure", f"departure:{row['id']}", body, 1)


async def write(addresses: dict[str, str], token: str) -> None:
    """The whole province; returns when every record is in the figures."""
    began, limit = time.monotonic(), asyncio.Semaphore(AT_ONCE)
    limits = httpx.Limits(max_connections=AT_ONCE, keepalive_expiry=2)  # the server closes idle connections after 5 s
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        members = Writer(client, addresses["members"], token, limit)
        loans = Writer(client, addresses["loans"], token, limit)
        terms = await publish(loans)
        codes = [unit.code for unit in units.children(PROVINCE)]
        for group in (codes[start : start + 6] for start in range(0, len(codes), 6)):
            await asyncio.gather(*(commune(members, loans, terms, code) for code in group))
            requests = members.written + loans.written
            print(f"    {requests:6,} requests, {time.monotonic() - began:4.1f} s", flush=True)
        officers = []
        for code, name in bank.OFFICERS.items():
            own = await bank.token_of(client, addresses["issuer"], name)
            officers.append(Writer(client, addresses["loans"], own, limit))
            await bank.reconcile(officers[-1], loans, code, drawn(code)[1])
        writers = (members, loans, *officers)
        positions = [f"{entity}@{version}" for each in writers for entity, version in each.last.items()]
        await counted(client, addresses["reporting"], token, positions)
    print(f"    {len(positions):,} records written and counted in {time.monotonic() - began:.1f} s", flush=True)


async def counted(client: httpx.AsyncClient, reporting: str, token: str, positions: Sequence[str]) -> None:
    """Wait until the figures hold every position."""
    for start in range(0, len(positions), 100):
        headers = {"Authorization": f"Bearer {token}", "Wait-For": ",".join(positions[start : start + 100])}
        for _ in range(60):
            answer = await client.get(f"{reporting}/v1/freshness", headers=headers)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
        answer.raise_for_status()


def load(addresses: dict[str, str], token: str) -> None:
    """Write the demo province through the public API. RuntimeError with the answer that refused it."""
    asyncio.run(write(addresses, token))


GOLDEN = (
    (MONG_DUONG, "loans.disbursed_households", "94"),
    (MONG_DUONG, "loans.disbursed_amount", "9,2xx,xxx,xxx"),
    (MONG_DUONG, "loans.outstanding", "23,300,000,000"),
    (MONG_DUONG, "loans.borrowers", "333"),
    (MONG_DUONG, "loans.overdue", "0"),
    (BA_CHE, "members.minority_share", "76.5 to 77"),
)


def golden(addresses: dict[str, str], token: str) -> dict[tuple[str, str], float]:
    """The golden figures of 2025 as reporting answers them, by (unit, indicator)."""
    query = {
        "indicator": [code for _, code, _ in GOLDEN],
        "unit": [MONG_DUONG, BA_CHE],
        "from": "2025-01-01",
        "to": "2025-12-31",
    }
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{addresses['reporting']}/v1/figures", params=query, headers=headers, timeout=30)
    return {(item["unit"], item["indicator"]): item["value"] for item in answer.raise_for_status().json()["items"]}


def report(addresses: dict[str, str], token: str) -> None:
    """Print the golden figures beside what was published, and what has become of the bank's files."""
    found = golden(addresses, token)
    print("\n2025, as reporting answers it                                    figure        published")
    for code, indicator, published in GOLDEN:
        unit = units.current()[code].name
        print(f"  {unit:24} {indicator:28} {found[code, indicator]:>16,}   {published}")
    bank.report(addresses["loans"], token)
