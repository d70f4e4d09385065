"""Events and records as they come from Kafka, for the tests of readers."""

import json
from typing import Any
from uuid import UUID, uuid4

from services.chassis.entities import Record

TOPIC = "danvan.members"
HOUSEHOLD = {"branch": "00000000-0000-7000-8000-000000000001", "poverty_status": None, "status_year": None}
CREATED = "vn.danvan.members.household.created.v1"
SET = "vn.danvan.members.household.status_set.v1"
NEWER = "vn.danvan.members.household.merged.v1"


def value(subject: UUID, version: int, state: dict[str, Any] | None = None, /, **envelope: Any) -> bytes:
    """A household's event on the wire; `status_year` is 2000 + version, so that a state tells its version."""
    content = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/members",
        "type": CREATED if version == 1 else SET,
        "subject": str(subject),
        "time": "2025-06-01T00:00:00+00:00",
        "occurredon": "2025-06-01",
        "unit": "06760",
        "branch": HOUSEHOLD["branch"],
        "version": version,
        "sequence": version,
        "data": {**HOUSEHOLD, "status_year": 2000 + version, **(state or {})},
        **envelope,
    }
    return json.dumps(content).encode()


def record(offset: int, subject: UUID, version: int, state: dict[str, Any] | None = None, /, **envelope: Any) -> Record:
    """The same at an offset of partition 0, under its entity's key."""
    return Record(TOPIC, 0, offset, str(subject).encode(), value(subject, version, state, **envelope))
