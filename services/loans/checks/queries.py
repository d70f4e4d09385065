"""Reads of use-of-funds checks. A check is there because its disbursement is: nothing has to make it."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.chassis.clock import today
from services.chassis.db import Connection, Row, planned
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.loans.checks.course import Done
from services.loans.checks.schemas import CheckOut, State
from services.loans.parameters import decisions

FAR = date.max
DUE = """lateral (
    select entry.occurred_on + days as due_on from unnest({0}::date[], {1}::int[]) as decided (since, days)
    where since <= entry.occurred_on order by since desc limit 1
) as due"""
"""By when an `entry` that paid money out is checked; of the parameters with `decided()`."""


def decided() -> tuple[list[date], list[int]]:
    """Days within which money is to be checked, and from when on: the parameters of `DUE`."""
    since, days = zip(*decisions("check.days"), strict=True)
    return list(since), list(days)


class Wanted(NamedTuple):
    """Which checks a list is of; None is any."""

    loan: UUID | None = None
    state: State | None = None
    due_before: date | None = None


async def done_of(conn: Connection, loan_id: UUID) -> dict[UUID, Done]:
    """The checks done of a loan, by disbursement."""
    rows = await conn.fetch(
        """
        select disbursement, done_on, result, follow_up_due_on, settled_on, outcome
        from use_check join entry on entry.id = disbursement where loan = $1
        """,
        loan_id,
    )
    return {row["disbursement"]: Done(*(row[name] for name in Done._fields)) for row in rows}


async def get(conn: Connection, reach: Reach, check_id: UUID) -> CheckOut:
    """One check inside `reach`, or 404, as when its disbursement was reversed."""
    rows = await _found(conn, reach, Wanted(), check_id=check_id, limit=1)
    if not rows:
        raise NotFound
    return CheckOut.model_validate(dict(rows[0]), extra="ignore")


async def find(conn: Connection, reach: Reach, wanted: Wanted, limit: int, cursor: str | None) -> Page[CheckOut]:
    """The checks inside `reach`, what has to be done first first, then what is done."""
    rows = await _found(conn, reach, wanted, start=after(cursor, date.fromisoformat, UUID), limit=limit + 1)
    page, following = page_of(rows, limit, lambda row: (row["next_on"] or FAR, row["id"]))
    items = [CheckOut.model_validate(dict(row), extra="ignore") for row in page]
    return Page(items=items, next_cursor=following)


async def _found(
    conn: Connection,
    reach: Reach,
    wanted: Wanted,
    *,
    check_id: UUID | None = None,
    start: tuple[object, ...] | None = None,
    limit: int,
) -> list[Row]:
    """Disbursements not reversed with what was found of each, where the household lives now."""
    return await planned(
        conn,
        f"""
        select * from (
            select entry.id, entry.loan, loan.borrower, loan.unit, borrower.branch, loan.programme_code as programme,
                   entry.amount, entry.occurred_on as disbursed_on, due.due_on, standing.state,
                   case standing.state when 'done' then null when 'follow_up' then follow_up_due_on
                                       else due.due_on end as next_on,
                   done_on, result, bought, evidence, follow_up_due_on, settled_on, outcome, finding,
                   coalesce(use_check.version, 1) as version, use_check.recorded_at
            from entry join loan on loan.id = entry.loan join borrower on borrower.id = loan.borrower
            left join use_check on use_check.disbursement = entry.id, {DUE.format("$9", "$10")}, lateral (
                select case when result is null and due.due_on < $8 then 'overdue' when result is null then 'due'
                            when follow_up_due_on is not null and outcome is null then 'follow_up'
                            else 'done' end as state
            ) as standing
            where entry.kind = 'disbursement'
              and not exists (select from entry as reversal where reversal.reverses = entry.id)
              and loan.unit = any($1) and ($2::uuid is null or borrower.branch = $2)
              and ($3::uuid is null or entry.id = $3) and ($4::uuid is null or entry.loan = $4)
        ) as checks
        where ($5::text is null or state = $5) and ($6::date is null or next_on < $6)
          and ($11::date is null or (coalesce(next_on, $13), id) > ($11, $12::uuid))
        order by coalesce(next_on, $13), id
        limit $7
        """,  # noqa: S608
        list(reach.units),
        reach.branch,
        check_id,
        wanted.loan,
        wanted.state,
        wanted.due_before,
        limit,
        today(),
        *decided(),
        *(start or (None, None)),
        FAR,
    )
