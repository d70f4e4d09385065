"""Reads of dashboards."""

import calendar
from collections.abc import Mapping
from datetime import date, timedelta

from contracts import units
from services.chassis.db import Connection
from services.reporting.contributions.queries import Period, branch_sums, monthly, sums
from services.reporting.dashboards.schemas import CardOut, DashboardOut, PartOut, PointOut, SeriesOut, UnitOut
from services.reporting.figures.queries import broken_down, parts_of
from services.reporting.figures.schemas import PeriodOut
from services.reporting.freshness.schemas import FreshnessOut
from services.reporting.indicators.catalogue import Indicator, catalogue

CARDS = (
    "members.active",
    "members.enrolled",
    "members.minority_share",
    "members.households",
    "loans.outstanding",
    "loans.borrowers",
    "loans.disbursed_amount",
    "loans.disbursed_households",
    "loans.overdue",
    "loans.overdue_rate",
)
SERIES = ("members.active", "members.enrolled", "loans.outstanding", "loans.disbursed_amount")
BREAKDOWNS = (
    ("members.active", "ethnicity"),
    ("members.active", "age_band"),
    ("members.households", "poverty_status"),
    ("loans.outstanding", "programme"),
)
TABLE = (
    "members.active",
    "members.minority_share",
    "members.enrolled",
    "loans.outstanding",
    "loans.borrowers",
    "loans.disbursed_households",
    "loans.overdue",
)
MONTHS = 12


async def dashboard(
    conn: Connection, code: str, period: Period, language: str, freshness: FreshnessOut
) -> DashboardOut:
    """The screen of one province or commune."""
    unit = units.find(code)
    assert unit is not None, "the door checked the unit"
    cards = [catalogue()[indicator] for indicator in CARDS]
    now = (await sums(conn, [code], parts_of(cards), period))[code]
    before = (await sums(conn, [code], parts_of(cards), year_earlier(period)))[code]
    return DashboardOut(
        unit=UnitOut(code=code, name=unit.name, type=unit.type, parent=unit.parent),
        period=PeriodOut.of(period),
        cards=[
            CardOut(
                indicator=card.code,
                name=card.name(language),
                unit=card.unit,
                kind=card.kind,
                value=card.of(now),
                previous=card.of(before),
            )
            for card in cards
        ],
        series=await _series(conn, code, period.end, now, language),
        breakdowns=[
            await broken_down(conn, code, catalogue()[indicator], dimension, period, language)
            for indicator, dimension in BREAKDOWNS
        ],
        units=await _parts(conn, code, period),
        freshness=freshness,
    )


def year_earlier(period: Period) -> Period:
    """The same days one year before (29 February becomes the 28th)."""
    return Period(*(_year_before(day) for day in period))


def _year_before(day: date) -> date:
    last = calendar.monthrange(day.year - 1, day.month)[1]
    return day.replace(year=day.year - 1, day=min(day.day, last))


async def _series(conn: Connection, code: str, end: date, now: Mapping[str, int], language: str) -> list[SeriesOut]:
    """The last twelve months up to `end`; stocks run back from what they are now."""
    starts = [_month_back(end, back) for back in range(MONTHS)]
    growth = await monthly(conn, code, SERIES, Period(starts[-1], end))
    found = []
    for indicator in (catalogue()[series] for series in SERIES):
        stock, points = now[indicator.code], []
        for number, start in enumerate(starts):
            day = end if number == 0 else starts[number - 1] - timedelta(days=1)
            grown = growth[indicator.code].get(start, 0)
            points.append(PointOut(on=day, value=stock if indicator.kind == "stock" else grown))
            stock -= grown
        found.append(
            SeriesOut(
                indicator=indicator.code,
                name=indicator.name(language),
                unit=indicator.unit,
                kind=indicator.kind,
                points=points[::-1],
            )
        )
    return found


def _month_back(day: date, months: int) -> date:
    """The first day of the month so many months before."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, 1)


async def _parts(conn: Connection, code: str, period: Period) -> list[PartOut]:
    """The units below, each with the table's values: communes of a province, branches of a commune."""
    table = [catalogue()[indicator] for indicator in TABLE]
    communes = units.children(code)
    if communes:
        found = await sums(conn, [unit.code for unit in communes], parts_of(table), period)
        return [
            PartOut(code=unit.code, name=unit.name, type=unit.type, values=_values(table, found[unit.code]))
            for unit in communes
        ]
    branches = await branch_sums(conn, code, parts_of(table), period)
    return [
        PartOut(code=str(branch), name=None, type="branch", values=_values(table, values))
        for branch, values in sorted(branches.items())
    ]


def _values(indicators: list[Indicator], found: Mapping[str, int]) -> dict[str, int | float | None]:
    return {indicator.code: indicator.of(found) for indicator in indicators}
