"""Quảng Ninh's 171 units become 54 with 120,000 members: preview, application, what is read meanwhile, both maps."""

import asyncio
import random
import time
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts import units
from deploy.dev.supervisor import Stack
from tests.bench.test_bus import memory
from tests.builders import made
from tests.members.planning import drafted, step
from tests.platform import Platform

BRANCHES, HOUSEHOLDS, MEMBERS, BATCH = 2_052, 30_000, 120_000, 1_000
BEFORE = [unit.key for unit in units.former("22")]
AFTER = [unit.code for unit in units.children("22")]
DAYS = ("2023-12-31", "2025-06-30", "2025-07-01", "2026-06-30")
MEASURES = ("members.active", "members.minority", "members.core", "members.branches", "members.households")
FLOWS = ("members.enrolled", "members.left")
Figures = dict[tuple[str, str], int]


@pytest.mark.bench
@pytest.mark.timeout(900)
async def test_a_province_is_reorganised(folder: Path) -> None:
    """Preview within 10 s, application within 60 s with reads never failing, provincial totals equal on both maps."""
    settings = {"RATE_PER_SECOND": "0", "LOG_LEVEL": "WARNING", "IDEMPOTENCY_DAYS": "1"}
    stack = Stack(folder / "reorganised", settings=settings, say=lambda _: None)
    try:
        await asyncio.to_thread(stack.start)
        platform = Platform(stack)
        async with platform.client("members") as members, platform.client("reporting") as reporting:
            members.timeout = reporting.timeout = httpx.Timeout(120)
            branches = await fill(members)
            await caught_up(platform)
            plan = await planned(members, branches)
            before = {day: await told(reporting, ["22"], day, "then") for day in DAYS}
            parts = {day: await told(reporting, BEFORE, day, "then") for day in DAYS}

            began = time.monotonic()
            preview = await made(await members.get(f"/v1/reorganisations/{plan['id']}/preview"), 200)
            previewing = time.monotonic() - began
            assert preview["unmapped"] == preview["obstacles"] == []
            assert preview["before"] == preview["after"]
            assert len(preview["pairs"]) == 184
            assert preview["after"]["members"] == MEMBERS

            stop = asyncio.Event()
            watching = asyncio.create_task(watch(platform, stop))
            began = time.monotonic()
            plan = await step(members, plan, "application")
            applying = time.monotonic() - began
            stop.set()
            times, statuses = await watching
            peak = memory(stack, "members-api")
            began = time.monotonic()
            await caught_up(platform)
            following = time.monotonic() - began
            await compared(platform, reporting, before, parts)

            began = time.monotonic()
            await step(members, plan, "reversal")
            reversing = time.monotonic() - began
            await caught_up(platform)
            for day in DAYS:
                assert await told(reporting, ["22"], day, "now") == before[day]
                assert await told(reporting, BEFORE, day, "now") == parts[day]
    finally:
        await asyncio.to_thread(stack.stop)
    times.sort()
    print(f"preview {previewing:.1f} s, application {applying:.1f} s, reversal {reversing:.1f} s")
    print(f"{len(times)} reads meanwhile {statuses}: p50 {times[len(times) // 2]:.0f} ms, slowest {times[-1]:.0f} ms")
    print(f"in the figures {following:.1f} s after; members-api {peak:.0f} MiB")
    assert set(statuses) == {200}
    assert previewing <= 10
    assert applying <= 60


async def fill(members: httpx.AsyncClient) -> dict[str, list[str]]:
    """Branches of every unit of before with households and members; the ids of branches by unit."""
    chance = random.Random(1)
    branches: dict[str, list[str]] = defaultdict(list)
    for number in range(BRANCHES):
        unit = BEFORE[number % len(BEFORE)]
        body = {"unit": unit, "name": f"Khu {number // len(BEFORE) % 9}{number}", "opened_on": "2010-01-01"}
        branches[unit].append((await made(await members.post("/v1/branches", json=body)))["id"])
    everywhere = [branch for found in branches.values() for branch in found]
    homes: list[tuple[str, str]] = []
    for _ in range(HOUSEHOLDS // BATCH):
        items = [{"branch": chance.choice(everywhere), "registered_on": "2018-01-01"} for _ in range(BATCH)]
        found = (await made(await members.post("/v1/households/batch", json={"items": items})))["items"]
        homes += [(home["branch"], home["id"]) for home in found]
    for start in range(0, MEMBERS, BATCH):
        items = [joining(chance, homes[number % len(homes)]) for number in range(start, start + BATCH)]
        assert (await made(await members.post("/v1/members/batch", json={"items": items}), 200))["created"] == BATCH
    for page in (await made(await members.get("/v1/members", params={"limit": 500}), 200))["items"][::5]:
        leaving = {"left_on": "2025-03-03", "reason": "own_wish"}
        headers = {"if-match": '"1"'}
        answer = await members.post(f"/v1/members/{page['id']}/departure", json=leaving, headers=headers)
        assert answer.status_code in (200, 422)
    return branches


def joining(chance: random.Random, home: tuple[str, str]) -> dict[str, Any]:
    """A member of a household, who joined in the ten years before the reform."""
    return {
        "branch": home[0],
        "household": home[1],
        "name": "Hội viên Mẫu",
        "birth_year": chance.randint(1945, 1998),
        "ethnicity": chance.choice(("01", "01", "01", "09", "02")),
        "core": chance.random() < 0.1,
        "joined_on": str(date(2015, 7, 1) + timedelta(days=int(chance.random() * 3_650))),
    }


async def planned(members: httpx.AsyncClient, branches: dict[str, list[str]]) -> dict[str, Any]:
    """The plan of the lineage, with the branches of units that were split dealt out among the parts."""
    plan = await drafted(members, lineage="22")
    parts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for mapping in plan["mappings"]:
        if mapping["extent"] == "part":
            parts[mapping["from"]].append(mapping)
    for unit, mappings in parts.items():
        for number, branch in enumerate(branches[unit]):
            mappings[number % len(mappings)]["branches"].append(branch)
    body, headers = {"mappings": plan["mappings"]}, {"if-match": '"1"'}
    return await made(await members.patch(f"/v1/reorganisations/{plan['id']}", json=body, headers=headers), 200)


async def told(reporting: httpx.AsyncClient, scopes: list[str], day: str, on_map: str) -> Figures:
    """Every figure of these units in the year up to a day, or as of it."""
    params: dict[str, Any] = {"indicator": [*MEASURES, *FLOWS], "unit": scopes, "map": on_map}
    params |= {"from": str(date.fromisoformat(day) - timedelta(days=365)), "to": day}
    answer = await made(await reporting.get("/v1/figures", params=params), 200)
    return {(item["unit"], item["indicator"]): item["value"] for item in answer["items"]}


def added(figures: Figures) -> Figures:
    """The same of all units together."""
    total: Figures = defaultdict(int)
    for (_, indicator), value in figures.items():
        total["22", indicator] += value
    return total


async def compared(
    platform: Platform, reporting: httpx.AsyncClient, before: dict[str, Figures], parts: dict[str, Figures]
) -> None:
    """Totals as before on both maps; the parts of then as they were; the parts of now as the owner's rows say."""
    for day in DAYS:
        began = time.monotonic()
        now = await told(reporting, AFTER, day, "now")
        print(f"54 units on today's map, {day}: {1000 * (time.monotonic() - began):.0f} ms")
        for on_map in ("then", "now"):
            assert await told(reporting, ["22"], day, on_map) == before[day]
        assert added(now) == before[day]
        if day < "2025-07-01":
            assert await told(reporting, BEFORE, day, "then") == parts[day]
        else:
            assert (
                added(await told(reporting, AFTER, day, "then"))["22", "members.active"]
                == added(parts[day])["22", "members.active"]
            )
        for unit in AFTER:
            owned = await platform.count(
                "members",
                "select count(*) from member where unit = $1 and joined_on <= $2 and (left_on is null or left_on > $2)",
                unit,
                date.fromisoformat(day),
            )
            assert now[unit, "members.active"] == owned


async def watch(platform: Platform, stop: asyncio.Event) -> tuple[list[float], set[int]]:
    """Reads of members, one after the other, until told to stop: milliseconds each, and what they were answered."""
    times: list[float] = []
    statuses: set[int] = set()
    async with platform.client("members") as members:
        some = (await members.get("/v1/members?limit=50")).json()["items"]
        asked = ["/v1/members?limit=20", "/v1/branches?limit=20", "/v1/households?limit=20", "/v1/units"]
        asked += [f"/v1/members/{each['id']}" for each in some] + [f"/v1/branches/{each['branch']}" for each in some]
        number = 0
        while not stop.is_set():
            began = time.monotonic()
            statuses.add((await members.get(asked[number % len(asked)])).status_code)
            times.append(1000 * (time.monotonic() - began))
            number += 1
    return times, statuses


async def caught_up(platform: Platform) -> None:
    """Until the figures hold every version in the journal."""
    wanted = await platform.count("members", "select count(*) from journal")
    while True:
        if await platform.count("reporting", "select sum(version) from entity") == wanted:
            return
        await asyncio.sleep(0.2)
