"""HTTP door of figures."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query

from contracts.calendars import Day, Moment
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.context import context
from services.chassis.errors import NotFound, invalid
from services.chassis.web import Reading, noun
from services.reporting.contributions.periods import Period
from services.reporting.figures import queries
from services.reporting.figures.schemas import FiguresOut
from services.reporting.freshness.api import Waited
from services.reporting.indicators.catalogue import catalogue

router = noun("figures")
Reader = Annotated[Caller, Depends(needs("reporting:read"))]


async def _period(
    start: Annotated[Day | None, Query(alias="from", description="First day; default 1 January of the last")] = None,
    end: Annotated[Day | None, Query(alias="to", description="Last day; default today")] = None,
) -> Period:
    end = end or today()
    start = start or end.replace(month=1, day=1)
    if start > end:
        raise invalid("query:from", "after_end", "Sau ngày cuối kỳ", "After the period's last day")
    return Period(start, end)


InPeriod = Annotated[Period, Depends(_period)]
"""The period asked for: `from` and `to`, both included."""


async def _now(
    map_: Annotated[
        Literal["then", "now"],
        Query(alias="map", description="Units as they stood on each day, or the same history on today's units"),
    ] = "then",
) -> bool:
    return map_ == "now"


OnTodaysMap = Annotated[bool, Depends(_now)]
"""Whether today's map was asked for."""
InBranch = Annotated[
    UUID | None, Query(description="Of the unit this branch alone: all that an officer of the branch is shown")
]


@router.get("", response_model_exclude_none=False)
async def read_figures(
    caller: Reader,
    period: InPeriod,
    now: OnTodaysMap,
    _: Waited,
    conn: Reading,
    indicator: Annotated[list[str], Query(min_length=1, max_length=50, description="Codes of the catalogue")],
    unit: Annotated[list[str], Query(min_length=1, max_length=400, description="Keys of provinces and communes")],
    branch: InBranch = None,
    breakdown: Annotated[str | None, Query(description="A dimension every indicator asked for breaks down by")] = None,
    known_at: Annotated[Moment | None, Query(description="As had been recorded by then")] = None,
) -> FiguresOut:
    """Any indicators of any units over any days."""
    for code in unit:
        if not caller.reach.covers(code, branch):
            raise NotFound
    for number, code in enumerate(indicator):
        found = catalogue().get(code)
        if found is None:
            raise invalid(f"query:indicator.{number}", "unknown", f"Không có chỉ tiêu {code}", f"No indicator {code}")
        if breakdown is not None and breakdown not in found.breakdowns:
            raise invalid(
                "query:breakdown", "unknown", f"{code} không phân tổ theo {breakdown}", f"{code} has no {breakdown}"
            )
    language = context().language
    return await queries.figures(conn, indicator, unit, period, breakdown, known_at, language, now=now, branch=branch)
