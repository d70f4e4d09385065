"""Reads of borrowers. What they owe is summed over their loans."""

import json
from datetime import date
from uuid import UUID

from services.chassis.clock import today
from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.loans.borrowers.schemas import BorrowerOut
from services.loans.entries.books import Balance
from services.loans.timeline import Place


def places_of(row: Row) -> list[Place]:
    """Where a household has lived; of one that nothing dated is known of, where it is."""
    if row["places"] is None:
        here = {name: row[name] for name in ("unit", "branch", "poverty_status")}
        return [Place(since=row["recorded_at"].date(), **here)]
    return [Place.model_validate(place) for place in json.loads(row["places"])]


def out(row: Row, as_of: date) -> BorrowerOut:
    """A row with its balances as the door shows it."""
    return BorrowerOut.model_validate({**dict(row), "places": places_of(row), "as_of": as_of}, extra="ignore")


async def get(conn: Connection, reach: Reach, borrower_id: UUID, as_of: date | None = None) -> BorrowerOut:
    """One borrower inside `reach` with balances as of a day (default today), or 404."""
    as_of = as_of or today()
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
    """Borrowers with loans ever opened and what they owe as of a day."""
    return await conn.fetch(
        """
        select borrower.*, sums.* from borrower, lateral (
            select count(*) as loans, coalesce(sum(now.outstanding), 0)::bigint as outstanding,
                   coalesce(sum(now.in_term), 0)::bigint as in_term, coalesce(sum(now.overdue), 0)::bigint as overdue,
                   coalesce(sum(now.frozen), 0)::bigint as frozen
            from loan left join lateral (
                select * from balance where loan = loan.id and since <= $2 order by since desc limit 1
            ) as now on true
            where loan.borrower = borrower.id
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


async def balances(conn: Connection, borrower_id: UUID) -> dict[UUID, list[Balance]]:
    """The balances of each of the borrower's loans, oldest first."""
    rows = await conn.fetch(
        """
        select balance.* from loan join balance on balance.loan = loan.id where borrower = $1
        order by loan.id, since
        """,
        borrower_id,
    )
    found: dict[UUID, list[Balance]] = {}
    for row in rows:
        found.setdefault(row["loan"], []).append(Balance(*(row[name] for name in Balance._fields)))
    return found


async def days_of_disbursement(conn: Connection, borrower_id: UUID) -> list[Row]:
    """Each day on which money that was not reversed was paid out under a programme."""
    return await conn.fetch(
        """
        select distinct occurred_on as on, programme_code as programme from loan join entry on entry.loan = loan.id
        where borrower = $1 and kind = 'disbursement'
          and not exists (select from entry as reversal where reversal.reverses = entry.id)
        order by 1, 2
        """,
        borrower_id,
    )
