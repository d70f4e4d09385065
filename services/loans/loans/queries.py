"""Reads of loans and their ledger."""

from datetime import date
from uuid import UUID

from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.loans.loans.schemas import EntryOut, LedgerOut, LoanOut


def out(row: Row, as_of: date) -> LoanOut:
    """A row with its sums as the door shows it."""
    outstanding = row["disbursed"] - row["principal_repaid"]
    overdue = outstanding if row["due_on"] < as_of else 0
    return LoanOut.model_validate(
        {
            **dict(row),
            "programme": row["programme_code"],
            "outstanding": outstanding,
            "in_term": outstanding - overdue,
            "overdue": overdue,
            "status": "repaid" if row["disbursed"] and not outstanding else "open",
            "as_of": as_of,
        },
        extra="ignore",
    )


async def get(conn: Connection, reach: Reach, loan_id: UUID, as_of: date) -> LoanOut:
    """One loan inside `reach` with balances as of a day, or 404."""
    rows = await _with_sums(conn, reach, as_of, ids=[loan_id], limit=1)
    if not rows:
        raise NotFound
    return out(rows[0], as_of)


async def find(
    conn: Connection,
    reach: Reach,
    unit: str | None,
    borrower: UUID | None,
    as_of: date,
    limit: int,
    cursor: str | None,
) -> Page[LoanOut]:
    """Loans of `unit` (or of all of `reach`) and of `borrower`, by unit and id."""
    start = after(cursor, str, UUID)
    rows = await _with_sums(conn, reach.within(unit), as_of, borrower=borrower, start=start, limit=limit + 1)
    page, following = page_of(rows, limit, lambda row: (row["unit"], row["id"]))
    return Page(items=[out(row, as_of) for row in page], next_cursor=following)


async def _with_sums(
    conn: Connection,
    reach: Reach,
    as_of: date,
    *,
    ids: list[UUID] | None = None,
    borrower: UUID | None = None,
    start: tuple[object, ...] | None = None,
    limit: int,
) -> list[Row]:
    """Loans with what was disbursed and repaid up to a day."""
    return await conn.fetch(
        """
        select loan.*, sums.* from loan, lateral (
            select coalesce(sum(amount) filter (where kind = 'disbursement'), 0)::bigint as disbursed,
                   coalesce(sum(amount) filter (where kind = 'principal'), 0)::bigint as principal_repaid
            from entry where entry.loan = loan.id and occurred_on <= $2
        ) as sums
        where unit = any($1)
          and ($8::uuid is null or borrower in (select id from borrower where branch = $8))
          and ($3::uuid[] is null or id = any($3))
          and ($4::uuid is null or borrower = $4)
          and ($5::text is null or (unit, id) > ($5, $6::uuid))
        order by unit, id
        limit $7
        """,
        list(reach.units),
        as_of,
        ids,
        borrower,
        *(start or (None, None)),
        limit,
        reach.branch,
    )


async def ledger(conn: Connection, reach: Reach, loan_id: UUID) -> LedgerOut:
    """A loan's entries by day with the balance after each, or 404."""
    rows = await conn.fetch(
        """
        select entry.*, sum(case entry.kind when 'disbursement' then amount else -amount end)
                   over (order by occurred_on, entry.id)::bigint as balance
        from loan left join entry on entry.loan = loan.id
        where loan.id = $1 and unit = any($2)
          and ($3::uuid is null or borrower in (select id from borrower where branch = $3))
        order by occurred_on, entry.id
        """,
        loan_id,
        list(reach.units),
        reach.branch,
    )
    if not rows:
        raise NotFound
    return LedgerOut(
        loan=loan_id, items=[EntryOut.model_validate(dict(row), extra="ignore") for row in rows if row["id"]]
    )
