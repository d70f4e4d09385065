"""Writes of figures: what a batch of changes adds to the log of contributions and to the roll-ups."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from contracts import units
from services.chassis.db import Connection
from services.chassis.entities import Change
from services.reporting.contributions.rules import DISTINCT, Cell, Place, contributions, falls_on
from services.reporting.indicators.catalogue import catalogue

CHANNEL = "danvan_applied"
ALL = "*"
PAYLOAD_UNITS = 1_000
Total = tuple[str, str, str, str, int]
Month = tuple[str, str, date, int]


class Delta(NamedTuple):
    """One row of the contribution log."""

    subject: UUID
    version: int
    measure: str
    unit: str
    branch: UUID | None
    day: date
    known_at: datetime
    previous: date | None
    dims: str
    value: int


async def apply(conn: Connection, changes: Sequence[Change]) -> None:
    """Add `f(after) - f(before)` of every change, in the caller's transaction.

    Roll-up rows are split by `shard`, the Kafka partition: projectors of different partitions never wait for one
    another's rows. Rows are written in key order, so two batches cannot lock each other.
    """
    kinds = catalogue()
    log: list[Delta] = []
    totals: dict[Total, int] = defaultdict(int)
    months: dict[Month, int] = defaultdict(int)
    for change in changes:
        event = change.event
        for cell, unit, branch, value in deltas(change):
            on = falls_on(cell, event.occurredon)
            log.append(
                Delta(
                    event.subject,
                    event.version,
                    cell.measure,
                    unit,
                    branch,
                    on,
                    event.time,
                    cell.previous,
                    _dims(cell.dims),
                    value,
                )
            )
            if cell.measure in DISTINCT:
                continue
            months[units.province_of(unit), cell.measure, on.replace(day=1), change.shard] += value
            if kinds[cell.measure].kind != "stock":
                continue
            totals[unit, cell.measure, "", "", change.shard] += value
            for dimension, category in cell.dims:
                totals[unit, cell.measure, dimension, category, change.shard] += value
    for (unit, measure, dimension, category, shard), value in list(totals.items()):
        totals[units.province_of(unit), measure, dimension, category, shard] += value
    await conn.copy_records_to_table("contribution", records=log, columns=Delta._fields)
    await _add_totals(conn, totals)
    await _add_months(conn, months)
    await _announce(conn, {delta.unit for delta in log})


def deltas(change: Change) -> Iterator[tuple[Cell, str, UUID | None, int]]:
    """The non-zero parts of `f(after) - f(before)` with the unit and branch they count in."""
    event = change.event
    after = contributions(event.kind, change.after, Place(event.unit, event.branch))
    before = contributions(event.kind, change.before, Place(change.before_unit or event.unit, change.before_branch))
    for (cell, place), value in after.items():
        if added := value - before.pop((cell, place), 0):
            yield cell, *place, added
    for (cell, place), value in before.items():
        if value:
            yield cell, *place, -value


@lru_cache(maxsize=65_536)
def _dims(dims: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(dict(dims))


async def _add_totals(conn: Connection, totals: dict[Total, int]) -> None:
    """Add to the stocks of communes and provinces over all days."""
    await conn.execute(
        """
        insert into rollup as r (scope, measure, dimension, category, shard, value)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[])
        on conflict (scope, measure, dimension, category, shard) do update set value = r.value + excluded.value
        """,
        *_columns(totals, 6),
    )


async def _add_months(conn: Connection, months: dict[Month, int]) -> None:
    """Add to the monthly growth of provinces."""
    await conn.execute(
        """
        insert into rollup_month as r (scope, measure, month, shard, value)
        select * from unnest($1::text[], $2::text[], $3::date[], $4::int[], $5::bigint[])
        on conflict (scope, measure, month, shard) do update set value = r.value + excluded.value
        """,
        *_columns(months, 5),
    )


def _columns(sums: Mapping[tuple[Any, ...], int], width: int) -> list[list[Any]]:
    """Non-zero sums in key order, as columns."""
    rows = [(*key, value) for key, value in sorted(sums.items()) if value]
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


async def _announce(conn: Connection, touched: set[str]) -> None:
    """Tell every API process, at commit, whose figures changed."""
    if touched:
        payload = ",".join(sorted(touched)) if len(touched) <= PAYLOAD_UNITS else ALL
        await conn.execute("select pg_notify($1, $2)", CHANNEL, payload)
