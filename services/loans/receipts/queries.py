"""Reads of receipts."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from services.chassis.db import Connection, Row, planned
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.loans.receipts.schemas import AgeBy, AgeOut, BucketOut, ReceiptOut, ReceiptStatus

INSIDE = """
from receipt join loan on loan.id = receipt.loan join borrower on borrower.id = loan.borrower
where loan.unit = any($1) and ($2::uuid is null or borrower.branch = $2)
"""
KEYS: dict[AgeBy, str] = {
    "group": "receipt.group_id",
    "branch": "borrower.branch",
    "unit": "loan.unit",
    "collector": "receipt.collector",
}


def out(row: Row) -> ReceiptOut:
    """A row as the door shows it."""
    return ReceiptOut.model_validate({**dict(row), "group": row["group_id"]}, extra="ignore")


async def get(conn: Connection, reach: Reach, receipt_id: UUID) -> ReceiptOut:
    """One receipt inside `reach`, or 404."""
    row = await conn.fetchrow(
        f"select receipt.* {INSIDE} and receipt.id = $3", list(reach.units), reach.branch, receipt_id
    )
    if row is None:
        raise NotFound
    return out(row)


async def find(
    conn: Connection,
    reach: Reach,
    unit: str | None,
    loan: UUID | None,
    state: ReceiptStatus | None,
    limit: int,
    cursor: str | None,
) -> Page[ReceiptOut]:
    """Receipts of `unit` (or of all of `reach`), the newest first."""
    inside, start = reach.within(unit), after(cursor, UUID)
    rows = await planned(
        conn,
        f"""
        select receipt.* {INSIDE}
          and ($3::uuid is null or loan.id = $3) and ($4::text is null or receipt.state = $4)
          and ($5::uuid is null or receipt.id < $5)
        order by receipt.id desc limit $6
        """,
        *(list(inside.units), inside.branch, loan, state, *(start or (None,)), limit + 1),
    )
    page, following = page_of(rows, limit, lambda row: (row["id"],))
    return Page(items=[out(row) for row in page], next_cursor=following)


async def ageing(
    conn: Connection,
    reach: Reach,
    by: AgeBy,
    unit: str | None,
    as_of: date,
    limits: Sequence[int],
    limit: int,
    cursor: str | None,
) -> Page[AgeOut]:
    """Money pending at the end of a day by how many days ago it was collected, per group, branch, unit or collector.

    `limits` are the last days of all buckets but the last: 3, 7, 30 is 0–3, 4–7, 8–30, over 30.
    """
    inside, start = reach.within(unit), after(cursor, str)
    rows = await planned(
        conn,
        f"""
        select key, array_agg(bucket) as buckets, array_agg(receipts) as receipts, array_agg(amount) as amounts
        from (
            select coalesce({KEYS[by]}::text, '') as key,
                   width_bucket($3 - collected_on, $4::int[]) as bucket,
                   count(*) as receipts, sum(principal + interest)::bigint as amount
            {INSIDE} and collected_on <= $3 and (settled_on is null or settled_on > $3)
            group by 1, 2
        ) as aged
        where $5::text is null or key > $5
        group by key order by key limit $6
        """,  # noqa: S608
        *(list(inside.units), inside.branch, as_of, [last + 1 for last in limits], *(start or (None,)), limit + 1),
    )
    page, following = page_of(rows, limit, lambda row: (row["key"],))
    return Page(items=[_aged(row, limits) for row in page], next_cursor=following)


def _aged(row: Row, limits: Sequence[int]) -> AgeOut:
    held = dict(zip(row["buckets"], zip(row["receipts"], row["amounts"], strict=True), strict=True))
    firsts, lasts = [0, *(last + 1 for last in limits)], [*limits, None]
    buckets = [
        BucketOut(from_days=first, to_days=last, receipts=held.get(n, (0, 0))[0], amount=held.get(n, (0, 0))[1])
        for n, (first, last) in enumerate(zip(firsts, lasts, strict=True))
    ]
    return AgeOut(
        key=row["key"] or None,
        receipts=sum(bucket.receipts for bucket in buckets),
        amount=sum(bucket.amount for bucket in buckets),
        buckets=buckets,
    )
