"""Every door of every service: what it says of days, and what it answers to days far out, to a NUL and to cursors."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest

from contracts.calendars import CENTURIES, FIRST, LAST
from tests.conftest import Api

SERVICES = ("members", "loans", "reporting")
FILL = {"month": "2023-06", "indicator": "members", "unit": "22", "purpose": "membership-management"}
TIME = "T00:00:00Z"
FAR = {"0001-01-01": "greater_than_equal", "9999-12-31": "less_than"}
CURSORS = [["\0"], ["\ud800"], [2**31], [2**63], ["\0", str(uuid4())], ["x", 2**31, 2**63 - 1], ["x", 2**63, 1]]


class Place(NamedTuple):
    """Where a caller says something: a parameter, or a field of the body (its JSON pointer)."""

    method: str
    path: str
    where: str
    name: str
    schema: dict[str, Any]
    others: list[dict[str, Any]]

    @property
    def pointer(self) -> str:
        """As a problem names it."""
        return self.name if self.where == "body" else f"{self.where}:{self.name}"

    @property
    def door(self) -> str:
        """To name it by."""
        return f"{self.method} {self.path} {self.pointer}"


def fields(node: Any, components: dict[str, Any], pointer: str = "", seen: tuple[str, ...] = ()) -> Iterator[Any]:
    """Every schema inside a schema, with the JSON pointer of what it is about."""
    if (ref := node.get("$ref")) is not None:
        if ref not in seen:
            yield from fields(components[ref.rpartition("/")[2]], components, pointer, (*seen, ref))
        return
    yield pointer, node
    for name, each in node.get("properties", {}).items():
        yield from fields(each, components, f"{pointer}/{name}", seen)
    for each in (*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())):
        yield from fields(each, components, pointer, seen)
    if isinstance(node.get("items"), dict):
        yield from fields(node["items"], components, f"{pointer}/0", seen)


def places(service: str) -> list[Place]:
    """Every parameter and every field of every door."""
    document = import_module(f"services.{service}.main").SERVICE.openapi()
    components, found = document["components"]["schemas"], []
    for path, methods in document["paths"].items():
        for method, door in methods.items():
            given = door.get("parameters", [])
            for each in given:
                found += [
                    Place(method, path, each["in"], each["name"], schema, given)
                    for _, schema in fields(each["schema"], components)
                ]
            for content in door.get("requestBody", {}).get("content", {}).values():
                found += [
                    Place(method, path, "body", pointer, schema, given)
                    for pointer, schema in fields(content["schema"], components)
                ]
    return found


def filled(schema: dict[str, Any], name: str) -> str:
    """Something a parameter takes."""
    if schema.get("format") == "uuid":
        return str(uuid4())
    return "2024-01-01" if schema.get("format") == "date" else FILL.get(name, "2024")


def nested(pointer: str, value: object) -> Any:
    """The smallest JSON with a value at this pointer."""
    for name in reversed(pointer.split("/")[1:]):
        value = [value] if name == "0" else {name: value}
    return value


async def send(client: httpx.AsyncClient, place: Place, value: str) -> httpx.Response:
    """Ask a door with a value there, and with something fit in all that is mandatory."""
    said = {
        where: {each["name"]: filled(each["schema"], each["name"]) for each in place.others if each["in"] == where}
        for where in ("path", "query")
    }
    said["query"] = {each["name"]: said["query"][each["name"]] for each in place.others if _needed(each)}
    headers = {"if-match": '"1"', "idempotency-key": str(uuid4())}
    if place.where == "header":
        headers[place.name] = value
    elif place.where != "body":
        said[place.where][place.name] = value
    path = place.path
    for name, each in said["path"].items():
        path = path.replace("{" + name + "}", each.replace("\0", "%00"))
    body = {"json": nested(place.name, value)} if place.where == "body" else {}
    return await client.request(place.method.upper(), path, params=said["query"], headers=headers, **body)


def _needed(parameter: dict[str, Any]) -> bool:
    return parameter["in"] == "query" and bool(parameter.get("required"))


def dated(service: str) -> list[Place]:
    """Where a day or a moment is said."""
    return [place for place in places(service) if place.schema.get("format") in ("date", "date-time")]


@pytest.mark.parametrize("service", SERVICES)
def test_every_day_has_bounds(service: str) -> None:
    """What a caller says of days is a `Day` or a `Moment`, in every parameter and field of the OpenAPI document."""
    found = dated(service)
    assert found
    assert [place.door for place in found if place.schema.get("pattern") != CENTURIES] == []


@pytest.mark.parametrize("service", SERVICES)
async def test_days_far_out_are_refused_by_name(api: Api, service: str) -> None:
    """The calendar's first and last day are refused at every door, naming the field, in both languages."""
    client, wrong = await api(service), []
    for place in dated(service):
        for day, code in FAR.items():
            value = day + (TIME if place.schema["format"] == "date-time" else "")
            answer = await send(client, place, value)
            faults = {each["pointer"]: each for each in answer.json().get("errors", [])}
            fault = faults.get(place.pointer, {"code": "", "message": ""})
            if not (fault["code"].startswith(code) and fault["message"].startswith("Phải")):
                wrong.append((place.door, day, answer.text))
    assert wrong == []


@pytest.mark.parametrize("service", SERVICES)
async def test_the_first_and_the_last_day_are_answered(api: Api, service: str) -> None:
    """What is within the bounds is no fault of ours at any door that reads."""
    client, wrong = await api(service), []
    for place in dated(service):
        if place.where == "body":
            continue
        for day in (FIRST, LAST):
            answer = await send(client, place, f"{day}" + (TIME if place.schema["format"] == "date-time" else ""))
            if answer.status_code >= 500:
                wrong.append((place.door, day, answer.text))
    assert wrong == []


@pytest.mark.parametrize("service", SERVICES)
async def test_a_nul_is_refused_by_name(api: Api, service: str) -> None:
    """In a query, a path or a header of any door; nothing asks the database for it."""
    client, wrong, asked = await api(service), [], 0
    for place in places(service):
        if place.where == "body" or place.schema.get("type") == "null":
            continue
        asked += 1
        answer = await send(client, place, "a\0b")
        found = [(each["pointer"], each["code"]) for each in answer.json().get("errors", [])]
        if answer.status_code != 422 or found != [(place.pointer.lower(), "nul")]:
            wrong.append((place.door, answer.text))
    assert asked
    assert wrong == []


@pytest.mark.parametrize("service", SERVICES)
async def test_cursors_of_somebody_else_are_answered(api: Api, service: str) -> None:
    """No cursor makes a list ask the database for what it does not hold: a NUL, half a character, a huge number."""
    client, wrong, lists = await api(service), [], 0
    for place in places(service):
        if place.name != "cursor" or place.schema.get("type") != "string":
            continue
        lists += 1
        for keys in CURSORS:
            answer = await send(client, place, urlsafe_b64encode(json.dumps(keys).encode()).decode())
            if answer.status_code >= 500:
                wrong.append((place.door, keys, answer.text))
    assert lists
    assert wrong == []
