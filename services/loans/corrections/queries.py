"""Reads of corrections."""

import json
from uuid import UUID

from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.loans.corrections.schemas import CorrectionOut, CorrectionStatus


def out(row: Row) -> CorrectionOut:
    """A row as the door shows it."""
    held = {name: json.loads(row[name]) for name in ("lines", "before", "after")}
    return CorrectionOut.model_validate({**dict(row), **held}, extra="ignore")


async def get(conn: Connection, reach: Reach, correction_id: UUID) -> CorrectionOut:
    """One correction of a loan inside `reach`, or 404."""
    row = await conn.fetchrow(
        "select correction.* from correction join loan on loan.id = loan where correction.id = $1 and unit = any($2)",
        correction_id,
        list(reach),
    )
    if row is None:
        raise NotFound
    return out(row)


async def find(
    conn: Connection,
    reach: Reach,
    statement: UUID | None,
    loan: UUID | None,
    state: CorrectionStatus | None,
    limit: int,
    cursor: str | None,
) -> Page[CorrectionOut]:
    """Corrections of loans inside `reach`, the newest first."""
    start = after(cursor, UUID)
    rows = await conn.fetch(
        """
        select correction.* from correction join loan on loan.id = loan
        where unit = any($1) and ($2::uuid is null or statement = $2) and ($3::uuid is null or loan = $3)
          and ($4::text is null or state = $4) and ($5::uuid is null or correction.id < $5)
        order by correction.id desc limit $6
        """,
        *(list(reach), statement, loan, state, *(start or (None,)), limit + 1),
    )
    page, following = page_of(rows, limit, lambda row: (row["id"],))
    return Page(items=[out(row) for row in page], next_cursor=following)
