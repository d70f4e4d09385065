"""Everything that is held about one member."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from contracts import units
from services.chassis.db import Connection
from services.chassis.reach import Reach
from services.chassis.vault import Vault
from services.members.access_log import queries as access_log
from services.members.consents import queries as consents
from services.members.exports.schemas import ChangeOut, ExportOut, ImportedOut, MergedOut
from services.members.households import queries as households
from services.members.members import queries as members
from services.members.members.record import TIMELINE, Member
from services.members.subject_requests import queries as requests

ACCESSES = REQUESTS = 10_000


async def everything(conn: Connection, reach: Reach, member_id: UUID, vault: Vault | None) -> ExportOut:
    """All of a member inside `reach`, or 404."""
    record = await _record(conn, await members.record(conn, reach, member_id), vault)
    return ExportOut(**record, exported_at=datetime.now(UTC), merged=await _merged(conn, member_id, vault))


async def _merged(conn: Connection, member_id: UUID, vault: Vault | None) -> list[MergedOut]:
    """Records merged into hers, and into those, in the order in which they were."""
    rows = await conn.fetch(
        """
        select member.*, merge.timeline as kept, merged_at from merge join member on id = duplicate
        where duplicate = any($1) order by merged_at
        """,
        await members.merged_into(conn, member_id),
    )
    found = []
    for row in rows:
        member = Member.of(row).model_copy(update={"timeline": TIMELINE.validate_json(row["kept"])})
        found.append(MergedOut(**await _record(conn, member, vault), merged_at=row["merged_at"]))
    return found


async def _record(conn: Connection, member: Member, vault: Vault | None) -> dict[str, Any]:
    """What is held under one record: the values of RecordOut."""
    shown = member.opened(vault)
    province = Reach(units.subtree(units.province_of(shown.unit)))
    accesses = await access_log.find(conn, province, subjects=[member.id], reader=None, limit=ACCESSES, cursor=None)
    return {
        "id": member.id,
        "member": shown,
        "household": await households.get(conn, province, shown.household) if shown.household else None,
        "history": await _history(conn, member.id),
        "consents": await consents.entries(conn, member.id),
        "requests": (await requests.find(conn, province, member=member.id, limit=REQUESTS)).items,
        "imports": await _imports(conn, member.id),
        "accesses": [access.model_copy(update={"subjects": [member.id]}) for access in accesses.items],
    }


async def _imports(conn: Connection, member_id: UUID) -> list[ImportedOut]:
    """Rows of files that became her record, or were the same again."""
    rows = await conn.fetch(
        """
        select import.*, row, verdict from import_row join import on import.id = import
        where member = $1 or key in (select key from import_key where member = $1)
        order by import.id, row
        """,
        member_id,
    )
    return [ImportedOut.model_validate(dict(row), extra="ignore") for row in rows]


async def _history(conn: Connection, member_id: UUID) -> list[ChangeOut]:
    """Her events in order."""
    rows = await conn.fetch(
        "select type, version, occurred_on, recorded_at, actor, data from journal where subject = $1 order by version",
        member_id,
    )
    return [ChangeOut.model_validate({**dict(row), "data": json.loads(row["data"])}) for row in rows]
