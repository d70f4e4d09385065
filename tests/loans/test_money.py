"""Whoever posts money says so once: every door that can write an entry or savings demands an Idempotency-Key."""

import re
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, ModuleType

import httpx
from fastapi.routing import APIRoute

from services.loans.main import SERVICE
from services.loans.savings.commands import append
from tests.loans.groups import OPENED, group, households

POSTS = re.compile(r"insert into (entry|saving)\b")
REHEARSES = {"/v1/corrections"}
"""What is proposed is posted to see what the ledger would say, and undone."""


def constants(code: CodeType) -> Iterator[str]:
    """Names and texts in a function and in those inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from constants(constant)
        elif isinstance(constant, str):
            yield constant


def used(function: FunctionType) -> Iterator[object]:
    """What a function can call or run: globals it names, what it names in modules, and its texts."""
    found = set(constants(function.__code__))
    yield from found
    for name in found:
        value = function.__globals__.get(name)
        yield from (vars(value).get(each) for each in found) if isinstance(value, ModuleType) else (value,)


def posts(value: object, seen: set[FunctionType]) -> bool:
    """Whether calling it can write an entry or savings."""
    match value:
        case str():
            return POSTS.search(value) is not None
        case Mapping():
            return any(posts(each, seen) for each in value.values())
        case tuple() | list():
            return any(posts(each, seen) for each in value)
        case FunctionType() if value not in seen and value.__module__.startswith("services.loans."):
            seen.add(value)
            return any(posts(each, seen) for each in used(value))
    return False


def test_every_door_that_posts_demands_a_key() -> None:
    """Followed from each door through all that it calls down to the SQL."""
    assert posts(append, set())
    found = {
        route.path: {each["name"] for each in (route.openapi_extra or {}).get("parameters", []) if each["required"]}
        for router in SERVICE.routers
        for route in router.routes
        if isinstance(route, APIRoute) and posts(route.endpoint, set())
    }
    assert {"/v1/groups/{group_id}/split", "/v1/loans/{loan_id}/repayments", *REHEARSES} <= found.keys()
    assert {path for path, needed in found.items() if "Idempotency-Key" not in needed} == REHEARSES


async def test_a_split_without_a_key_is_refused(loans: httpx.AsyncClient) -> None:
    """It carries savings: a retry without a key could carry them twice."""
    formed = await group(loans, members=(who := await households(loans, 10)))
    body = {"on": OPENED, "name": "Tổ Mẫu 2", "members": who[:5]}
    answer = await loans.post(f"/v1/groups/{formed['id']}/split", json=body, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (428, "header:idempotency-key")
