"""Reads of figures: sums of contributions for units or a branch, as of a day or over a period.

A stock is the total over all days, which communes and provinces keep, less what falls after the day asked for. What
falls between days is summed from the log; for a province, whole months are kept. A branch, a breakdown on a past day,
a distinct count and a report as known earlier are summed from the log.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from contracts import units
from services.chassis.db import Connection, Row
from services.reporting.contributions.ages import AGE, age_band
from services.reporting.contributions.periods import Period, next_month, whole_months
from services.reporting.contributions.rules import DISTINCT
from services.reporting.indicators.catalogue import Indicator, catalogue
from services.reporting.maps.queries import gone, restated

PROVINCE_DIGITS = 2


Sums = dict[str, dict[str, int]]
"""scope → measure → sum"""
Sum = tuple[str, str, int]
"""scope, measure, value"""


async def sums(
    conn: Connection,
    scopes: Sequence[str],
    measures: Sequence[str],
    period: Period,
    known_at: datetime | None = None,
    *,
    now: bool = False,
    branch: UUID | None = None,
) -> Sums:
    """Sum of each measure in each scope (units' keys): stocks as of the period's end, flows inside it.

    Each unit as it stood then or, if so asked, the same history on today's map (`now`); if `branch` is given, of what
    lies in the unit that branch alone.
    """
    found: Sums = {scope: dict.fromkeys(measures, 0) for scope in scopes}
    stocks, flows = _by_kind(measures)
    distinct = [m for m in flows if m in DISTINCT]
    if known_at is not None or branch is not None:
        logged = await _logged(conn, scopes, stocks, flows, period, known_at=known_at, branch=branch)
        parts = [(s, m, v) for s, m, _, v in logged]
    else:
        parts = await _stocks(conn, scopes, stocks, period.end) if stocks else []
        if plain := [m for m in flows if m not in DISTINCT]:
            parts += await _flows(conn, scopes, plain, period)
        if distinct:
            parts += [(s, m, v) for s, m, _, v in await _logged(conn, scopes, [], distinct, period)]
    if now:
        restating = await restated(conn, scopes, stocks, flows, *period, known_at=known_at, branch=branch)
        parts += [(s, m, v) for s, m, _, v in restating]
    for scope, measure, value in parts:
        found[scope][measure] += value
    return found


def _by_kind(measures: Sequence[str]) -> tuple[list[str], list[str]]:
    """Stocks and flows among the measures."""
    kinds = catalogue()
    stocks = [m for m in measures if kinds[m].kind == "stock"]
    return stocks, [m for m in measures if m not in stocks]


async def _stocks(conn: Connection, scopes: Sequence[str], measures: Sequence[str], end: date) -> list[Sum]:
    """Totals less what falls after `end`: of a province by whole months, and by the log inside the month of `end`."""
    kept = await conn.fetch(
        """
        select scope, measure, sum(value) as value from (
            select scope, measure, value from rollup
            where scope = any($1) and measure = any($2) and dimension = '' and category = ''
            union all
            select scope, measure, -value from rollup_month
            where scope = any($1) and measure = any($2) and month > $3
        ) as parts group by scope, measure
        """,
        scopes,
        measures,
        end,
    )
    communes, provinces = _tiers(scopes)
    after = end + timedelta(days=1)
    later = await _between(conn, communes, measures, after, date.max)
    later += await _between(conn, provinces, measures, after, next_month(end))
    return [*_sums(kept), *((scope, measure, -value) for scope, measure, value in later)]


async def _flows(conn: Connection, scopes: Sequence[str], measures: Sequence[str], period: Period) -> list[Sum]:
    """Growth inside the period: of a province by whole months, and by the log at the period's ends."""
    first, after = whole_months(period)
    kept = await conn.fetch(
        """
        select scope, measure, sum(value) as value from rollup_month
        where scope = any($1) and measure = any($2) and month >= $3 and month < $4
        group by scope, measure
        """,
        scopes,
        measures,
        first,
        after,
    )
    communes, provinces = _tiers(scopes)
    until = period.end + timedelta(days=1)
    parts = await _between(conn, communes, measures, period.start, until)
    parts += await _between(conn, provinces, measures, period.start, min(first, until))
    parts += await _between(conn, provinces, measures, max(after, period.start), until) if after >= first else []
    return [*_sums(kept), *parts]


async def _between(
    conn: Connection, scopes: Sequence[str], measures: Sequence[str], start: date, until: date
) -> list[Sum]:
    """What the log holds from `start` to the day before `until`, by scope."""
    if not scopes or start >= until:
        return []
    inside = _communes(scopes)
    rows = await conn.fetch(
        """
        select unit, measure, sum(value) as value from contribution
        where unit = any($1) and measure = any($2) and day >= $3 and day < $4
        group by unit, measure
        """,
        list(inside),
        measures,
        start,
        until,
    )
    return [(scope, row["measure"], int(row["value"])) for row in rows for scope in inside[row["unit"]]]


def _tiers(scopes: Sequence[str]) -> tuple[list[str], list[str]]:
    """Communes and provinces among the scopes."""
    provinces = [scope for scope in scopes if len(scope) == PROVINCE_DIGITS]
    return [scope for scope in scopes if scope not in provinces], provinces


def _sums(rows: Sequence[Row]) -> list[Sum]:
    return [(row["scope"], row["measure"], int(row["value"])) for row in rows]


async def _logged(
    conn: Connection,
    scopes: Sequence[str],
    stocks: Sequence[str],
    flows: Sequence[str],
    period: Period,
    *,
    dimension: str | None = None,
    known_at: datetime | None = None,
    branch: UUID | None = None,
) -> list[tuple[str, str, str, int]]:
    """Scope, measure, category of `dimension` and sum from the log; where given, of `branch`, as known at `known_at`.

    A distinct measure counts an entity on its first day in the period: the day before that one lies outside.
    """
    inside = _communes(scopes)
    rows = await conn.fetch(
        """
        select unit, measure, case when $6 = '' then '' else coalesce(dims ->> $6, '') end as category,
               sum(value) as value
        from contribution
        where unit = any($1)
          and (measure = any($2) and day <= $5
               or measure = any($3) and day between $4 and $5 and (previous is null or previous < $4))
          and ($7::timestamptz is null or known_at <= $7)
          and ($8::uuid is null or branch = $8)
        group by 1, 2, 3
        """,
        list(inside),
        stocks,
        flows,
        *period,
        dimension or "",
        known_at,
        branch,
    )
    return [
        (scope, row["measure"], row["category"], int(row["value"])) for row in rows for scope in inside[row["unit"]]
    ]


def _communes(scopes: Sequence[str]) -> dict[str, list[str]]:
    """The commune-level units that the scopes are sums of, each with the scopes it lies in: one may lie in several."""
    found: dict[str, list[str]] = defaultdict(list)
    for scope in scopes:
        for code in sorted(units.subtree(scope) - {scope}) if len(scope) == PROVINCE_DIGITS else [scope]:
            found[code].append(scope)
    return found


async def branch_sums(
    conn: Connection, unit: str, measures: Sequence[str], period: Period, *, now: bool = False
) -> dict[UUID, dict[str, int]]:
    """Sums per branch of a commune, from the log; with `now`, of the branches that are there on today's map."""
    stocks, flows = _by_kind(measures)
    rows = await conn.fetch(
        """
        select branch, measure, sum(value) as value from (
            select branch, measure, value from contribution where unit = $1 and measure = any($2) and day <= $5
            union all
            select branch, measure, value from contribution
            where unit = $1 and measure = any($3) and day between $4 and $5 and (previous is null or previous < $4)
        ) as parts where branch is not null group by branch, measure
        """,
        unit,
        stocks,
        flows,
        *period,
    )
    found: dict[UUID, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        found[row["branch"]][row["measure"]] += int(row["value"])
    if now:
        for _, measure, branch, value in await restated(conn, [unit], stocks, flows, *period, by="branch"):
            if branch:
                found[UUID(branch)][measure] += value
        for away in await gone(conn, unit):
            found.pop(away, None)
    return found


async def breakdown(
    conn: Connection,
    scope: str,
    indicator: Indicator,
    dimension: str,
    period: Period,
    known_at: datetime | None = None,
    *,
    now: bool = False,
    branch: UUID | None = None,
) -> dict[str, int]:
    """The indicator's sum in one scope, or of a branch in it, by category of `dimension`, without empty categories.

    Age bands are made from birth years when read, as of the period's end: nobody's birthday is an event.
    """
    stored = "birth_year" if dimension == AGE else dimension
    measure = f"{indicator.code}_by_{stored}" if indicator.code in DISTINCT else indicator.code
    stocks, flows = ([measure], []) if indicator.kind == "stock" else ([], [measure])
    if indicator.kind == "stock" and known_at is None and branch is None:
        rows = [
            (row["category"], int(row["value"])) for row in await _stock_by(conn, scope, measure, stored, period.end)
        ]
    else:
        logged = await _logged(conn, [scope], stocks, flows, period, dimension=stored, known_at=known_at, branch=branch)
        rows = [(category, value) for _, _, category, value in logged]
    if now:
        restating = await restated(conn, [scope], stocks, flows, *period, by=stored, known_at=known_at, branch=branch)
        rows += [(category, value) for _, _, category, value in restating]
    found: dict[str, int] = defaultdict(int)
    for category, value in rows:
        found[age_band(category, period.end) if dimension == AGE else category] += value
    return {category: value for category, value in sorted(found.items()) if value}


async def _stock_by(conn: Connection, scope: str, measure: str, dimension: str, end: date) -> list[Row]:
    """Totals by category, less what the log holds after `end`."""
    return await conn.fetch(
        """
        select category, sum(value) as value from (
            select category, value from rollup where scope = $1 and measure = $3 and dimension = $4
            union all
            select coalesce(dims ->> $4, ''), -value from contribution
            where unit = any($2) and measure = $3 and day > $5
        ) as parts group by category
        """,
        scope,
        list(_communes([scope])),
        measure,
        dimension,
        end,
    )


async def monthly(
    conn: Connection,
    scope: str,
    measures: Sequence[str],
    period: Period,
    *,
    now: bool = False,
    branch: UUID | None = None,
) -> dict[str, dict[date, int]]:
    """Growth of each measure in a province, a commune or a branch in that, by month (its first day) in the period."""
    first, after = whole_months(period)
    province = len(scope) == PROVINCE_DIGITS
    rows = await conn.fetch(
        """
        select measure, month, sum(value) as value from (
            select measure, month, value from rollup_month
            where scope = $1 and measure = any($2) and month >= $5 and month < $6
            union all
            select measure, date_trunc('month', day)::date, value from contribution
            where unit = any($7) and measure = any($2) and (day >= $3 and day < $8 or day >= $9 and day <= $4)
              and ($10::uuid is null or branch = $10)
        ) as parts group by measure, month
        """,
        scope,
        measures,
        *period,
        first,
        after,
        list(_communes([scope])),
        min(first, period.end + timedelta(days=1)) if province else period.start,
        max(after, period.start) if province else period.start,
        branch,
    )
    found: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        found[row["measure"]][row["month"]] += int(row["value"])
    if now:
        restating = await restated(conn, [scope], [], measures, *period, by="month", branch=branch)
        for _, measure, month, value in restating:
            found[measure][date.fromisoformat(month)] += value
    return found
