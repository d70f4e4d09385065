"""Reads of savings."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from services.chassis.db import Connection
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.loans.groups.queries import row_of
from services.loans.savings.books import Move
from services.loans.savings.schemas import SavingOut


async def find(
    conn: Connection, reach: Reach, group_id: UUID, borrower: UUID | None, limit: int, cursor: str | None
) -> Page[SavingOut]:
    """A group's entries, of one household only if asked, by day; or 404."""
    await row_of(conn, reach, group_id)
    rows = await conn.fetch(
        """
        select saving.*, saving.credit_group as "group", reversal.id as reversed_by
        from saving left join saving as reversal on reversal.reverses = saving.id
        where saving.credit_group = $1 and ($2::uuid is null or saving.borrower = $2)
          and ($3::date is null or (saving.occurred_on, saving.id) > ($3, $4::uuid))
        order by saving.occurred_on, saving.id limit $5
        """,
        group_id,
        borrower,
        *(after(cursor, date.fromisoformat, UUID) or (None, None)),
        limit + 1,
    )
    page, following = page_of(rows, limit, lambda row: (row["occurred_on"], row["id"]))
    return Page(items=[SavingOut.model_validate(dict(row), extra="ignore") for row in page], next_cursor=following)


async def moves_of(conn: Connection, group_id: UUID, borrowers: Sequence[UUID]) -> dict[UUID, list[Move]]:
    """What each of these households put into a group and took out, day by day."""
    rows = await conn.fetch(
        """
        select borrower, occurred_on, sum(moved)::bigint as moved from saving
        where credit_group = $1 and borrower = any($2) group by 1, 2
        """,
        group_id,
        list(borrowers),
    )
    found: dict[UUID, list[Move]] = {borrower: [] for borrower in borrowers}
    for row in rows:
        found[row["borrower"]].append(Move(row["occurred_on"], row["moved"]))
    return found
