"""Reads of borrowers. What they owe is summed from ledger entries, never stored."""

from datetime import date
from uuid import UUID

from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.loans.borrowers.schemas import BorrowerOut


def out(row: Row, as_of: date) -> BorrowerOut:
    """A row with its balances as the door shows it."""
    owed = {"in_term": row["outstanding"] - row["overdue"], "as_of": as_of}
    return BorrowerOut.model_validate({**dict(row), **owed}, extra="ignore")


async def get(conn: Connection, reach: Reach, borrower_id: UUID, as_of: date) -> BorrowerOut:
    """One borrower inside `reach` with balances as of a day, or 404."""
    found = await _with_balances(conn, reach, as_of, ids=[borrower_id], limit=1)
    if not found:
        raise NotFound
    return out(found[0], as_of)


async def find(
    conn: Connection, reach: Reach, unit: str | None, as_of: date, limit: int, cursor: str | None
) -> Page[BorrowerOut]:
    """Borrowers of `unit` (or of all of `reach`) by unit and id."""
    rows = await _with_balances(conn, reach.within(unit), as_of, start=after(cursor, str, UUID), limit=limit + 1)
    page, following = page_of(rows, limit, lambda row: (row["unit"], row["id"]))
    return Page(items=[out(row, as_of) for row in page], next_cursor=following)


async def _with_balances(
    conn: Connection,
    reach: Reach,
    as_of: date,
    *,
    ids: list[UUID] | None = None,
    start: tuple[object, ...] | None = None,
    limit: int,
) -> list[Row]:
    """Borrowers with loans ever opened, outstanding and overdue as of a day."""
    return await conn.fetch(
        """
        select borrower.*, sums.loans, sums.outstanding, sums.overdue from borrower, lateral (
            select count(*) as loans, coalesce(sum(balance), 0)::bigint as outstanding,
                   coalesce(sum(balance) filter (where due_on < $2), 0)::bigint as overdue
            from (
                select due_on, (select coalesce(sum(case kind when 'disbursement' then amount else -amount end), 0)
                                from entry where entry.loan = loan.id and occurred_on <= $2) as balance
                from loan where loan.borrower = borrower.id
            ) as balances
        ) as sums
        where unit = any($1) and ($7::uuid is null or branch = $7)
          and ($3::uuid[] is null or id = any($3))
          and ($4::text is null or (unit, id) > ($4, $5::uuid))
        order by unit, id
        limit $6
        """,
        list(reach.units),
        as_of,
        ids,
        *(start or (None, None)),
        limit,
        reach.branch,
    )
