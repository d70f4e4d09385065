"""Reorganisation plans for tests: drafted, applied and reversed through the public API."""

from typing import Any

import httpx

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
