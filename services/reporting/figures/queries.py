"""Reads of figures: sums made into answers."""

import json
from collections.abc import Sequence
from datetime import datetime

from services.chassis.db import Connection
from services.reporting.contributions.queries import Period, breakdown, sums
from services.reporting.figures.schemas import BreakdownOut, CategoryOut, FigureOut, FiguresOut, PeriodOut
from services.reporting.freshness.queries import freshness
from services.reporting.indicators.catalogue import Indicator, catalogue
from services.reporting.indicators.labels import category_name, category_order, dimension_name

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
) -> FiguresOut:
    """Every indicator asked for in every unit asked for, in that order."""
    indicators = [catalogue()[code] for code in codes]
    found = await sums(conn, scopes, parts_of(indicators), period, known_at)
    items = []
    for scope in scopes:
        for indicator in indicators:
            ratio = indicator.kind == "ratio"
            items.append(
                FigureOut(
                    indicator=indicator.code,
                    unit=scope,
                    value=indicator.of(found[scope]),
                    numerator=found[scope][indicator.numerator] if ratio else None,
                    denominator=found[scope][indicator.denominator] if ratio else None,
                    breakdown=await broken_down(conn, scope, indicator, dimension, period, language, known_at)
                    if dimension
                    else None,
                )
            )
    return FiguresOut(items=items, period=PeriodOut.of(period), freshness=await freshness(conn))


async def broken_down(
    conn: Connection,
    scope: str,
    indicator: Indicator,
    dimension: str,
    period: Period,
    language: str,
    known_at: datetime | None = None,
) -> BreakdownOut:
    """One indicator in one unit by one dimension, labelled."""
    found = await breakdown(conn, scope, indicator, dimension, period, known_at)
    names = await programme_names(conn, language) if dimension == PROGRAMME else {}
    items = [
        CategoryOut(
            category=category,
            name=names.get(category) or category_name(dimension, category, language),
            value=value,
        )
        for category, value in found.items()
    ]
    return BreakdownOut(
        indicator=indicator.code,
        dimension=dimension,
        name=dimension_name(dimension, language),
        items=sorted(items, key=lambda item: category_order(dimension, item.category)),
    )


async def programme_names(conn: Connection, language: str) -> dict[str, str]:
    """What credit programmes are called, as last published."""
    rows = await conn.fetch("select state from entity where kind = 'loans.programme' order by state ->> 'valid_from'")
    states = [json.loads(row["state"]) for row in rows]
    return {state["code"]: state["name_en" if language == "en" else "name_vi"] for state in states}
