"""Reads of figures: sums made into answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.chassis.db import Connection
from services.reporting.contributions.periods import Period
from services.reporting.contributions.queries import breakdown, sums
from services.reporting.figures.schemas import BreakdownOut, CategoryOut, FigureOut, FiguresOut, PeriodOut
from services.reporting.freshness.queries import sample
from services.reporting.indicators.catalogue import Indicator, catalogue
from services.reporting.indicators.labels import category_name, category_order, dimension_name
from services.reporting.maps.queries import check

PROGRAMME = "programme"


def parts_of(indicators: Sequence[Indicator]) -> list[str]:
    """The measures to be summed for these indicators, each once."""
    return list(dict.fromkeys(part for indicator in indicators for part in indicator.parts))


async def figures(
    conn: Connection,
    codes: Sequence[str],
    scopes: Sequence[str],
    period: Period,
    dimension: str | None,
    known_at: datetime | None,
    language: str,
    *,
    now: bool,
    branch: UUID | None,
) -> FiguresOut:
    """Every indicator asked for in every unit asked for, in that order; `now`: on today's map.

    If `branch` is given, of each unit that branch alone; 404 where it is not in it.
    """
    if branch is not None:
        for scope in scopes:
            await check(conn, scope, branch, now=now)
    indicators = [catalogue()[code] for code in codes]
    seen = await sample(conn)
    found = await sums(conn, scopes, parts_of(indicators), period, known_at, now=now, branch=branch)
    items = []
    for scope in scopes:
        for indicator in indicators:
            ratio = indicator.kind == "ratio"
            items.append(
                FigureOut(
                    indicator=indicator.code,
                    unit=scope,
                    branch=branch,
                    value=indicator.of(found[scope]),
                    numerator=found[scope][indicator.numerator] if ratio else None,
                    denominator=found[scope][indicator.denominator] if ratio else None,
                    breakdown=labelled(
                        indicator.code,
                        dimension,
                        await breakdown(conn, scope, indicator, dimension, period, known_at, now=now, branch=branch),
                        seen.programmes,
                        language,
                    )
                    if dimension
                    else None,
                )
            )
    return FiguresOut(items=items, period=PeriodOut.of(period), freshness=seen.of())


def labelled(
    indicator: str, dimension: str, found: Mapping[str, int], programmes: Mapping[str, tuple[str, str]], language: str
) -> BreakdownOut:
    """One indicator's sums by category of one dimension, named and in order, without empty categories."""
    names = programmes if dimension == PROGRAMME else {}
    items = [
        CategoryOut(
            category=category,
            name=names[category][language == "en"]
            if category in names
            else category_name(dimension, category, language),
            value=value,
        )
        for category, value in found.items()
        if value
    ]
    return BreakdownOut(
        indicator=indicator,
        dimension=dimension,
        name=dimension_name(dimension, language),
        items=sorted(items, key=lambda item: category_order(dimension, item.category)),
    )
