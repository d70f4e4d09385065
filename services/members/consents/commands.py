"""Writes of consents: an append-only ledger, so every day's state can be shown for ever."""

from uuid import UUID

from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Conflict, Text, invalid
from services.chassis.reach import Reach
from services.members.consents import purposes, queries
from services.members.consents.schemas import ConsentIn, EntryOut, WithdrawalIn


async def give(conn: Connection, reach: Reach, member_id: UUID, body: ConsentIn, recorded_by: str) -> EntryOut:
    """Record a consent. Giving again, to a newer text, is another entry. 422 for a purpose that asks for none."""
    purpose = purposes.find(body.purpose, body.given_on)
    if purpose is None:
        raise invalid("/purpose", "unknown", "Ngày đó không có mục đích này", "No such purpose on that day")
    if purpose.basis != "consent":
        raise invalid("/purpose", "no_consent", "Mục đích này dựa trên luật", "This purpose rests on a law")
    if body.given_on > today():
        raise invalid("/given_on", "future", "Không được ở tương lai", "May not lie in the future")
    await queries.ledger(conn, reach, member_id)
    return await _append(
        conn,
        EntryOut(
            id=journal.new_id(),
            member=member_id,
            purpose=body.purpose,
            act="given",
            occurred_on=body.given_on,
            how=body.how,
            text_version=body.text_version,
            evidence=body.evidence,
            recorded_by=recorded_by,
            recorded_at=journal.now(),
        ),
    )


async def withdraw(conn: Connection, reach: Reach, member_id: UUID, body: WithdrawalIn, recorded_by: str) -> EntryOut:
    """Record that a consent was withdrawn; it binds from that day. 409 if it did not stand on that day."""
    if body.withdrawn_on > today():
        raise invalid("/withdrawn_on", "future", "Không được ở tương lai", "May not lie in the future")
    entries = await queries.ledger(conn, reach, member_id)
    standing = [each.purpose for each in queries.as_of(entries, body.withdrawn_on) if each.given]
    if body.purpose not in standing:
        text = Text("Ngày đó không có sự đồng ý cho mục đích này", "No consent to this purpose stood on that day")
        raise Conflict(text, slug="consent-not-given", standing=standing)
    return await _append(
        conn,
        EntryOut(
            id=journal.new_id(),
            member=member_id,
            purpose=body.purpose,
            act="withdrawn",
            occurred_on=body.withdrawn_on,
            how=body.how,
            text_version=None,
            evidence=body.evidence,
            recorded_by=recorded_by,
            recorded_at=journal.now(),
        ),
    )


async def _append(conn: Connection, entry: EntryOut) -> EntryOut:
    """One more line of the ledger."""
    await conn.execute(
        """
        insert into consent_entry (id, member, purpose, act, occurred_on, how, text_version, evidence, recorded_by,
                                   recorded_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        *entry.model_dump().values(),
    )
    return entry
