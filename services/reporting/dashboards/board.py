"""The figures of one screen: a sum of contributions, to which what comes later is added."""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from contracts import units
from services.reporting.contributions.ages import AGE, age_band
from services.reporting.contributions.periods import Period
from services.reporting.dashboards.schemas import CardOut, DashboardOut, PartOut, PointOut, SeriesOut, UnitOut
from services.reporting.figures.queries import labelled, parts_of
from services.reporting.figures.schemas import PeriodOut
from services.reporting.freshness.queries import Sample
from services.reporting.indicators.catalogue import Indicator, catalogue
from services.reporting.stream.queries import Part

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
Sums = dict[str, int]


@dataclass(slots=True)
class Board:
    """What had been counted for `unit` over `period` by `seen`: measure → sum, and so by month, category and part.

    With a `branch` of that alone, and without parts. Sums here and in `contributions.queries` must agree: a property
    test makes boards both ways.
    """

    unit: str
    branch: UUID | None
    period: Period
    seen: Sample
    now: Sums
    before: Sums
    growth: dict[str, dict[date, int]]
    by: dict[tuple[str, str], Sums]
    parts: dict[str, Sums]

    def add(self, part: Part) -> None:
        """Count one row of the log of this unit or below it (of its branch) that was not seen."""
        if part.measure not in SHOWN or self.seen.sees(part.transaction):
            return
        counted = counts(part, self.period)
        if part.measure in self.now:
            self.now[part.measure] += part.value * counted
            self.before[part.measure] += part.value * counts(part, year_earlier(self.period))
        if part.measure in SERIES and month_starts(self.period.end)[-1] <= part.day <= self.period.end:
            growth, month = self.growth.setdefault(part.measure, {}), part.day.replace(day=1)
            growth[month] = growth.get(month, 0) + part.value
        if not counted:
            return
        for indicator, dimension in BREAKDOWNS:
            if indicator == part.measure:
                category = (
                    age_band(part.dims.get("birth_year", ""), self.period.end)
                    if dimension == AGE
                    else part.dims.get(dimension, "")
                )
                found = self.by[indicator, dimension]
                found[category] = found.get(category, 0) + part.value
        below = part.unit if part.unit != self.unit else part.branch and str(part.branch)
        if below and self.branch is None and part.measure in MEASURES:
            sums = self.parts.setdefault(below, {})
            sums[part.measure] = sums.get(part.measure, 0) + part.value

    def shown(self, seen: Sample, language: str) -> DashboardOut:
        """The screen, as fresh as `seen`."""
        unit = units.find(self.unit)
        assert unit is not None, "the door checked the unit"
        cards = [catalogue()[indicator] for indicator in CARDS]
        return DashboardOut(
            unit=UnitOut(code=unit.code, name=unit.name, type=unit.type, parent=unit.parent),
            branch=self.branch,
            period=PeriodOut.of(self.period),
            cards=[
                CardOut(
                    indicator=card.code,
                    name=card.name(language),
                    unit=card.unit,
                    kind=card.kind,
                    value=card.of(self.now),
                    previous=card.of(self.before),
                )
                for card in cards
            ],
            series=[self._series(catalogue()[indicator], language) for indicator in SERIES],
            breakdowns=[labelled(*what, found, seen.programmes, language) for what, found in self.by.items()],
            units=self._units(),
            freshness=seen.of(self.unit),
        )

    def _series(self, indicator: Indicator, language: str) -> SeriesOut:
        """The last twelve months up to the period's end; a stock runs back from what it is now."""
        end, growth = self.period.end, self.growth.get(indicator.code, {})
        stock, points = self.now[indicator.code], []
        for start in month_starts(end):
            grown = growth.get(start, 0)
            points.append(PointOut(on=end, value=stock if indicator.kind == "stock" else grown))
            stock -= grown
            end = start - timedelta(days=1)
        return SeriesOut(
            indicator=indicator.code,
            name=indicator.name(language),
            unit=indicator.unit,
            kind=indicator.kind,
            points=points[::-1],
        )

    def _units(self) -> list[PartOut]:
        """The units below, each with the table's values: communes of a province, branches of a commune.

        Of the units of before those in which something still counts: the rows add up to the province.
        """
        if communes := units.children(self.unit):
            before = [unit for unit in units.former(self.unit) if any(self.parts.get(unit.key, {}).values())]
            return [
                PartOut(code=unit.key, name=unit.name, type=unit.type, values=_values(self.parts[unit.key]))
                for unit in (*communes, *before)
            ]
        return [
            PartOut(code=branch, name=None, type="branch", values=_values(sums))
            for branch, sums in sorted(self.parts.items())
        ]


MEASURES = frozenset(parts_of([catalogue()[indicator] for indicator in TABLE]))
"""What the table of the units below is made of."""
SHOWN = {*MEASURES, *parts_of([catalogue()[card] for card in CARDS]), *SERIES, *(measure for measure, _ in BREAKDOWNS)}
"""Every measure that a screen shows; the log holds more."""


def counts(part: Part, period: Period) -> bool:
    """Whether a row of the log counts: a stock up to the period's end, a flow inside it, an entity once."""
    if catalogue()[part.measure].kind == "stock":
        return part.day <= period.end
    return period.start <= part.day <= period.end and (part.previous is None or part.previous < period.start)


def year_earlier(period: Period) -> Period:
    """The same days one year before (29 February becomes the 28th)."""
    return Period(*(_year_before(day) for day in period))


def _year_before(day: date) -> date:
    last = calendar.monthrange(day.year - 1, day.month)[1]
    return day.replace(year=day.year - 1, day=min(day.day, last))


def month_starts(end: date) -> list[date]:
    """The first days of the last twelve months up to `end`, latest first."""
    return [_month_back(end, back) for back in range(MONTHS)]


def _month_back(day: date, months: int) -> date:
    """The first day of the month so many months before."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, 1)


def _values(found: Mapping[str, int]) -> dict[str, int | float | None]:
    return {indicator: catalogue()[indicator].of(found) for indicator in TABLE}
