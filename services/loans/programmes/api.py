"""HTTP door of credit programmes."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from contracts.calendars import Day
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.web import IDEMPOTENT, Reading, Writing, etag, noun
from services.loans.programmes import commands, queries
from services.loans.programmes.schemas import ProgrammeIn, ProgrammeOut, ProgrammesOut

router = noun("programmes")
Reader = Annotated[Caller, Depends(needs("loans:read"))]
Writer = Annotated[Caller, Depends(needs("loans:write"))]


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def publish_programme(body: ProgrammeIn, conn: Writing, caller: Writer, response: Response) -> ProgrammeOut:
    """Publish a programme's terms for the province, from a day on."""
    programme = await commands.publish(conn, caller.unit, body)
    etag(response, programme.version)
    response.headers["location"] = f"/v1/programmes/{programme.id}"
    return programme


@router.get("")
async def list_programmes(
    conn: Reading,
    caller: Reader,
    on: Annotated[Day | None, Query(description="In force on this day; default today")] = None,
) -> ProgrammesOut:
    """The programmes in force."""
    return ProgrammesOut(items=await queries.in_force(conn, caller.province, on or today()))


@router.get("/{programme_id}")
async def read_programme(programme_id: UUID, conn: Reading, caller: Reader, response: Response) -> ProgrammeOut:
    """One programme's terms."""
    programme = await queries.get(conn, caller.province, programme_id)
    etag(response, programme.version)
    return programme
