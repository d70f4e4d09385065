"""Records for tests, made through the public API with as little said as possible."""

from typing import Any

import httpx

MONG_DUONG, BA_CHE = "06760", "06970"


async def made(answer: httpx.Response, status: int = 201) -> dict[str, Any]:
    """The body of an answer that must have this status."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def branch(
    members: httpx.AsyncClient, unit: str = MONG_DUONG, name: str = "Khu 1", **fields: Any
) -> dict[str, Any]:
    """A branch opened in 2010."""
    body = {"unit": unit, "name": name, "opened_on": "2010-01-01", **fields}
    return await made(await members.post("/v1/branches", json=body))


async def household(members: httpx.AsyncClient, branch: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A household registered in 2020."""
    body = {"branch": branch["id"], "registered_on": "2020-01-01", **fields}
    return await made(await members.post("/v1/households", json=body))


def joining(branch: dict[str, Any], /, **fields: Any) -> dict[str, Any]:
    """The body that enrols a member in 2021."""
    return {"branch": branch["id"], "name": "Hội viên Mẫu 1", "birth_year": 1980, "joined_on": "2021-05-10", **fields}


async def member(members: httpx.AsyncClient, branch: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A member enrolled in 2021."""
    return await made(await members.post("/v1/members", json=joining(branch, **fields)))
