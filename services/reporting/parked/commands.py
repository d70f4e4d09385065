"""Writes of parked events."""

from uuid import UUID

from contracts.catalog import EVENTS
from services.chassis.db import Connection
from services.chassis.entities import redrive as retry
from services.chassis.errors import NotFound
from services.reporting.contributions.commands import apply
from services.reporting.contributions.rules import read
from services.reporting.parked.schemas import RedriveOut


async def redrive(conn: Connection, subject: UUID) -> RedriveOut:
    """Try an entity's parked events again, in order; 404 if it has none."""
    outcome = await retry(conn, subject, read, EVENTS, apply)
    if outcome is None:
        raise NotFound
    return RedriveOut(applied=len(outcome.changes), dropped=outcome.repeats, parked=outcome.unreadable + outcome.gaps)
