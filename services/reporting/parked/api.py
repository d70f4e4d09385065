"""HTTP door of parked events."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from services.chassis.auth import Caller, needs
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, Reading, Writing, noun
from services.reporting.parked import commands, queries
from services.reporting.parked.schemas import ParkedOut, RedriveOut

router = noun("parked")
Operator = Annotated[Caller, Depends(needs("reporting:operate"))]


@router.get("")
async def list_parked(conn: Reading, caller: Operator, limit: Limit = 100, cursor: Cursor = None) -> Page[ParkedOut]:
    """Events that could not be applied, and why."""
    return await queries.find(conn, caller.reach, limit, cursor)


@router.post("/{subject}/redrive", openapi_extra=IDEMPOTENT)
async def redrive(subject: UUID, conn: Writing, _: Operator) -> RedriveOut:
    """Try an entity's events again, once a reader that understands them runs."""
    return await commands.redrive(conn, subject)
