"""What would break somebody who is already out there, in either direction.

An event is read by readers older than its writer (they run on) and newer than it (the log is kept for ever), so a
released field never changes: `both` ways must hold. What a route takes is `input`: everything that was accepted must
still be. What it answers is `output`: everything that is answered must have been possible before.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

Schema = Mapping[str, Any]
Way = Literal["input", "output", "both"]
ANNOTATIONS = {"title", "description", "examples", "default", "$defs", "discriminator"}
LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
EXACT = ("pattern", "format", "const", "type")


def breaks(
    old: Schema, new: Schema, way: Way, old_root: Schema | None = None, new_root: Schema | None = None
) -> list[str]:
    """Each way in which going from `old` to `new` would break somebody, as `/path: what`."""
    return list(_schema(old, new, way, old_root or old, new_root or new, ""))


def _schema(old: Schema, new: Schema, way: Way, old_root: Schema, new_root: Schema, at: str) -> Iterator[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if "anyOf" in old or "anyOf" in new:
        yield from _alternatives(old, new, way, old_root, new_root, at)
        return
    for word in EXACT:
        if old.get(word) != new.get(word) and not (
            way == "input" and word in ("pattern", "format") and word not in new
        ):
            yield f"{at or '/'}: {word} was {old.get(word)!r}, is {new.get(word)!r}"
    yield from _values(old, new, way, at)
    yield from _bounds(old, new, way, at)
    if "items" in old and "items" in new:
        yield from _schema(old["items"], new["items"], way, old_root, new_root, f"{at}/[]")
    if isinstance(old.get("additionalProperties"), Mapping) and isinstance(new.get("additionalProperties"), Mapping):
        extra = old["additionalProperties"], new["additionalProperties"]
        yield from _schema(*extra, way, old_root, new_root, f"{at}/*")
    yield from _properties(old, new, way, old_root, new_root, at)


def _properties(old: Schema, new: Schema, way: Way, old_root: Schema, new_root: Schema, at: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed, needs = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(before.keys() - after.keys()):
        yield f"{at}/{name}: removed"
    if way != "output":
        for name in sorted(needs - needed):
            yield f"{at}/{name}: newly required"
    if way != "input":
        for name in sorted((needed - needs) & after.keys()):
            yield f"{at}/{name}: no longer always there"
    for name in sorted(before.keys() & after.keys()):
        yield from _schema(before[name], after[name], way, old_root, new_root, f"{at}/{name}")


def _alternatives(old: Schema, new: Schema, way: Way, old_root: Schema, new_root: Schema, at: str) -> Iterator[str]:
    before, after = old.get("anyOf", [old]), new.get("anyOf", [new])
    if way != "output":
        for each in before:
            if all(breaks(each, other, way, old_root, new_root) for other in after):
                yield f"{at or '/'}: no longer takes {_name(each, old_root)}"
    if way != "input":
        for each in after:
            if all(breaks(other, each, way, old_root, new_root) for other in before):
                yield f"{at or '/'}: may now be {_name(each, new_root)}"


def _values(old: Schema, new: Schema, way: Way, at: str) -> Iterator[str]:
    before, after = old.get("enum"), new.get("enum")
    if way != "output" and after is not None:
        gone = [value for value in before or ["any value"] if value not in after]
        if gone:
            yield f"{at or '/'}: no longer takes {gone}"
    if way != "input" and before is not None:
        fresh = [value for value in after or ["any value"] if value not in before]
        if fresh:
            yield f"{at or '/'}: may now be {fresh}"


def _bounds(old: Schema, new: Schema, way: Way, at: str) -> Iterator[str]:
    for words, sign in ((LOWER_BOUNDS, 1), (UPPER_BOUNDS, -1)):
        for word in words:
            before, after = old.get(word), new.get(word)
            if before == after:
                continue
            tighter = after is not None and (before is None or sign * (after - before) > 0)
            if way == "both" or (way == "input") == tighter:
                yield f"{at or '/'}: {word} was {before}, is {after}"


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        found: Any = root
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _name(schema: Schema, root: Schema) -> str:
    return str(_resolved(schema, root).get("type", schema))


METHODS = ("get", "put", "post", "patch", "delete")


def api_breaks(old: Schema, new: Schema) -> list[str]:
    """Each way in which going from one OpenAPI document to another would break a caller."""
    return list(_api(old, new))


def _api(old: Schema, new: Schema) -> Iterator[str]:
    for path, routes in old["paths"].items():
        for method in METHODS:
            if method not in routes:
                continue
            after = new["paths"].get(path, {}).get(method)
            at = f"{method.upper()} {path}"
            if after is None:
                yield f"{at}: removed"
                continue
            yield from (f"{at} {found}" for found in _parameters(routes[method], after, old, new))
            yield from (f"{at} {found}" for found in _bodies(routes[method], after, old, new))


def _parameters(old: Schema, new: Schema, old_root: Schema, new_root: Schema) -> Iterator[str]:
    before = {(each["in"], each["name"].lower()): each for each in old.get("parameters", ())}
    after = {(each["in"], each["name"].lower()): each for each in new.get("parameters", ())}
    for key in sorted(before.keys() - after.keys()):
        yield f"{key[0]}:{key[1]}: removed"
    for key, each in sorted(after.items()):
        if each.get("required") and not before.get(key, {}).get("required"):
            yield f"{key[0]}:{key[1]}: newly required"
        if key in before:
            for found in breaks(before[key]["schema"], each["schema"], "input", old_root, new_root):
                yield f"{key[0]}:{key[1]}{found}"


def _bodies(old: Schema, new: Schema, old_root: Schema, new_root: Schema) -> Iterator[str]:
    before, after = old.get("requestBody"), new.get("requestBody")
    if after is not None and before is None and after.get("required"):
        yield "body: newly required"
    if before is not None and after is None:
        yield "body: no longer taken"
    if before is not None and after is not None:
        for found in breaks(_json(before), _json(after), "input", old_root, new_root):
            yield f"body {found}"
    for status, answer in old["responses"].items():
        if status not in new["responses"]:
            yield f"answer {status}: removed"
        else:
            for found in breaks(_json(answer), _json(new["responses"][status]), "output", old_root, new_root):
                yield f"answer {status} {found}"


def _json(part: Schema) -> Schema:
    found: Schema = part.get("content", {}).get("application/json", {}).get("schema", {})
    return found
