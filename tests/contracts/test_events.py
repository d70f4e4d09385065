"""Events: writers are strict, readers tolerant, nothing personal travels."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts import generate
from contracts.catalog import EVENTS, STATES, read
from contracts.event import Position
from contracts.members import BranchClosed, MemberEnrolled, MemberSpell

EXAMPLES = sorted((Path(generate.__file__).parent / "examples").glob("*/*.json"))
PERSONAL = re.compile(r"(^|_)(name|full_name|phone|address|citizen|email|note|comment|text|representative)(_|$)")
OPENED = {"since": "2010-03-08", "cause": "began", "unit": "06760", "kind": "residential", "open": True}
PUBLIC = {"name_vi", "name_en"}
"""Names of programmes: words of a decision."""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_example_is_read_for_ever(path: Path) -> None:
    """By the reader, by the event's own class, and by its published schema."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    event = read(path.read_bytes())
    assert event.type == path.parent.name
    EVENTS[event.type].model_validate(raw["data"])
    schema = json.loads((Path(generate.__file__).parent / "schemas" / f"{event.type}.json").read_text(encoding="utf-8"))
    jsonschema.validate(raw, schema)


def test_every_event_has_an_example_and_a_state() -> None:
    """Nothing is promised that nobody has seen."""
    assert {path.parent.name for path in EXAMPLES} == set(EVENTS)
    assert {".".join(name.split(".")[2:4]) for name in EVENTS} == set(STATES)
    assert all(issubclass(EVENTS[name], STATES[".".join(name.split(".")[2:4])]) for name in EVENTS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_a_reader_ignores_what_it_does_not_know(path: Path) -> None:
    """A newer writer's new attribute and field change nothing for an older reader; a writer may not add them."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    newer = {**raw, "newattribute": 1, "data": {**raw["data"], "newfield": 2}}
    assert read(json.dumps(newer).encode()).subject == UUID(raw["subject"])
    with pytest.raises(ValidationError):
        EVENTS[raw["type"]].model_validate(newer["data"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_a_newer_reader_reads_what_lacks_its_optional_fields(path: Path) -> None:
    """Old events lack fields that came later: leaving out whatever is null must be no error."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    older = {**raw, "data": {name: value for name, value in raw["data"].items() if value is not None}}
    assert read(json.dumps(older).encode()).type == raw["type"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"version": 0}, "version"),
        ({"sequence": 0}, "sequence"),
        ({"unit": "6760"}, "unit"),
        ({"time": "2025-07-15T02:03:04"}, "time"),
        ({"subject": "x"}, "subject"),
        ({"specversion": "2.0"}, "specversion"),
        ({"type": "vn.danvan.members.branch.created"}, "type"),
        ({"data": {"timeline": [{**OPENED, "kind": "other"}]}}, "kind"),
        ({"data": {"timeline": [OPENED, {**OPENED, "since": "2009-01-01"}]}}, "oldest first"),
        ({"data": {"timeline": []}}, "timeline"),
        ({"data": {"kind": "sectoral"}}, "timeline"),
    ],
)
def test_what_cannot_be_read_says_where(change: dict[str, Any], where: str) -> None:
    """The error names the attribute or field."""
    raw = json.loads(next(path for path in EXAMPLES if "branch.created" in str(path)).read_text(encoding="utf-8"))
    with pytest.raises(ValidationError, match=where):
        read(json.dumps({**raw, **change}).encode())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_envelope_may_say_the_same_otherwise_but_its_data_may_not(path: Path) -> None:
    """Numbers of the envelope may come as text; what readers take as it came, `data`, may not."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    otherwise = {**raw, "version": str(raw["version"]), "sequence": float(raw["sequence"])}
    assert read(json.dumps(otherwise).encode()).model_dump() == read(path.read_bytes()).model_dump()
    for data in ({**raw["data"], name: [value]} for name, value in raw["data"].items()):
        with pytest.raises(ValidationError, match="data"):
            read(json.dumps({**otherwise, "data": data}).encode())


def test_an_unknown_type_is_no_error() -> None:
    """Its envelope is read, its data passed on."""
    raw = json.loads(EXAMPLES[0].read_text(encoding="utf-8"))
    event = read(json.dumps({**raw, "type": "vn.danvan.members.branch.painted.v1", "data": {"x": 1}}).encode())
    assert (event.kind, event.data) == ("members.branch", {"x": 1})


def names(schema: Any) -> set[str]:
    """Every property name in a JSON Schema."""
    if isinstance(schema, dict):
        return set(schema.get("properties", {})) | {name for value in schema.values() for name in names(value)}
    return {name for value in schema for name in names(value)} if isinstance(schema, list) else set()


@pytest.mark.parametrize("name", EVENTS)
def test_no_field_could_hold_personal_data(name: str) -> None:
    """No name, phone, address, number or free text of a person, by field name; and every text is bounded."""
    schema = EVENTS[name].model_json_schema()
    assert not {field for field in names(schema) - PUBLIC if PERSONAL.search(field)}
    free = [
        field
        for field, value in schema["properties"].items()
        if value.get("type") == "string" and not {"enum", "const", "format", "pattern", "maxLength"} & value.keys()
    ]
    assert not free


spells = st.builds(
    MemberSpell,
    since=st.dates(),
    cause=st.sampled_from(["began", "changed", "moved", "ended"]),
    unit=st.sampled_from(["06760", "06688@2025-06-30"]),
    branch=st.uuids(),
    household=st.none() | st.uuids(),
    status=st.sampled_from(["active", "left"]),
    kind=st.sampled_from(["ordinary", "honorary"]),
    core=st.booleans(),
    ethnicity=st.from_regex(r"^\d{2}$", fullmatch=True).filter(str.isascii),
)


@given(
    st.builds(
        MemberEnrolled,
        ethnicity_system=st.just("1979"),
        birth_year=st.none() | st.integers(1900, 2100),
        timeline=st.lists(spells, max_size=4).map(lambda found: sorted(found, key=lambda spell: spell.since)),
    )
)
def test_what_is_written_is_what_is_read(data: MemberEnrolled) -> None:
    """JSON and back loses nothing."""
    assert MemberEnrolled.read(json.loads(data.model_dump_json())) == data


def test_a_class_writes_its_fields_exactly() -> None:
    """A misspelt field is the writer's error, not a silent loss."""
    with pytest.raises(ValidationError, match="closed"):
        BranchClosed.model_validate({"timeline": [OPENED], "closed": "2021-01-01"})


@given(st.sampled_from(["members", "loans"]), st.uuids(), st.integers(1, 2**31))
def test_a_position_reads_as_it_is_written(service: str, subject: UUID, version: int) -> None:
    """members:<subject>@<version> and back."""
    position = Position(service, subject, version)
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize(
    "text", ["", "members", "members:x@1", f"members:{UUID(int=1)}", f"members:{UUID(int=1)}@x", "m1:@"]
)
def test_what_is_no_position_is_refused(text: str) -> None:
    """ValueError, whatever is wrong."""
    with pytest.raises(ValueError, match=r"."):
        Position.parse(text)


def test_generated_files_are_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed is what is generated; a change by hand is seen."""
    assert list(generate.stale()) == []
    assert list(generate.unexampled()) == []
    monkeypatch.setattr(generate, "EXAMPLES", tmp_path)
    assert len(list(generate.unexampled())) == len(EVENTS)
