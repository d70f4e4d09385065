"""Everything that is held about one member."""

import json
from datetime import UTC, datetime
from uuid import UUID

from services.chassis.db import Connection
from services.chassis.reach import Reach
from services.chassis.vault import Vault
from services.members.access_log import queries as access_log
from services.members.consents import queries as consents
from services.members.exports.schemas import ChangeOut, ExportOut
from services.members.households import queries as households
from services.members.members import queries as members
from services.members.subject_requests import queries as requests

ACCESSES = REQUESTS = 10_000


async def everything(conn: Connection, reach: Reach, member_id: UUID, vault: Vault | None) -> ExportOut:
    """All of a member inside `reach`, or 404."""
    member = (await members.record(conn, reach, member_id)).opened(vault)
    accesses = await access_log.find(conn, reach, subjects=[member_id], reader=None, limit=ACCESSES, cursor=None)
    return ExportOut(
        id=member_id,
        exported_at=datetime.now(UTC),
        member=member,
        household=await households.get(conn, reach, member.household) if member.household else None,
        history=await _history(conn, member_id),
        consents=await consents.ledger(conn, reach, member_id),
        requests=(await requests.find(conn, reach, member=member_id, limit=REQUESTS)).items,
        accesses=[access.model_copy(update={"subjects": [member_id]}) for access in accesses.items],
    )


async def _history(conn: Connection, member_id: UUID) -> list[ChangeOut]:
    """Her events in order."""
    rows = await conn.fetch(
        "select type, version, occurred_on, recorded_at, actor, data from journal where subject = $1 order by version",
        member_id,
    )
    return [ChangeOut.model_validate({**dict(row), "data": json.loads(row["data"])}) for row in rows]
