"""Reads of what has been applied."""

import asyncio
import time
from collections import Counter
from typing import NamedTuple

from contracts import units
from contracts.event import Position
from services.chassis.db import Connection, Pool, Row
from services.chassis.errors import Text, Unavailable
from services.reporting.freshness.schemas import FreshnessOut, SourceOut

SOURCES = ("members", "loans")
POLL_SECONDS = 0.01


class Sample(NamedTuple):
    """What had been applied at one moment: `at` (monotonic seconds) or a little later."""

    at: float
    sources: dict[str, Row]
    parked: Counter[tuple[str, str | None]]

    def of(self, unit: str | None = None) -> FreshnessOut:
        """How far each source is applied; `parked` counts the events of `unit` if that is a commune, or all."""
        everything = unit is None or unit == units.province_of(unit)
        return FreshnessOut(
            sources=[
                SourceOut(
                    source=source,
                    position=row["position"] if row else 0,
                    applied_at=row["applied_at"] if row else None,
                    lag_seconds=round(float(row["lag"]), 3) if row and row["lag"] is not None else None,
                    parked=sum(
                        number
                        for (owner, where), number in self.parked.items()
                        if owner == source and (everything or where in (None, unit))
                    ),
                )
                for source in SOURCES
                for row in [self.sources.get(source)]
            ]
        )


async def sample(conn: Connection) -> Sample:
    """What has been applied by now."""
    at = time.monotonic()
    done = await conn.fetch(
        """
        select split_part(topic, '.', -1) as source, max(sequence) as position, max(applied_at) as applied_at,
               (array_agg(extract(epoch from applied_at - event_time) order by applied_at desc))[1] as lag
        from consumer_offset group by 1
        """
    )
    held = await conn.fetch(
        "select split_part(topic, '.', -1) as source, unit, count(*) as parked from parked group by 1, 2"
    )
    return Sample(
        at,
        {row["source"]: row for row in done},
        Counter({(row["source"], row["unit"]): row["parked"] for row in held}),
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
