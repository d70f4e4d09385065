"""Reads of what has been applied."""

import asyncio
import time
from collections import Counter
from datetime import datetime
from typing import NamedTuple

from contracts import units
from contracts.event import Position
from services.chassis.db import Connection, Pool, Row
from services.chassis.errors import Text, Unavailable
from services.reporting.freshness.schemas import FreshnessOut, SourceOut

SOURCES = ("members", "loans")
POLL_SECONDS = 0.01


class Sample(NamedTuple):
    """What had been applied at one moment: `at` (monotonic seconds) or a little later, as `snapshot` saw it."""

    at: float
    snapshot: str
    sources: dict[str, tuple[int, datetime | None, float | None]]
    parked: Counter[tuple[str, str | None]]
    programmes: dict[str, tuple[str, str]]
    """Names of credit programmes, in Vietnamese and English, as last published."""

    def sees(self, transaction: int) -> bool:
        """Whether what a transaction wrote was seen, were it committed by now: `xmin:xmax:xip` of PostgreSQL."""
        low, high, running = self.snapshot.split(":")
        return transaction < int(low) or (transaction < int(high) and str(transaction) not in running.split(","))

    def of(self, unit: str | None = None) -> FreshnessOut:
        """How far each source is applied; `parked` counts the events of `unit` if that is a commune, or all."""
        everything = unit is None or unit == units.province_of(unit)
        return FreshnessOut(
            sources=[
                SourceOut(
                    source=source,
                    position=position,
                    applied_at=applied_at,
                    lag_seconds=None if lag is None else round(lag, 3),
                    parked=sum(
                        number
                        for (owner, where), number in self.parked.items()
                        if owner == source and (everything or where in (None, unit))
                    ),
                )
                for source in SOURCES
                for position, applied_at, lag in [self.sources.get(source, (0, None, None))]
            ]
        )


SAMPLED = """
pg_current_snapshot()::text as snapshot,
array(
    select (split_part(topic, '.', -1), max(sequence), max(applied_at),
            (array_agg(extract(epoch from applied_at - event_time)::float8 order by applied_at desc))[1])
    from consumer_offset group by split_part(topic, '.', -1)
) as sources,
array(
    select (split_part(topic, '.', -1), unit, count(*)) from parked group by split_part(topic, '.', -1), unit
) as parked,
array(
    select (state ->> 'code', state ->> 'name_vi', state ->> 'name_en')
    from entity where kind = 'loans.programme' order by state ->> 'valid_from'
) as programmes
"""
"""Columns of a sample: one statement, so that whatever else it reads agrees with them."""


async def sample(conn: Connection) -> Sample:
    """What has been applied by now."""
    at = time.monotonic()
    return sampled(at, await conn.fetchrow(f"select {SAMPLED}"))


def sampled(at: float, row: Row | None) -> Sample:
    """A sample from its columns, asked for at `at`."""
    assert row is not None, "a select without a table gives one row"
    return Sample(
        at,
        row["snapshot"],
        {source: tuple(applied) for source, *applied in row["sources"]},
        Counter({(source, unit): parked for source, unit, parked in row["parked"]}),
        {code: (name_vi, name_en) for code, name_vi, name_en in row["programmes"]},
    )


async def freshness(conn: Connection, unit: str | None = None) -> FreshnessOut:
    """How far each source is applied by now; see `Sample.of`."""
    return (await sample(conn)).of(unit)


async def wait_for(pool: Pool, positions: list[Position], milliseconds: int) -> None:
    """Return once every position is applied; 503 naming how far each is if that takes longer."""
    deadline = time.monotonic() + milliseconds / 1000
    while True:
        async with pool.acquire() as conn:
            reached = await _reached(conn, positions)
        behind = [p for p in positions if reached.get(str(p.subject), 0) < p.version]
        if not behind:
            return
        if time.monotonic() >= deadline:
            raise Unavailable(
                Text("Số liệu chưa cập nhật tới vị trí này", "The figures have not reached this position yet"),
                slug="position-not-reached",
                reached={str(p): reached.get(str(p.subject), 0) for p in behind},
            )
        await asyncio.sleep(POLL_SECONDS)


async def _reached(conn: Connection, positions: list[Position]) -> dict[str, int]:
    """The version applied of each entity asked for."""
    rows = await conn.fetch(
        "select subject, version from entity where subject = any($1)", [p.subject for p in positions]
    )
    return {str(row["subject"]): row["version"] for row in rows}
