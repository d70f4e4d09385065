"""What a reader knows of each entity, and how events move it on: in version order, each once, nothing lost.

An event is applied when it is the next version of its entity. An older one is a repeat and is dropped. A later one,
or one that cannot be read, is parked: only its own entity waits, and goes on by itself when what is missing arrives.
"""

import json
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from pydantic_core import to_json

from contracts.event import Event
from services.chassis.db import Connection, Row

T = TypeVar("T")
State = Mapping[str, Any]
ERROR_LENGTH = 2_000
ENTITY = ("subject", "source", "kind", "version", "unit", "branch", "state", "recorded_at")
MOST_VERSION, MOST_SEQUENCE = 2**31 - 1, 2**63 - 1


class Record(NamedTuple):
    """One record of a topic as it came."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes


class Change(NamedTuple):
    """One applied event: its entity's public state and place before (None at first) and after, and its partition."""

    event: Event
    before: State | None
    before_unit: str | None
    before_branch: UUID | None
    after: State | None
    shard: int


Read = Callable[[bytes], Event | None]
"""Bytes to an event, None of one that is nothing to the reader; raises ValueError (of which ValidationError is one) for
what cannot be read."""
Apply = Callable[[Connection, Sequence[Change]], Awaitable[None]]
"""What a service does with a batch of changes, in the caller's transaction."""


@dataclass(slots=True)
class Outcome:
    """What became of a batch's records."""

    changes: list[Change] = field(default_factory=list)
    repeats: int = 0
    gaps: int = 0
    unreadable: int = 0
    unknown: int = 0


_Arrived = tuple[Record, Event]


@dataclass(slots=True)
class _Entity:
    subject: UUID
    version: int = 0
    kind: str = ""
    source: str = ""
    unit: str | None = None
    branch: UUID | None = None
    state: State | None = None
    recorded_at: datetime | None = None


def in_order(
    known: int, waiting: Mapping[int, T], arriving: Iterable[tuple[int, T]]
) -> tuple[list[T], int, dict[int, T]]:
    """Which of the versions waiting and arriving are applied now, in order; repeats; and what goes on waiting.

    Whatever the order of arrival, and however often each comes, every version is applied once, after the one before.
    """
    held = {version: item for version, item in waiting.items() if version > known}
    applied: list[T] = []
    repeats = 0
    for version, item in [(0, None), *arriving]:
        if item is not None:
            if version <= known or version in held:
                repeats += 1
                continue
            held[version] = item
        while known + 1 in held:
            known += 1
            applied.append(held.pop(known))
    return applied, repeats, held


async def settle(
    conn: Connection, records: Sequence[Record], read: Read, known_types: Container[str], apply: Apply
) -> Outcome:
    """Apply what can be applied, with all that waited for it, and park the rest; in the caller's transaction."""
    outcome = Outcome()
    arrived: dict[UUID, list[tuple[int, _Arrived]]] = {}
    broken: list[tuple[Record, UUID | None, str]] = []
    for record in records:
        try:
            event = read(record.value)
            if event is None:
                continue
            _check(event)
        except (ValueError, OverflowError) as error:
            broken.append((record, _subject(record), str(error)[:ERROR_LENGTH]))
            continue
        arrived.setdefault(event.subject, []).append((event.version, (record, event)))
    outcome.unreadable = len(broken)
    entities, troubled = await _entities(conn, list(arrived))
    waiting = await _waiting(conn, troubled, read)
    blocked = {subject for _, subject, _ in broken} | await _blocked(conn, troubled)
    parked: list[tuple[Record, Event, str]] = []
    done: list[Record] = []
    new: list[_Entity] = []
    moved: list[_Entity] = []
    for subject, arriving in arrived.items():
        found = entities.get(subject)
        entity = found or _Entity(subject)
        held = waiting.get(subject, {}) if waiting else {}
        applied, repeats, left = in_order(entity.version, held, arriving)
        outcome.repeats += repeats
        if applied:
            (moved if found else new).append(entity)
            outcome.changes += [_advance(entity, item, known_types) for item in applied]
        if held or left:
            done += [item[0] for version, item in held.items() if left.get(version) is not item]
            reason = "behind" if subject in blocked else "gap"
            fresh = [item for version, item in left.items() if held.get(version) is not item]
            outcome.gaps += len(fresh)
            parked += [(record, event, reason) for record, event in fresh]
    outcome.unknown = sum(change.event.type not in known_types for change in outcome.changes)
    await _store(conn, new, moved)
    await _park(conn, broken, parked)
    await _unpark(conn, done)
    if outcome.changes:
        await apply(conn, outcome.changes)
    return outcome


async def redrive(
    conn: Connection, subject: UUID, read: Read, known_types: Container[str], apply: Apply
) -> Outcome | None:
    """Try an entity's unreadable events again, and with them all that waits behind; None if nothing is parked.

    For use after a reader that understands them has been deployed. Waits for a reader that is applying the partition,
    and makes it wait: the offset row is the fence here too.
    """
    await conn.execute(
        """
        select from consumer_offset where (topic, partition) in (
            select topic, partition from parked where subject = $1)
        order by topic, partition for update
        """,
        subject,
    )
    rows = await conn.fetch(
        """
        delete from parked where subject = $1 returning topic, partition, "offset", raw
        """,
        subject,
    )
    if not rows:
        return None
    key = str(subject).encode()
    records = [Record(row["topic"], row["partition"], row["offset"], key, row["raw"]) for row in rows]
    return await settle(conn, sorted(records), read, known_types, apply)


def _check(event: Event) -> None:
    """OverflowError for numbers that no column holds: its own fault, not the database's."""
    if event.version > MOST_VERSION or event.sequence > MOST_SEQUENCE:
        raise OverflowError(f"version {event.version} or sequence {event.sequence} is out of range")


def _subject(record: Record) -> UUID | None:
    try:
        return UUID((record.key or b"").decode())
    except ValueError:
        return None


def _advance(entity: _Entity, item: _Arrived, known_types: Container[str]) -> Change:
    """Move the entity to the event's version; of an unknown type only the version is taken."""
    record, event = item
    after: State | None = event.data
    unit, branch = event.unit, event.branch
    if event.type not in known_types:
        after, unit, branch = entity.state, entity.unit or event.unit, entity.branch
    change = Change(event, entity.state, entity.unit, entity.branch, after, record.partition)
    entity.version, entity.state, entity.recorded_at = event.version, after, event.time
    entity.unit, entity.branch = unit, branch
    entity.kind, entity.source = event.kind, event.source.removeprefix("/")
    return change


async def _entities(conn: Connection, subjects: list[UUID]) -> tuple[dict[UUID, _Entity], list[UUID]]:
    """What is known of these entities; and those of which something is parked. One query: ids are dear to encode."""
    rows = await conn.fetch(
        """
        select subject, version, kind, source, unit, branch, state, recorded_at from entity where subject = any($1)
        union all
        select subject, null::integer, null, null, null, null::uuid, null::json, null::timestamptz
        from parked where subject = any($1)
        """,
        subjects,
    )
    entities: dict[UUID, _Entity] = {}
    troubled: set[UUID] = set()
    for subject, version, kind, source, unit, branch, state, recorded_at in rows:
        if version is None:
            troubled.add(subject)
        else:
            known = json.loads(state) if state else None
            entities[subject] = _Entity(subject, version, kind, source, unit, branch, known, recorded_at)
    return entities, list(troubled)


async def _waiting(conn: Connection, subjects: list[UUID], read: Read) -> dict[UUID, dict[int, _Arrived]]:
    """Readable events of these entities that are parked, by version.

    One that could be read when it was parked and cannot now (the reader changed) becomes an unreadable one.
    """
    rows: list[Row] = await conn.fetch(
        """
        select topic, partition, "offset", subject, version, raw from parked
        where subject = any($1) and version is not null
        """,
        subjects,
    )
    found: dict[UUID, dict[int, _Arrived]] = {}
    for row in rows:
        record = Record(row["topic"], row["partition"], row["offset"], None, row["raw"])
        try:
            if event := read(row["raw"]):
                found.setdefault(row["subject"], {})[row["version"]] = (record, event)
        except ValueError as error:
            await conn.execute(
                """
                update parked set reason = 'unreadable', version = null, error = $4
                where topic = $1 and partition = $2 and "offset" = $3
                """,
                *record[:3],
                str(error)[:ERROR_LENGTH],
            )
    return found


async def _blocked(conn: Connection, subjects: list[UUID]) -> set[UUID]:
    """Which of these entities have an unreadable event parked."""
    rows = await conn.fetch(
        "select distinct subject from parked where subject = any($1) and reason = 'unreadable'", subjects
    )
    return {row["subject"] for row in rows}


async def _store(conn: Connection, new: Sequence[_Entity], moved: Sequence[_Entity]) -> None:
    """Write the entities that moved on: COPY for the `new` ones, which only this partition's reader can meet."""
    if new:
        await conn.copy_records_to_table("entity", records=map(_row, new), columns=ENTITY)
    if moved:
        await conn.execute(
            """
            update entity set (version, unit, branch, state, recorded_at) =
                (moved.version, moved.unit, moved.branch, moved.state, moved.recorded_at)
            from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::uuid[], $7::json[],
                        $8::timestamptz[]) as moved (subject, source, kind, version, unit, branch, state, recorded_at)
            where entity.subject = moved.subject
            """,
            *map(list, zip(*map(_row, moved), strict=True)),
        )


def _row(entity: _Entity) -> tuple[Any, ...]:
    """Values of `ENTITY`."""
    state = to_json(entity.state).decode() if entity.state is not None else None
    place = (entity.unit, entity.branch, state, entity.recorded_at)
    return entity.subject, entity.source, entity.kind, entity.version, *place


async def _park(
    conn: Connection,
    broken: Sequence[tuple[Record, UUID | None, str]],
    parked: Sequence[tuple[Record, Event, str]],
) -> None:
    """Keep what cannot be applied yet, exactly as it came."""
    rows = [
        (record.topic, record.partition, record.offset, subject, None, None, "unreadable", error, record.value)
        for record, subject, error in broken
    ] + [
        (r.topic, r.partition, r.offset, event.subject, event.version, event.unit, reason, "", r.value)
        for r, event, reason in parked
    ]
    await conn.executemany(
        """
        insert into parked (topic, partition, "offset", subject, version, unit, reason, error, raw)
        values ($1, $2, $3, $4, $5, coalesce($6, (select unit from entity where subject = $4)), $7, $8, $9)
        on conflict do nothing
        """,
        rows,
    )


async def _unpark(conn: Connection, records: Sequence[Record]) -> None:
    """Forget parked events that have been applied or turned out to be repeats."""
    await conn.executemany(
        'delete from parked where topic = $1 and partition = $2 and "offset" = $3',
        [record[:3] for record in records],
    )
