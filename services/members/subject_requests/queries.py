"""Reads of data subjects' requests."""

import json
from datetime import date
from uuid import UUID

from services.chassis.clock import today
from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.members.subject_requests.clocks import Kind
from services.members.subject_requests.schemas import RequestOut, State

OVERDUE = """
(subject_request.state = 'received' and answer_due < $1
 or subject_request.state in ('received', 'answered') and completion_due < $1)
"""
SELECT = """
select subject_request.*, OVERDUE as overdue, trail.steps, trail.reason
from subject_request join member on member.id = subject_request.member, lateral (
    select json_agg(json_build_object('version', version, 'act', act, 'occurred_on', occurred_on, 'recorded_by',
                                      recorded_by, 'recorded_at', recorded_at) order by version) as steps,
           (array_agg(reason order by version desc) filter (where reason is not null))[1] as reason
    from subject_request_step where request = subject_request.id
) as trail
where member.unit = any($2) and ($3::uuid is null or member.branch = $3)
""".replace("OVERDUE", OVERDUE)


def out(row: Row) -> RequestOut:
    """A row of SELECT as the door shows it."""
    return RequestOut.model_validate({**dict(row), "steps": json.loads(row["steps"])}, extra="ignore")


async def get(conn: Connection, reach: Reach, request_id: UUID) -> RequestOut:
    """One request of a member inside `reach`, or 404."""
    row = await conn.fetchrow(
        f"{SELECT} and subject_request.id = $4", today(), list(reach.units), reach.branch, request_id
    )
    if row is None:
        raise NotFound
    return out(row)


async def find(
    conn: Connection,
    reach: Reach,
    *,
    member: UUID | None = None,
    kind: Kind | None = None,
    state: State | None = None,
    overdue_on: date | None = None,
    limit: int,
    cursor: str | None = None,
) -> Page[RequestOut]:
    """Requests of members inside `reach`, the most urgent first; `overdue_on`: whose clock has run out by that day."""
    start = after(cursor, date.fromisoformat, UUID)
    rows = await conn.fetch(
        f"""
        {SELECT}
          and ($4::uuid is null or subject_request.member = $4)
          and ($5::text is null or subject_request.kind = $5)
          and ($6::text is null or subject_request.state = $6)
          and (not $7 or {OVERDUE})
          and ($8::date is null or (completion_due, subject_request.id) > ($8, $9::uuid))
        order by completion_due, subject_request.id
        limit $10
        """,
        overdue_on or today(),
        list(reach.units),
        reach.branch,
        member,
        kind,
        state,
        overdue_on is not None,
        *(start or (None, None)),
        limit + 1,
    )
    page, following = page_of(rows, limit, lambda row: (row["completion_due"], row["id"]))
    return Page(items=[out(row) for row in page], next_cursor=following)
