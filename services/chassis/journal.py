"""The journal: outbox, audit trail and feed in one append-only table, written in the transaction of the change.

Entity versions are taken under the entity's row lock, so for one entity journal order is commit order.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import uuid_utils

from contracts.event import Data
from services.chassis.context import context
from services.chassis.db import Connection


class Fact(NamedTuple):
    """One state change: the event, whose it is, and when and where it counts."""

    event: Data
    subject: UUID
    version: int
    occurredon: date
    unit: str
    branch: UUID | None


COLUMNS = ("id", "type", "subject", "version", "occurred_on", "unit", "branch", "data", "actor", "traceparent")
APPEND = """
insert into journal (id, type, subject, version, occurred_on, unit, branch, data, actor, traceparent)
select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::date[], $6::text[], $7::uuid[], $8::json[],
                     $9::text[], $10::text[])
"""
_INSERT = """
with change as ({change})
insert into journal (id, type, subject, version, occurred_on, unit, branch, data, actor, traceparent)
select {values} from change
"""
_statements: dict[str, str] = {}


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): grows with time, so indexes stay dense."""
    return UUID(int=uuid_utils.uuid7().int)


def now() -> datetime:
    """When something is recorded, UTC."""
    return datetime.now(UTC)


def _row(fact: Fact) -> tuple[Any, ...]:
    request = context()
    return (
        new_id(),
        fact.event.TYPE,
        fact.subject,
        fact.version,
        fact.occurredon,
        fact.unit,
        fact.branch,
        fact.event.model_dump_json(),
        request.actor,
        request.traceparent,
    )


def _announce(facts: Sequence[Fact]) -> None:
    """Note the positions for the answer's Journal-Position header."""
    context().written.extend(f"{f.event.TYPE.split('.')[2]}:{f.subject}@{f.version}" for f in facts)


async def append(conn: Connection, *facts: Fact) -> None:
    """Journal rows for changes already made in this transaction, in the order given."""
    if facts:
        await conn.execute(APPEND, *map(list, zip(*map(_row, facts), strict=True)))
        _announce(facts)


async def copy(conn: Connection, facts: Sequence[Fact]) -> None:
    """As `append`, for thousands: by COPY, and too many for the answer's Journal-Position header."""
    await conn.copy_records_to_table("journal", records=[_row(fact) for fact in facts], columns=COLUMNS)


async def record(conn: Connection, fact: Fact, change: str, *args: Any) -> bool:
    """Make one change and journal it in one statement, so neither can be without the other.

    `change` is an insert or update of one row, with its own `$1…$n` filled from `args`, ending in `returning 1`.
    False, and nothing journalled, if it touched no row (the version was not the one expected).
    """
    statement = _statements.get(change)
    if statement is None:
        kinds = ("uuid", "text", "uuid", "int", "date", "text", "uuid", "json", "text", "text")
        values = ", ".join(f"${len(args) + i}::{kind}" for i, kind in enumerate(kinds, 1))
        statement = _statements[change] = _INSERT.format(change=change, values=values)
    done = await conn.execute(statement, *args, *_row(fact))
    if done == "INSERT 0 0":
        return False
    _announce((fact,))
    return True
