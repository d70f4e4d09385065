"""Each kind of break is caught, and each allowed change passes."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts import generate
from contracts.catalog import EVENTS
from contracts.compatibility import Way, api_breaks, breaks

Change = Callable[[dict[str, Any]], object]
EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["kind", "amount"],
    "properties": {
        "kind": {"type": "string", "enum": ["a", "b"]},
        "amount": {"type": "integer", "minimum": 0, "maximum": 100},
        "code": {"anyOf": [{"type": "string", "pattern": "^x"}, {"type": "null"}], "default": None},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
        "sums": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
    "$defs": {
        "Part": {"type": "object", "required": ["on"], "properties": {"on": {"type": "string", "format": "date"}}}
    },
}


def changed(change: Change) -> dict[str, Any]:
    """The event after a change."""
    new = copy.deepcopy(EVENT)
    change(new)
    return new


EVENT_BREAKS: dict[str, Change] = {
    "a field is removed": lambda new: new["properties"].pop("code"),
    "a field is renamed": lambda new: new["properties"].update(size=new["properties"].pop("amount")),
    "a field becomes required": lambda new: new["required"].append("code"),
    "a field is no longer always there": lambda new: new["required"].remove("kind"),
    "a new field is required": lambda new: (
        new["properties"].update(x={"type": "string"}),
        new["required"].append("x"),
    ),
    "a type changes": lambda new: new["properties"].update(amount={"type": "string"}),
    "an enum gets a value": lambda new: new["properties"]["kind"]["enum"].append("c"),
    "an enum loses a value": lambda new: new["properties"]["kind"]["enum"].remove("b"),
    "an enum becomes free": lambda new: new["properties"]["kind"].pop("enum"),
    "a free field becomes an enum": lambda new: new["properties"]["parts"].update(enum=[[]]),
    "a bound becomes tighter": lambda new: new["properties"]["amount"].update(maximum=50),
    "a bound becomes looser": lambda new: new["properties"]["amount"].update(maximum=500),
    "a bound appears": lambda new: new["properties"]["parts"].update(maxItems=3),
    "a bound disappears": lambda new: new["properties"]["amount"].pop("minimum"),
    "a pattern changes": lambda new: new["properties"]["code"]["anyOf"][0].update(pattern="^xy"),
    "a field may no longer be null": lambda new: new["properties"].update(code={"type": "string", "pattern": "^x"}),
    "a field may now be null": lambda new: new["properties"].update(
        kind={"anyOf": [EVENT["properties"]["kind"], {"type": "null"}]}
    ),
    "a format changes behind a reference": lambda new: new["$defs"]["Part"]["properties"]["on"].update(
        format="date-time"
    ),
    "a field is removed behind a reference": lambda new: new["$defs"]["Part"]["properties"].pop("on"),
    "the values of a map change": lambda new: new["properties"]["sums"].update(additionalProperties={"type": "string"}),
}
EVENT_CHANGES: dict[str, Change] = {
    "nothing": lambda _: None,
    "a new optional field": lambda new: new["properties"].update(note={"type": "integer"}),
    "words": lambda new: new.update(title="T", description="D"),
    "a new optional field behind a reference": lambda new: new["$defs"]["Part"]["properties"].update(
        x={"type": "string"}
    ),
    "a definition's name": lambda new: (
        new["$defs"].update(Piece=new["$defs"].pop("Part")),
        new["properties"]["parts"].update(items={"$ref": "#/$defs/Piece"}),
    ),
}


@pytest.mark.parametrize("change", EVENT_BREAKS)
def test_a_change_that_breaks_a_reader_or_a_writer_is_caught(change: str) -> None:
    """Released events never change in what they hold."""
    assert breaks(EVENT, changed(EVENT_BREAKS[change]), "both")


@pytest.mark.parametrize("change", EVENT_CHANGES)
def test_a_change_that_breaks_nobody_passes(change: str) -> None:
    """What is added and optional, and what only explains."""
    assert breaks(EVENT, changed(EVENT_CHANGES[change]), "both") == []


@pytest.mark.parametrize(
    ("change", "way", "caught"),
    [
        ("a bound becomes looser", "input", False),
        ("a bound becomes tighter", "input", True),
        ("a bound becomes looser", "output", True),
        ("a bound becomes tighter", "output", False),
        ("an enum gets a value", "input", False),
        ("an enum loses a value", "input", True),
        ("an enum gets a value", "output", True),
        ("an enum loses a value", "output", False),
        ("a field may now be null", "input", False),
        ("a field may now be null", "output", True),
        ("a field may no longer be null", "input", True),
        ("a field may no longer be null", "output", False),
        ("a field becomes required", "input", True),
        ("a field becomes required", "output", False),
        ("a field is no longer always there", "input", False),
        ("a field is no longer always there", "output", True),
    ],
)
def test_what_a_route_takes_may_widen_and_what_it_answers_may_narrow(change: str, way: Way, caught: bool) -> None:
    """The direction decides."""
    assert bool(breaks(EVENT, changed(EVENT_BREAKS[change]), way)) == caught


def api(**route: Any) -> dict[str, Any]:
    """An OpenAPI document of one route."""
    body = {"content": {"application/json": {"schema": EVENT}}}
    default = {
        "parameters": [{"in": "query", "name": "q", "schema": {"type": "string"}}],
        "requestBody": {"required": True, **body},
        "responses": {"200": body},
    }
    return {"paths": {"/v1/x": {"post": {**default, **route}}}, "$defs": EVENT["$defs"]}


NARROW = {"content": {"application/json": {"schema": changed(EVENT_BREAKS["a field is removed"])}}}


@pytest.mark.parametrize(
    "new",
    [
        {"paths": {}},
        {"paths": {"/v1/x": {"get": {"responses": {}}}}},
        api(parameters=[]),
        api(
            parameters=[
                *api()["paths"]["/v1/x"]["post"]["parameters"],
                {"in": "query", "name": "z", "required": True, "schema": {}},
            ]
        ),
        api(parameters=[{"in": "query", "name": "q", "required": True, "schema": {"type": "string"}}]),
        api(parameters=[{"in": "query", "name": "q", "schema": {"type": "string", "maxLength": 3}}]),
        api(requestBody=NARROW),
        api(requestBody=None),
        api(responses={}),
        api(responses={"200": NARROW}),
    ],
)
def test_a_route_that_breaks_its_callers_is_caught(new: dict[str, Any]) -> None:
    """Routes, parameters, bodies and answers."""
    assert api_breaks(api(), new)


@pytest.mark.parametrize(
    "new",
    [
        api(),
        {**api(), "paths": {**api()["paths"], "/v1/y": {"get": {"responses": {}}}}},
        api(parameters=[*api()["paths"]["/v1/x"]["post"]["parameters"], {"in": "query", "name": "z", "schema": {}}]),
        api(responses={**api()["paths"]["/v1/x"]["post"]["responses"], "202": {}}),
    ],
)
def test_a_route_that_breaks_nobody_passes(new: dict[str, Any]) -> None:
    """New routes, optional parameters and further answers."""
    assert api_breaks(api(), new) == []


def test_what_is_promised_holds_and_a_disappearance_is_seen(tmp_path: Path) -> None:
    """The released folder against the tree; then with an event and an API that are gone."""
    assert list(generate.broken()) == []
    for folder in ("schemas", "openapi"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "gone.json").write_text(json.dumps(EVENT))
    assert list(generate.broken(tmp_path)) == [
        "gone: the event has disappeared",
        "gone: gone: the API has disappeared",
    ]


def test_every_event_and_every_api_is_promised() -> None:
    """A check against an empty promise would hold for anything."""
    promised = {path.relative_to(generate.RELEASED).as_posix() for path in generate.RELEASED.glob("*/*.json")}
    assert {f"schemas/{name}.json" for name in EVENTS} <= promised
    assert {f"openapi/{name}.json" for name in generate.APIS} <= promised
