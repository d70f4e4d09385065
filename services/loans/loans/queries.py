"""Reads of loans with their balances."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from contracts.loans import LoanStatus
from services.chassis.clock import today
from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.loans.entries.actions import LEGAL
from services.loans.entries.books import Balance, Entry, at, effective
from services.loans.loans.schemas import LoanOut


def out(row: Row | Mapping[str, Any], as_of: date) -> LoanOut:
    """A row with its balances as the door shows it; before its contract a loan is as on its first day."""
    shown = {**dict(row), "programme": row["programme_code"], "as_of": as_of, "legal": LEGAL[row["status"]]}
    return LoanOut.model_validate(shown, extra="ignore")


def shown(row: Mapping[str, Any], timeline: Sequence[Balance], entries: Sequence[Entry], as_of: date) -> LoanOut:
    """A loan's row with what its ledger adds up to, as the door shows it."""
    counted = [entry for entry in effective(entries) if entry.occurred_on <= as_of]
    now = at(timeline, as_of) or timeline[0]
    sums = {
        "outstanding": now.outstanding,
        "disbursed": sum(entry.amount for entry in counted if entry.kind == "disbursement"),
        "principal_repaid": sum(entry.amount for entry in counted if entry.kind == "principal"),
    }
    return out({**row, **now._asdict(), **sums}, as_of)


async def get(conn: Connection, reach: Reach, loan_id: UUID, as_of: date | None = None) -> LoanOut:
    """One loan inside `reach` with balances as of a day (default today), or 404."""
    as_of = as_of or today()
    rows = await _with_balances(conn, reach, as_of, ids=[loan_id], limit=1)
    if not rows:
        raise NotFound
    return out(rows[0], as_of)


async def find(
    conn: Connection,
    reach: Reach,
    unit: str | None,
    borrower: UUID | None,
    status: LoanStatus | None,
    as_of: date,
    limit: int,
    cursor: str | None,
) -> Page[LoanOut]:
    """Loans of `unit` (or of all of `reach`), of `borrower` and in `status` on a day, by unit and id."""
    start = after(cursor, str, UUID)
    rows = await _with_balances(
        conn, reach.within(unit), as_of, borrower=borrower, status=status, start=start, limit=limit + 1
    )
    page, following = page_of(rows, limit, lambda row: (row["unit"], row["id"]))
    return Page(items=[out(row, as_of) for row in page], next_cursor=following)


async def _with_balances(
    conn: Connection,
    reach: Reach,
    as_of: date,
    *,
    ids: list[UUID] | None = None,
    borrower: UUID | None = None,
    status: LoanStatus | None = None,
    start: tuple[object, ...] | None = None,
    limit: int,
) -> list[Row]:
    """Loans with their balances, and what was disbursed and repaid, up to a day."""
    return await conn.fetch(
        """
        select loan.id, loan.application, loan.borrower, loan.unit, loan.programme_code, loan.capital_source,
               loan.contract_number, loan.contract_on, loan.amount, loan.annual_rate_ppm, loan.overdue_rate_percent,
               loan.version, loan.recorded_at, coalesce(now.due_on, loan.due_on) as due_on,
               coalesce(now.status, 'signed') as status, coalesce(now.outstanding, 0) as outstanding,
               coalesce(now.in_term, 0) as in_term, coalesce(now.overdue, 0) as overdue, now.overdue_since,
               coalesce(now.frozen, 0) as frozen, sums.*
        from loan left join lateral (
            select * from balance where loan = loan.id and since <= $2 order by since desc limit 1
        ) as now on true, lateral (
            select coalesce(sum(principal) filter (where 'disbursement' in (kind, reverses_kind)), 0)::bigint
                       as disbursed,
                   coalesce(-sum(principal) filter (where 'principal' in (kind, reverses_kind)), 0)::bigint
                       as principal_repaid
            from entry where entry.loan = loan.id and occurred_on <= $2
        ) as sums
        where unit = any($1)
          and ($8::uuid is null or borrower in (select id from borrower where branch = $8))
          and ($3::uuid[] is null or id = any($3))
          and ($4::uuid is null or borrower = $4)
          and ($9::text is null or now.status = $9)
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
        status,
    )
