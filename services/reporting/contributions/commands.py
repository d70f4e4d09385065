"""Writes of figures: what a batch of changes adds to the log of contributions and to the roll-ups."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

from contracts import units
from services.chassis.db import Connection
from services.chassis.entities import Change
from services.reporting.contributions.cells import Cell, Place
from services.reporting.contributions.rules import DISTINCT, contributions
from services.reporting.indicators.catalogue import catalogue
from services.reporting.maps.commands import REDRAWN, remap

CHANNEL = "danvan_applied"
ALL = "*"
PAYLOAD_UNITS = 1_000
WHOLE = ("", "")
LOG = ("subject", "version", "measure", "unit", "branch", "day", "known_at", "previous", "dims", "value")
Slot = tuple[str, str, int]
"""Scope, measure, shard."""
Totals = dict[Slot, dict[tuple[str, str], int]]
"""Of each slot its sum by (dimension, category), `WHOLE` among them."""
Months = dict[Slot, dict[date, int]]


async def apply(conn: Connection, changes: Sequence[Change]) -> None:
    """Add `f(after) - f(before)` of every change, in the caller's transaction.

    Roll-up rows are split by `shard`, the Kafka partition: projectors of different partitions never wait for one
    another's rows. Rows are written in key order, so two batches cannot lock each other.
    """
    stocks = {code for code, indicator in catalogue().items() if indicator.kind == "stock"}
    log: list[tuple[Any, ...]] = []
    totals: Totals = defaultdict(lambda: defaultdict(int))
    months: Months = defaultdict(lambda: defaultdict(int))
    for change in changes:
        event, shard = change.event, change.shard
        subject, version, known_at = event.subject, event.version, event.time
        for cell, unit, branch, value in deltas(change):
            measure, dims = cell.measure, cell.dims
            on = cell.on
            log.append((subject, version, measure, unit, branch, on, known_at, cell.previous, _dims(dims), value))
            if measure in DISTINCT:
                continue
            months[units.province_of(unit), measure, shard][_month(on)] += value
            if measure in stocks:
                sums = totals[unit, measure, shard]
                sums[WHOLE] += value
                for category in dims:
                    sums[category] += value
    for (unit, measure, shard), sums in list(totals.items()):
        province = totals[units.province_of(unit), measure, shard]
        for category, value in sums.items():
            province[category] += value
    for unit in await remap(conn, changes):
        event = changes[0].event
        log += [(event.subject, event.version, REDRAWN, unit, None, event.occurredon, event.time, None, "{}", 0)]
    await conn.copy_records_to_table("contribution", records=log, columns=LOG)
    await _add_totals(conn, totals)
    await _add_months(conn, months)
    await _announce(conn, {row[LOG.index("unit")] for row in log})


def deltas(change: Change) -> Iterator[tuple[Cell, str, UUID | None, int]]:
    """The non-zero parts of `f(after) - f(before)` with the unit and branch they count in."""
    event, kind = change.event, change.event.kind
    after = contributions(kind, change.after, Place(event.unit, event.branch))
    before = contributions(kind, change.before, Place(change.before_unit or event.unit, change.before_branch))
    for where, value in after.items():
        if added := value - before.pop(where, 0) if before else value:
            cell, place = where
            yield cell, *place, added
    for (cell, place), value in before.items():
        if value:
            yield cell, *place, -value


@lru_cache(maxsize=65_536)
def _dims(dims: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(dict(dims))


@lru_cache(maxsize=65_536)
def _month(day: date) -> date:
    return day.replace(day=1)


async def _add_totals(conn: Connection, totals: Totals) -> None:
    """Add to the stocks of communes and provinces over all days."""
    await _add(
        conn,
        """
        insert into rollup as r (scope, measure, dimension, category, shard, value)
        select scope, measure, dimension, category, shard::int, value::bigint
        from rows from (json_array_elements_text($1), json_array_elements_text($2), json_array_elements_text($3),
                        json_array_elements_text($4), json_array_elements_text($5), json_array_elements_text($6))
            as added (scope, measure, dimension, category, shard, value)
        order by 1, 2, 3, 4, 5
        on conflict (scope, measure, dimension, category, shard) do update set value = r.value + excluded.value
        """,
        [
            (scope, measure, dimension, category, shard, value)
            for (scope, measure, shard), sums in totals.items()
            for (dimension, category), value in sums.items()
            if value
        ],
    )


async def _add_months(conn: Connection, months: Months) -> None:
    """Add to the monthly growth of provinces."""
    await _add(
        conn,
        """
        insert into rollup_month as r (scope, measure, month, shard, value)
        select scope, measure, month::date, shard::int, value::bigint
        from rows from (json_array_elements_text($1), json_array_elements_text($2), json_array_elements_text($3),
                        json_array_elements_text($4), json_array_elements_text($5))
            as added (scope, measure, month, shard, value)
        order by 1, 2, 3, 4
        on conflict (scope, measure, month, shard) do update set value = r.value + excluded.value
        """,
        [
            (scope, measure, str(month), shard, value)
            for (scope, measure, shard), sums in months.items()
            for month, value in sums.items()
            if value
        ],
    )


async def _add(conn: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run the statement with each column of the rows as a JSON array: a fifth of the cost of encoding real ones."""
    if rows:
        await conn.execute(statement, *(json.dumps(column) for column in zip(*rows, strict=True)))


async def _announce(conn: Connection, touched: set[str]) -> None:
    """Tell every API process, at commit, whose figures changed."""
    if touched:
        payload = ",".join(sorted(touched)) if len(touched) <= PAYLOAD_UNITS else ALL
        await conn.execute("select pg_notify($1, $2)", CHANNEL, payload)
