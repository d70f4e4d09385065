"""The figures once more: from the owners' tables by plain SQL, and from the reader's entity states."""

import json
from collections import Counter

import asyncpg
import httpx

from contracts import units
from services.reporting.contributions.cells import Place
from services.reporting.contributions.rules import DISTINCT, contributions
from services.reporting.indicators.catalogue import catalogue
from tests.platform import Platform

OWNED = {
    "members.active": ("members", "select unit, count(*) from member where status = 'active' group by unit"),
    "members.minority": (
        "members",
        "select unit, count(*) from member where status = 'active' and ethnicity <> '01' group by unit",
    ),
    "members.core": ("members", "select unit, count(*) from member where status = 'active' and core group by unit"),
    "members.branches": ("members", "select unit, count(*) from branch where closed_on is null group by unit"),
    "loans.outstanding": (
        "loans",
        """select unit, sum(principal)::bigint
           from entry join loan on loan.id = loan group by unit""",
    ),
    "loans.borrowers": (
        "loans",
        """select unit, count(*) from (
               select unit, borrower from entry join loan on loan.id = loan group by unit, borrower
               having sum(principal) > 0) as owing group by unit""",
    ),
    "loans.disbursed_amount": (
        "loans",
        """select unit, sum(entry.amount)::bigint from entry join loan on loan.id = loan
           where kind = 'disbursement' group by unit""",
    ),
    "loans.disbursed_households": (
        "loans",
        """select unit, count(distinct borrower) from entry join loan on loan.id = loan
           where kind = 'disbursement' group by unit""",
    ),
}
ALWAYS = {"from": "2000-01-01"}
FLOWS = {code for code, indicator in catalogue().items() if indicator.kind != "stock"}
KEPT: tuple[tuple[str, str, set[str], set[int]], ...] = (
    ("log", "select unit, measure, sum(value)::bigint from contribution group by 1, 2", set(), {5}),
    (
        "roll-up",
        "select scope, measure, sum(value)::bigint from rollup where dimension = '' group by 1, 2",
        DISTINCT | FLOWS,
        {2, 5},
    ),
    ("months", "select scope, measure, sum(value)::bigint from rollup_month group by 1, 2", DISTINCT, {2}),
)
"""What reporting keeps: name, sums by unit and measure, measures it leaves out, lengths of its units' codes."""


async def differences(platform: Platform) -> list[str]:
    """Every figure of every commune that reporting answers otherwise than the owners' records add up to."""
    codes = [unit.code for unit in units.children("22")]
    async with platform.client("reporting") as reporting:
        query = {"indicator": list(OWNED), "unit": codes, **ALWAYS}
        answer = await reporting.get("/v1/figures", params=query)
    assert answer.status_code == httpx.codes.OK, answer.text
    told = {(item["indicator"], item["unit"]): item["value"] for item in answer.json()["items"]}
    found = []
    for indicator, (database, query_text) in OWNED.items():
        counted = {row[0]: row[1] for row in await rows(platform, database, query_text)}
        found += [
            f"{indicator} of {code}: told {told[indicator, code]}, counted {counted.get(code, 0)}"
            for code in codes
            if told[indicator, code] != counted.get(code, 0)
        ]
    return found + await unlike_states(platform)


async def unlike_states(platform: Platform) -> list[str]:
    """Roll-ups and log against the contributions of each entity's last state."""
    wanted: Counter[tuple[str, str]] = Counter()
    for row in await rows(platform, "reporting", "select kind, unit, branch, state from entity"):
        here = Place(row["unit"], row["branch"])
        for (cell, place), value in contributions(row["kind"], json.loads(row["state"]), here).items():
            wanted[place.unit, cell.measure] += value
            wanted["22", cell.measure] += value
    found = []
    for name, query, without, digits in KEPT:
        sums = {(row[0], row[1]): row[2] for row in await rows(platform, "reporting", query) if row[2]}
        expected = {
            key: value for key, value in wanted.items() if value and key[1] not in without and len(key[0]) in digits
        }
        found += [
            f"{name} {key}: {sums.get(key)} but {expected.get(key)}"
            for key in sums | expected
            if sums.get(key) != expected.get(key)
        ]
    return found


async def journal_faults(platform: Platform, service: str) -> list[str]:
    """Holes in the sequence, and entities whose versions are not 1..n."""
    holes = await rows(
        platform,
        service,
        "select count(*) - max(sequence) as off, count(*) filter (where sequence is null) as unnumbered from journal",
    )
    broken = await rows(
        platform,
        service,
        "select subject from journal group by subject having max(version) <> count(*) or min(version) <> 1",
    )
    found = [f"{service}: {dict(row)}" for row in holes if row["off"] or row["unnumbered"]]
    return found + [f"{service}: versions of {row['subject']}" for row in broken]


async def rows(platform: Platform, database: str, query: str) -> list[asyncpg.Record]:
    """Rows of a service's database."""
    conn = await asyncpg.connect(platform.stack.postgres.url(database))
    try:
        found: list[asyncpg.Record] = await conn.fetch(query)
        return found
    finally:
        await conn.close()
