"""Reads of parked events."""

from services.chassis.db import Connection
from services.chassis.paging import Page, after, page_of
from services.reporting.parked.schemas import ParkedOut


async def find(conn: Connection, reach: frozenset[str], limit: int, cursor: str | None) -> Page[ParkedOut]:
    """Parked events of the units in `reach`, and those whose unit is not known, in the order of their topics."""
    start = after(cursor, str, int, int)
    rows = await conn.fetch(
        """
        select topic, partition, "offset", subject, version, unit, reason, error, parked_at from parked
        where (unit is null or unit = any($1))
          and ($2::text is null or (topic, partition, "offset") > ($2, $3::bigint, $4::bigint))
        order by topic, partition, "offset"
        limit $5
        """,
        list(reach),
        *(start or (None, None, None)),
        limit + 1,
    )
    page, following = page_of(rows, limit, lambda row: (row["topic"], row["partition"], row["offset"]))
    return Page(items=[ParkedOut.model_validate(dict(row)) for row in page], next_cursor=following)
