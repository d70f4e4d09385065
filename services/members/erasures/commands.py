"""Erasing a member: what identifies her goes, what is counted stays, a proof remains.

Source: Law 91/2025/QH15, article 14. Birth year, ethnicity and the dates of the membership stay: without a name they
identify nobody, and the figures rest on them.
"""

import hashlib
from uuid import UUID

from contracts.members import MemberErased
from services.chassis import idempotency
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Conflict, Text, invalid
from services.chassis.reach import Reach
from services.members import timeline
from services.members.access_log.schemas import personal
from services.members.erasures import queries
from services.members.erasures.schemas import ErasureOut
from services.members.households.schemas import HouseholdOut
from services.members.imports import commands as imports
from services.members.members import commands as members
from services.members.members.numbers import FIELDS
from services.members.members.queries import merged_into
from services.members.members.record import SEALED
from services.members.members.schemas import MemberOut
from services.members.subject_requests import commands as requests
from services.members.subject_requests.queries import get as request_of
from services.members.subject_requests.schemas import RequestOut


async def erase(
    conn: Connection, reach: Reach, member_id: UUID, version: int, request_id: UUID, erased_by: str
) -> ErasureOut:
    """Erase a member at `version` and complete the request. 409 if she is erased already or it is not answered."""
    member = await members.at_version(conn, reach, member_id, version)
    request = await request_of(conn, reach, request_id)
    if member.erased_on is not None:
        raise Conflict(Text("Hội viên đã được xóa", "The member is erased already"), slug="member-erased")
    if request.member != member_id or request.kind != "erase":
        raise invalid("/request", "other", "Không phải yêu cầu xóa của người này", "Not this person's request to erase")
    now = member.on(today())
    erased = [f"member.{name}" for name in (*personal(MemberOut), "household") if getattr(now, name) is not None]
    erased += [f"member.{name}" for name, column in FIELDS.items() if getattr(member, f"{column}_sealed")]
    forgotten = {name for name in (*personal(MemberOut), *SEALED) if name in type(member).model_fields}
    nobody = member.next(
        timeline.put_right(member.timeline, household=None), **dict.fromkeys(forgotten), erased_on=today()
    )
    duplicates = await merged_into(conn, member_id)
    records = [member_id, *duplicates]
    left = [spell.household for spell in member.timeline if spell.household]
    kept = "select unnest(homes(timeline)) as home from merge where duplicate = any($1)"
    left += [row["home"] for row in await conn.fetch(kept, duplicates)]
    await conn.execute("select from household where id = any($1) order by id for no key update", left)
    await members.update(conn, nobody, MemberErased, today())
    await conn.execute("update member set erased_on = $2 where id = $1", member_id, today())
    homes = await _empty_homes(conn, left)
    erased += ["household.address"] if homes else []
    erased += await _free_text(conn, records)
    erased += await _duplicates(conn, duplicates)
    erased += ["import.file"] if any([await imports.forget_member(conn, record) for record in records]) else []
    await idempotency.mask(conn, [*records, *homes], {*personal(MemberOut), *personal(HouseholdOut)})
    await requests.complete(conn, reach, request_id, request.version, today(), erased_by)
    return await _proof(conn, request, erased, erased_by)


async def _empty_homes(conn: Connection, homes: list[UUID]) -> list[UUID]:
    """Households in which nobody is left: their address was hers, and is forgotten."""
    rows = await conn.fetch(
        """
        update household set address = null where id = any($1) and address is not null
            and not exists (select from member where member.household = household.id)
        returning id
        """,
        homes,
    )
    return [row["id"] for row in rows]


async def _free_text(conn: Connection, records: list[UUID]) -> list[str]:
    """Forget what was written about her in words, under any record of hers. Which there was."""
    statements = {
        "consent.evidence": "update consent_entry set evidence = null where member = any($1) and evidence is not null",
        "request.detail": "update subject_request set detail = null where member = any($1) and detail is not null",
        "request.reason": """
            update subject_request_step set reason = null where reason is not null
                and request in (select id from subject_request where member = any($1))
        """,
        "transfer.reason": """
            update transfer set reason = null, refusal_reason = null
            where member = any($1) and (reason is not null or refusal_reason is not null)
        """,
    }
    return [name for name, sql in statements.items() if await conn.execute(sql, records) != "UPDATE 0"]


async def _duplicates(conn: Connection, duplicates: list[UUID]) -> list[str]:
    """Forget whose the records merged into hers were; they cannot be separated again. Whether there were any."""
    done = await conn.execute(
        """
        with gone as (delete from merge where duplicate = any($1) returning duplicate)
        update member set name = null, name_folded = '', birth_date = null, card_number = null,
            citizen_sealed = null, citizen_index = null, phone_sealed = null, phone_index = null, erased_on = $2
        from gone where member.id = gone.duplicate
        """,
        duplicates,
        today(),
    )
    return ["duplicate"] if done != "UPDATE 0" else []


async def _proof(conn: Connection, request: RequestOut, erased: list[str], erased_by: str) -> ErasureOut:
    """The row that remains."""
    row = await conn.fetchrow(
        """
        insert into erasure (member, request, request_hash, erased, erased_on, erased_by)
        values ($1, $2, $3, $4, $5, $6) returning *
        """,
        request.member,
        request.id,
        hashlib.sha256(request.model_dump_json().encode()).digest(),
        erased,
        today(),
        erased_by,
    )
    assert row is not None, "an insert returns its row"
    return queries.out(row)
