"""Reorganisation plans for tests: drafted, applied and reversed through the public API."""

import json
from typing import Any

import asyncpg
import httpx

from contracts.catalog import EVENTS
from tests.builders import made

HONG_HAI, HONG_HA, HA_KHAU, DAI_YEN = "06688@2025-06-30", "06697@2025-06-30", "06655@2025-06-30", "06706@2025-06-30"
"""Wards of before: the first two became Hạ Long whole, Hà Khẩu was split between Việt Hưng and Tuần Châu."""
HA_LONG, VIET_HUNG, TUAN_CHAU = "06688", "06661", "06706"
DAY = "2025-07-01"


def goes(origin: str, to: str, *branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A mapping: whole, or of the branches named."""
    named = {"extent": "part", "branches": [branch["id"] for branch in branches]} if branches else {}
    return {"from": origin, "to": to, **named, **fields}


async def drafted(
    members: httpx.AsyncClient, *mappings: dict[str, Any], lineage: str | None = None, **fields: Any
) -> dict[str, Any]:
    """A draft of the reform of 2025-07-01."""
    body = {"name": "Sắp xếp mẫu", "decision": "1679/NQ-UBTVQH15", "effective_on": DAY, "mappings": list(mappings)}
    params = {"from_lineage": lineage} if lineage else {}
    return await made(await members.post("/v1/reorganisations", params=params, json={**body, **fields}))


async def step(members: httpx.AsyncClient, plan: dict[str, Any], name: str, status: int = 200) -> dict[str, Any]:
    """Take the plan's `application` or `reversal`."""
    headers = {"if-match": f'"{plan["version"]}"'}
    return await made(await members.post(f"/v1/reorganisations/{plan['id']}/{name}", headers=headers), status)


async def applied(members: httpx.AsyncClient, *mappings: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A plan that is applied."""
    return await step(members, await drafted(members, *mappings, **fields), "application")


async def preview(members: httpx.AsyncClient, plan: dict[str, Any]) -> dict[str, Any]:
    """What applying the plan would do."""
    return await made(await members.get(f"/v1/reorganisations/{plan['id']}/preview"), 200)


async def read(members: httpx.AsyncClient, noun: str, record: dict[str, Any]) -> dict[str, Any]:
    """A record as it is now."""
    return await made(await members.get(f"/v1/{noun}/{record['id']}"), 200)


async def rows(url: str, query: str, *args: Any) -> list[asyncpg.Record]:
    """Rows of the database."""
    conn = await asyncpg.connect(url)
    try:
        found: list[asyncpg.Record] = await conn.fetch(query, *args)
        return found
    finally:
        await conn.close()


async def blocked(url: str, number: int = 1) -> list[asyncpg.Record]:
    """The backends that wait for a lock, once there are so many."""
    while True:
        found = await rows(
            url, "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        if len(found) >= number:
            return found


async def path(url: str, subject: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The spells of a record, as its last event tells them: since, cause, unit."""
    (row,) = await rows(
        url, "select type, data from journal where subject = $1 order by version desc limit 1", subject["id"]
    )
    EVENTS[row["type"]].model_validate_json(row["data"])
    return [(spell["since"], spell["cause"], spell["unit"]) for spell in json.loads(row["data"])["timeline"]]


async def everything(url: str) -> dict[str, list[Any]]:
    """What a reversal must restore: everything but versions and times of recording."""
    return {
        table: [tuple(row) for row in await rows(url, query)]
        for table, query in {
            "branch": "select id, unit, name, name_folded, closed_on, timeline from branch order by id",
            "group": "select id, unit, branch, timeline from member_group order by id",
            "household": "select id, unit, branch, timeline from household order by id",
            "member": 'select id, unit, branch, "group", household, due_on, timeline, roles from member order by id',
            "role": "select member, level, position, place, since, until from officer_role order by id",
        }.items()
    }


def refused(answer: dict[str, Any]) -> set[tuple[str, str]]:
    """Which fields an answer refuses, and why."""
    return {(error["pointer"], error["code"]) for error in answer["errors"]}
