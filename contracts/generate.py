"""Writes the generated contracts, or checks them: `python -m contracts.generate [--check | --release]`.

- `schemas/<type>.json`, `asyncapi.yaml` (JSON, which is YAML) from the classes; `openapi/<service>.json` from each
  service's own `openapi` process.
- `--check` fails if one of these is stale, if an event has no example, or if anything promised in `released/` would
  break somebody.
- `--release` promises what is there now: copies it to `released/`. What is promised stays promised.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contracts.catalog import EVENTS, SERVICES, TOPICS, read
from contracts.compatibility import api_breaks, breaks
from contracts.event import Data, Event

HERE = Path(__file__).parent
RELEASED, EXAMPLES = HERE / "released", HERE / "examples"
APIS = ("members", "loans", "reporting")


def schema_of(event: type[Data]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one event: the envelope with this event's `type` and `data`."""
    envelope, data = Event.model_json_schema(), event.model_json_schema()
    definitions = {**envelope.pop("$defs", {}), **data.pop("$defs", {})}
    envelope["properties"]["type"] = {"const": event.TYPE, "type": "string"}
    envelope["properties"]["data"] = data
    envelope |= {"title": event.__name__, "description": event.__doc__}
    if definitions:
        envelope["$defs"] = definitions
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **envelope}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: a channel per topic, a message per event."""
    messages = {
        event.TYPE: {
            "name": event.TYPE,
            "title": event.__name__,
            "summary": event.__doc__,
            "contentType": "application/cloudevents+json",
            "payload": {"$ref": f"./schemas/{event.TYPE}.json"},
        }
        for event in EVENTS.values()
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Dân Vận events",
            "version": "1",
            "description": "CloudEvents 1.0, keyed by entity; each entity's events stay in order. No personal data.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            service: {
                "address": TOPICS[service],
                "messages": {event.TYPE: {"$ref": f"#/components/messages/{event.TYPE}"} for event in events},
            }
            for service, events in SERVICES.items()
        },
        "operations": {
            f"publish_{service}": {"action": "send", "channel": {"$ref": f"#/channels/{service}"}}
            for service in SERVICES
        },
        "components": {"messages": messages},
    }


def openapi(service: str) -> dict[str, Any]:
    """What a service says of its own API, asked in a process of its own: contracts import no service."""
    done = subprocess.run(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-m", f"services.{service}.main", "openapi"], check=True, capture_output=True, cwd=HERE.parent
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def generated() -> Iterator[tuple[Path, str]]:
    """Every generated file and what belongs in it."""
    for event in EVENTS.values():
        yield HERE / "schemas" / f"{event.TYPE}.json", _text(schema_of(event))
    yield HERE / "asyncapi.yaml", _text(asyncapi())
    for service in APIS:
        yield HERE / "openapi" / f"{service}.json", _text(openapi(service))


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def stale() -> Iterator[str]:
    """Generated files that are not what they should be, and files that nothing generates."""
    wanted = dict(generated())
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield f"{path.relative_to(HERE)}: stale; run `make contracts`"
    for path in [*HERE.glob("schemas/*.json"), *HERE.glob("openapi/*.json")]:
        if path not in wanted:
            yield f"{path.relative_to(HERE)}: nothing generates it; an event or an API has disappeared"


def unexampled() -> Iterator[str]:
    """Events without an example, and examples no reader takes any more."""
    for name in EVENTS:
        if not list((EXAMPLES / name).glob("*.json")):
            yield f"examples/{name}: no example"
    for path in sorted(EXAMPLES.glob("*/*.json")):
        try:
            read(path.read_bytes())
        except ValueError as error:
            yield f"{path.relative_to(HERE)}: no longer read: {error}"


def broken(released: Path = RELEASED) -> Iterator[str]:
    """What is promised in `released/` and would not hold."""
    for path in sorted(released.glob("schemas/*.json")):
        now = HERE / "schemas" / path.name
        if not now.exists():
            yield f"{path.stem}: the event has disappeared"
            continue
        for found in breaks(_load(path), _load(now), "both"):
            yield f"{path.stem} {found}"
    for path in sorted(released.glob("openapi/*.json")):
        now = HERE / "openapi" / path.name
        for found in api_breaks(_load(path), _load(now)) if now.exists() else [f"{path.stem}: the API has disappeared"]:
            yield f"{path.stem}: {found}"


def _load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main(arguments: list[str]) -> int:
    """0, or 1 with every fault on standard error."""
    parser = argparse.ArgumentParser(prog="python -m contracts.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if stale or incompatible")
    parser.add_argument("--release", action="store_true", help="promise what is there now")
    given = parser.parse_args(arguments)
    if not given.check:
        for path, text in generated():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    faults = [*stale(), *unexampled(), *broken()]
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    if given.release and not faults:
        for folder in ("schemas", "openapi"):
            shutil.copytree(HERE / folder, RELEASED / folder, dirs_exist_ok=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
