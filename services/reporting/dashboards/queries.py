"""Reads of dashboards."""

from uuid import UUID

from contracts import units
from services.chassis.db import Connection
from services.reporting.contributions.periods import Period
from services.reporting.contributions.queries import branch_sums, breakdown, monthly, sums
from services.reporting.dashboards.board import (
    BREAKDOWNS,
    CARDS,
    MEASURES,
    SERIES,
    Board,
    Sums,
    month_starts,
    year_earlier,
)
from services.reporting.figures.queries import parts_of
from services.reporting.freshness.queries import sample
from services.reporting.indicators.catalogue import catalogue
from services.reporting.maps.queries import check


async def board(conn: Connection, code: str, period: Period, *, now: bool = False, branch: UUID | None = None) -> Board:
    """The figures of the screen of a province, a commune or (404 if it is not there) a branch in that.

    With `now` on today's map; all of one snapshot, if in one.
    """
    if branch is not None:
        await check(conn, code, branch, now=now)
    seen = await sample(conn)
    measures = parts_of([catalogue()[card] for card in CARDS])
    starts = month_starts(period.end)
    table = sorted(MEASURES)
    parts: dict[str, Sums]
    if branch is not None:
        parts = {}
    elif communes := units.children(code):
        below = [unit.key for unit in (*communes, *units.former(code))]
        parts = await sums(conn, below, table, period, now=now)
    else:
        branches = await branch_sums(conn, code, table, period, now=now)
        parts = {str(below): found for below, found in branches.items()}
    return Board(
        unit=code,
        branch=branch,
        period=period,
        seen=seen,
        now=(await sums(conn, [code], measures, period, now=now, branch=branch))[code],
        before=(await sums(conn, [code], measures, year_earlier(period), now=now, branch=branch))[code],
        growth=await monthly(conn, code, SERIES, Period(starts[-1], period.end), now=now, branch=branch),
        by={
            (indicator, dimension): await breakdown(
                conn, code, catalogue()[indicator], dimension, period, now=now, branch=branch
            )
            for indicator, dimension in BREAKDOWNS
        },
        parts=parts,
    )
