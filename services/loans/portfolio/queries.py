"""Reads of the portfolio: each answer is one question. A loan counts where its household lives now."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from services.chassis.db import Connection, Row, planned
from services.chassis.errors import invalid
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.loans.checks.queries import DUE, decided
from services.loans.entries.interest import PERCENT, months_after, whole
from services.loans.parameters import parameter
from services.loans.portfolio.moves import MOVES, NONE, states
from services.loans.portfolio.rules import RATINGS, fired, thresholds
from services.loans.portfolio.schemas import (
    CollectionBy,
    CollectionOut,
    MoneyMigrationOut,
    OverdueAgeingOut,
    OverdueBucketOut,
    OverdueOut,
    ProgrammeOverdueOut,
    StateMovesOut,
    WarningOut,
    WarningRuleOut,
)

MOST_MONTHS = 24
LOANS = """
loan join borrower on borrower.id = loan.borrower
left join membership on membership.borrower = borrower.id
     and joined_on <= $3 and (left_on is null or left_on > $3)
"""
INSIDE = """
loan.unit = any($1) and ($2::uuid is null or borrower.branch = $2)
and ($4::uuid is null or membership.credit_group = $4)
"""
NOW = """
join lateral (select * from balance where loan = loan.id and since <= $3 order by since desc limit 1) as now on true
"""
KEYS: dict[CollectionBy, str] = {"programme": "loan.programme_code", "group": "membership.credit_group::text"}


class Scope(NamedTuple):
    """What is asked about: households inside `reach`, of `group` unless that is None, at the end of a day."""

    reach: Reach
    group: UUID | None
    as_of: date

    @property
    def args(self) -> tuple[list[str], UUID | None, date, UUID | None]:
        """The first four parameters of every question."""
        return list(self.reach.units), self.reach.branch, self.as_of, self.group


def last_days(on: date) -> list[int]:
    """The last day of each part but the last into which overdue debt is cut by age."""
    return [
        parameter("overdue.days_1", on),
        parameter("overdue.days_2", on),
        parameter("overdue.days_3", on),
        parameter("overdue.days_4", on),
    ]


async def ageing(conn: Connection, scope: Scope) -> OverdueAgeingOut:
    """Overdue debt by age and programme; the first day overdue is day 1."""
    limits = last_days(scope.as_of)
    rows = await planned(
        conn,
        f"""
        select loan.programme_code as programme, width_bucket($3 - now.overdue_since, $5::int[]) as bucket,
               count(*) as loans, sum(now.overdue)::bigint as amount
        from {LOANS} {NOW} where {INSIDE} and now.overdue > 0
        group by 1, 2 order by 1, 2
        """,  # noqa: S608
        *scope.args,
        limits,
    )
    by_programme: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_programme[row["programme"]].append(row)
    items = [
        ProgrammeOverdueOut(programme=programme, **_aged(found, limits).model_dump())
        for programme, found in by_programme.items()
    ]
    return OverdueAgeingOut(as_of=scope.as_of, total=_aged(rows, limits), items=items)


def _aged(rows: Iterable[Row], limits: list[int]) -> OverdueOut:
    buckets = [
        OverdueBucketOut(from_days=first, to_days=last, loans=0, amount=0)
        for first, last in zip([1, *(last + 1 for last in limits)], [*limits, None], strict=True)
    ]
    for row in rows:
        bucket = buckets[row["bucket"]]
        bucket.loans, bucket.amount = bucket.loans + row["loans"], bucket.amount + row["amount"]
    return OverdueOut(
        loans=sum(bucket.loans for bucket in buckets),
        overdue=sum(bucket.amount for bucket in buckets),
        buckets=buckets,
    )


async def migration(conn: Connection, scope: Scope, first: date) -> MoneyMigrationOut:
    """Debt by state at both ends of a month, and how it moved. 422 if the month has not begun on the scope's day."""
    if first > scope.as_of:
        raise invalid("query:month", "outside", f"Đến {scope.as_of:%m/%Y}", f"Up to {scope.as_of:%Y-%m}")
    opening_on, closing_on = first - timedelta(days=1), min(months_after(first, 1) - timedelta(days=1), scope.as_of)
    scope, limits = scope._replace(as_of=closing_on), last_days(closing_on)
    rows = await planned(conn, MOVES.format(LOANS=LOANS, INSIDE=INSIDE), *scope.args, limits, opening_on)
    left = {row["target"]: row["amount"] for row in rows if row["origin"] is None}
    cells: dict[tuple[int, int], int] = defaultdict(int)
    cells.update({(row["origin"], row["target"]): row["amount"] for row in rows if row["origin"] is not None})
    names = states(limits)
    into = [sum(cells[origin, target] for origin in range(len(names))) for target in range(len(names))]
    out = [sum(cells[origin, target] for target in range(len(names))) for origin in range(len(names))]
    none = names.index(NONE)
    return MoneyMigrationOut(
        month=f"{first:%Y-%m}",
        opening_on=opening_on,
        closing_on=closing_on,
        opening=sum(out[:none]),
        disbursed=out[none],
        repaid=left.get(0, 0),
        written_off=left.get(1, 0),
        closing=sum(into[:none]),
        states=[
            StateMovesOut(
                state=name,
                opening=0 if name == NONE else out[origin],
                moved={to: cells[origin, target] for target, to in enumerate(names)},
                closing=0 if name == NONE else into[origin],
            )
            for origin, name in enumerate(names)
        ],
    )


async def expected(
    conn: Connection, scope: Scope, by: CollectionBy, first: date, last: date, limit: int, cursor: str | None
) -> Page[CollectionOut]:
    """What falls due and what interest runs from one day to another, by month and key; frozen debt is not expected.

    Interest runs by the day on what is in term, until the day before it is due; it is rounded once for each item.
    422 unless the days are in order and no more than so many months apart.
    """
    if not first <= last < months_after(first, MOST_MONTHS):
        vi, en = f"Từ {first:%d/%m/%Y}, nhiều nhất {MOST_MONTHS} tháng", f"From {first}, at most {MOST_MONTHS} months"
        raise invalid("query:to", "outside", vi, en)
    start = after(cursor, date.fromisoformat, str)
    rows = await planned(
        conn,
        f"""
        select month, key, count(*) filter (where falls_due) as loans,
               coalesce(sum(in_term) filter (where falls_due), 0)::bigint as principal,
               sum(in_term * annual_rate_ppm::numeric * greatest(least(due_on, until) - greatest(begins, $3), 0)) as run
        from (
            select coalesce({KEYS[by]}, '') as key, now.in_term, now.due_on, loan.annual_rate_ppm
            from {LOANS} {NOW} where {INSIDE} and now.in_term > 0
        ) as owed, lateral (
            select month::date as month, greatest(month::date, $5::date) as begins,
                   least((month + interval '1 month')::date, $6::date + 1) as until
            from generate_series(date_trunc('month', $5::date::timestamp), $6::timestamp, '1 month') as month
        ) as months, lateral (select due_on >= begins and due_on < until as falls_due) as due
        where due_on >= begins and ($7::date is null or (month, key) > ($7, $8::text))
        group by month, key order by month, key limit $9
        """,  # noqa: S608
        *(*scope.args, first, last, *(start or (None, None)), limit + 1),
    )
    page, following = page_of(rows, limit, lambda row: (row["month"], row["key"]))
    items = [
        CollectionOut(
            month=f"{row['month']:%Y-%m}",
            key=row["key"] or None,
            loans=row["loans"],
            principal=row["principal"],
            interest=whole(int(row["run"]) * PERCENT),
        )
        for row in page
    ]
    return Page(items=items, next_cursor=following)


async def warnings(conn: Connection, scope: Scope, language: str, limit: int, cursor: str | None) -> Page[WarningOut]:
    """Loans that are owed and on which a rule fires, by unit and id; a fact that is not null is a rule that fired."""
    start, limits = after(cursor, str, UUID), thresholds(scope.as_of)
    rows = await planned(
        conn,
        f"""
        select * from (
            select loan.id as loan, loan.unit, loan.borrower, customer_code, loan.programme_code as programme,
                   membership.credit_group as group, now.outstanding as amount, now.due_on, now.overdue_since,
                   case when now.in_term > 0 and now.due_on between $3 and $3 + $8::int and not exists (
                       select from entry where entry.loan = loan.id and kind = 'principal'
                           and occurred_on > $9 and occurred_on <= $3
                           and not exists (select from entry as reversal where reversal.reverses = entry.id)
                   ) then now.in_term end as due_unpaid,
                   case when now.overdue > 0 and not exists (
                       select from balance where balance.loan = loan.id and overdue > 0 and since < now.overdue_since
                   ) then now.overdue end as first_overdue,
                   looked.*, rating.*, collected.*, thawing.*
            from {LOANS} {NOW}
            cross join lateral (
                select min(due.due_on) filter (where late) as check_overdue, count(*) filter (where late)
                           as checks_overdue,
                       min(done_on) filter (where misuse) as check_misused,
                       sum(amount) filter (where misuse)::bigint as misused
                from entry left join use_check on disbursement = entry.id and done_on <= $3, {DUE.format("$10", "$11")},
                lateral (
                    select done_on is null and due.due_on < $3 as late,
                           result = 'misused' and (settled_on is null or settled_on > $3) as misuse
                ) as found
                where entry.loan = loan.id and kind = 'disbursement' and occurred_on <= $3
                  and not exists (select from entry as reversal where reversal.reverses = entry.id)
            ) as looked
            left join lateral (
                select rated_before, rated,
                       case when array_position($12::text[], rated) > array_position($12, rated_before)
                            then since end as group_rating_fell,
                       case when rated = 'weak' then since end as group_rating_weak
                from (
                    select since, rating as rated, lag(rating) over (order by since) as rated_before
                    from credit_group, json_to_recordset(ratings) as each (since date, rating text)
                    where credit_group.id = membership.credit_group and since <= $3
                    order by since desc limit 1
                ) as latest
            ) as rating on true
            cross join lateral (
                select sum(principal + interest)::bigint as receipts_pending, min(collected_on) as collected_on
                from receipt where receipt.loan = loan.id and collected_on < $3 - $13::int
                  and (settled_on is null or settled_on > $3)
            ) as collected
            left join lateral (
                select case when now.frozen > sums.later then now.frozen - sums.later end as freeze_ending,
                       sums.frozen_until
                from (
                    select coalesce(sum(amount) filter (where until > $3 + $14::int), 0)::bigint as later,
                           min(until) as frozen_until
                    from entry where entry.loan = loan.id and kind = 'freeze' and occurred_on <= $3 and until >= $3
                      and not exists (select from entry as reversal where reversal.reverses = entry.id)
                ) as sums where frozen_until <= $3 + $14
            ) as thawing on true
            where {INSIDE} and now.outstanding > 0 and ($5::text is null or (loan.unit, loan.id) > ($5, $6::uuid))
        ) as facts
        where num_nonnulls(due_unpaid, first_overdue, check_overdue, check_misused, group_rating_fell,
                           group_rating_weak, receipts_pending, freeze_ending) > 0
        order by unit, loan limit $7
        """,  # noqa: S608
        *(*scope.args, *(start or (None, None)), limit + 1),
        *(limits.due_days, months_after(scope.as_of, -limits.unpaid_months), *decided(), list(RATINGS)),
        *(limits.pending_days, limits.freeze_days),
    )
    page, following = page_of(rows, limit, lambda row: (row["unit"], row["loan"]))
    items = [
        WarningOut.model_validate(
            {
                **dict(row),
                "rules": [
                    WarningRuleOut(code=rule.code, message=rule.message.spoken(language))
                    for rule in fired(dict(row), limits)
                ],
            },
            extra="ignore",
        )
        for row in page
    ]
    return Page(items=items, next_cursor=following)
