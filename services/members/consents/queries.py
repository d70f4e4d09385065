"""Reads of consents."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from services.chassis.db import Connection
from services.chassis.reach import Reach
from services.members.consents.schemas import ConsentOut, EntryOut
from services.members.members import queries as members


async def ledger(conn: Connection, reach: Reach, member_id: UUID) -> list[EntryOut]:
    """Every entry of a member inside `reach` (404 otherwise) in the order of their days, then of recording."""
    await members.get(conn, reach, member_id)
    return await entries(conn, member_id)


async def entries(conn: Connection, member_id: UUID) -> list[EntryOut]:
    """The same of a record whose place was looked at already."""
    rows = await conn.fetch("select * from consent_entry where member = $1 order by occurred_on, position", member_id)
    return [EntryOut.model_validate(dict(row), extra="ignore") for row in rows]


def as_of(entries: Iterable[EntryOut], day: date) -> list[ConsentOut]:
    """Where each purpose stands at the end of `day`: its last entry decides. `entries` in the ledger's order."""
    last = {entry.purpose: entry for entry in entries if entry.occurred_on <= day}
    return [
        ConsentOut(
            purpose=purpose, given=entry.act == "given", since=entry.occurred_on, text_version=entry.text_version
        )
        for purpose, entry in sorted(last.items())
    ]
