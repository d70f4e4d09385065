"""Events that a reading service could not apply: what waits and why, and the door to try again."""

from collections.abc import Container
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.chassis.auth import Caller, needs
from services.chassis.db import Connection
from services.chassis.entities import Apply, Read, redrive
from services.chassis.errors import NotFound
from services.chassis.paging import Cursor, Limit, Page, after, page_of
from services.chassis.web import IDEMPOTENT, Reading, Writing, noun


class ParkedOut(BaseModel):
    """An event that could not be applied; its entity's later events wait behind it."""

    topic: str
    partition: int
    offset: int
    subject: UUID | None = Field(description="The entity; null if not even that could be read")
    version: int | None
    unit: str | None
    reason: Literal["unreadable", "gap", "behind"] = Field(
        description="unreadable | an earlier version has not come | an earlier event is unreadable"
    )
    error: str
    parked_at: datetime


class RedriveOut(BaseModel):
    """What became of an entity's parked events."""

    applied: int
    dropped: int = Field(description="Turned out to be repeats")
    parked: int = Field(description="Still parked")


def parked_router(service: str, read: Read, known_types: Container[str], apply: Apply) -> APIRouter:
    """`/v1/parked` of a reading service; needs the scope `<service>:operate`."""
    door = noun("parked")
    operator = Depends(needs(f"{service}:operate"))

    @door.get("")
    async def list_parked(
        conn: Reading, caller: Annotated[Caller, operator], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[ParkedOut]:
        """Events that could not be applied, and why."""
        return await find(conn, caller.reach, limit, cursor)

    @door.post("/{subject}/redrive", name="redrive", openapi_extra=IDEMPOTENT)
    async def try_again(subject: UUID, conn: Writing, _: Annotated[Caller, operator]) -> RedriveOut:
        """Try an entity's events again, once a reader that understands them runs."""
        outcome = await redrive(conn, subject, read, known_types, apply)
        if outcome is None:
            raise NotFound
        parked = outcome.unreadable + outcome.gaps
        return RedriveOut(applied=len(outcome.changes), dropped=outcome.repeats, parked=parked)

    return door


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
