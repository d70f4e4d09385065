"""The journal over plain HTTP: the same events, in the same order, for a system that cannot reach Kafka."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.chassis.auth import Caller, needs
from services.chassis.db import Connection, Row
from services.chassis.paging import Limit
from services.chassis.reach import Reach
from services.chassis.relay import envelope
from services.chassis.web import Reading, noun


class Feed(BaseModel):
    """Events after a position, and the position to ask after next."""

    items: list[dict[str, Any]] = Field(description="CloudEvents, in sequence order")
    next_after: int = Field(description="Give this as `after` next time")


def feed_router(service: str) -> APIRouter:
    """`GET /v1/events` of an owning service; needs the scope `<service>:read`."""
    door = noun("events")

    @door.get("", name="read_events")
    async def read(
        conn: Reading,
        caller: Annotated[Caller, Depends(needs(f"{service}:read"))],
        after: Annotated[
            int, Query(ge=0, le=2**63 - 1, description="Sequence of the last event read; 0 starts at the first.")
        ] = 0,
        limit: Limit = 100,
    ) -> Feed:
        """Events inside the caller's reach. Numbered when published, so none can appear behind a position read."""
        rows, last = await events_after(conn, after, max(after, await head(conn)), limit, caller.reach)
        return Feed(items=[envelope(service, row) for row in rows], next_after=last)

    return door


async def head(conn: Connection) -> int:
    """The last number given; every one before it is visible too."""
    found = await conn.fetchval("select max(sequence) from journal where sequence is not null")
    return int(found or 0)


async def events_after(
    conn: Connection, after: int, until: int, limit: int, reach: Reach, types: Sequence[str] = ()
) -> tuple[list[Row], int]:
    """Up to `limit` journal rows in `reach`, numbered after `after` up to `until`, and how far was read.

    What moves is told where it was, too: by the event that moves it. `types` are prefixes of event types; none is
    every type.
    """
    rows = await conn.fetch(
        """
        select * from journal
        where sequence > $1 and sequence <= $2
          and (unit = any($3) and ($4::uuid is null or branch = $4) or version > 1 and (
              select before.unit = any($3) and ($4::uuid is null or before.branch = $4) from journal as before
              where before.subject = journal.subject and before.version = journal.version - 1))
          and ($5::text[] = '{}' or type ^@ any($5))
        order by sequence limit $6
        """,
        after,
        until,
        list(reach.units),
        reach.branch,
        list(types),
        limit,
    )
    return rows, rows[-1]["sequence"] if len(rows) == limit else until
