"""Reads of dashboards."""

from contracts import units
from services.chassis.db import Connection
from services.reporting.contributions.queries import Period, branch_sums, breakdown, monthly, sums
from services.reporting.dashboards.board import (
    BREAKDOWNS,
    CARDS,
    MEASURES,
    SERIES,
    Board,
    month_starts,
    year_earlier,
)
from services.reporting.figures.queries import parts_of
from services.reporting.freshness.queries import sample
from services.reporting.indicators.catalogue import catalogue


async def board(conn: Connection, code: str, period: Period, *, now: bool = False) -> Board:
    """The figures of one province's or commune's screen, `now` on today's map; all of one snapshot, if in one."""
    seen = await sample(conn)
    measures = parts_of([catalogue()[card] for card in CARDS])
    starts = month_starts(period.end)
    table = sorted(MEASURES)
    if communes := [unit.code for unit in units.children(code)]:
        parts = await sums(conn, communes, table, period, now=now)
    else:
        branches = await branch_sums(conn, code, table, period, now=now)
        parts = {str(branch): found for branch, found in branches.items()}
    return Board(
        unit=code,
        period=period,
        seen=seen,
        now=(await sums(conn, [code], measures, period, now=now))[code],
        before=(await sums(conn, [code], measures, year_earlier(period), now=now))[code],
        growth=await monthly(conn, code, SERIES, Period(starts[-1], period.end), now=now),
        by={
            (indicator, dimension): await breakdown(conn, code, catalogue()[indicator], dimension, period, now=now)
            for indicator, dimension in BREAKDOWNS
        },
        parts=parts,
    )
