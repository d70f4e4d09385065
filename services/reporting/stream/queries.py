"""Reads of what the log of contributions has gained."""

import json
import time
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.chassis.db import Connection
from services.reporting.freshness.queries import SAMPLED, Sample, sampled

MOST = 3_000


class Part(NamedTuple):
    """One row of the log, and the transaction that wrote it."""

    transaction: int
    unit: str
    unit_now: str
    """Where its branch is on today's map."""
    branch: UUID | None
    measure: str
    day: date
    previous: date | None
    dims: Mapping[str, str]
    value: int


class News(NamedTuple):
    """What has been applied, and the parts that an earlier sample did not see; None: any number of them."""

    sample: Sample
    parts: list[Part] | None


async def news(conn: Connection, since: Sample | None) -> News:
    """What has been applied by now, with what `since` did not see if that is at most MOST rows, in one statement.

    A row is in exactly one piece of news: it is seen now and was not before, whenever its transaction began.
    """
    at = time.monotonic()
    row = await conn.fetchrow(
        f"""
        with found as (
            select applied_in::text::bigint, unit, coalesce(unit_now, unit), branch, measure, day, previous, dims, value
            from contribution left join carried using (branch, unit)
            where applied_in >= pg_snapshot_xmin($1::text::pg_snapshot)
              and not pg_visible_in_snapshot(applied_in, $1::text::pg_snapshot)
            limit $2
        )
        select {SAMPLED}, array(select found from found) as parts
        """,  # noqa: S608
        since and since.snapshot,
        MOST + 1,
    )
    seen = sampled(at, row)
    assert row is not None
    if since is None or len(row["parts"]) > MOST:
        return News(seen, None)
    return News(seen, [Part._make((*start, json.loads(dims), value)) for *start, dims, value in row["parts"]])
