"""Reads of erasures."""

from uuid import UUID

from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.reach import Reach
from services.members.erasures.schemas import ErasureOut
from services.members.members import queries as members


async def get(conn: Connection, reach: Reach, member_id: UUID) -> ErasureOut:
    """The proof of a member's erasure, or 404."""
    await members.get(conn, reach, member_id)
    row = await conn.fetchrow("select * from erasure where member = $1", member_id)
    if row is None:
        raise NotFound
    return out(row)


def out(row: Row) -> ErasureOut:
    """An `erasure` row as the door shows it."""
    return ErasureOut.model_validate({**dict(row), "request_hash": row["request_hash"].hex()})
