"""HTTP door of corrections."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.chassis.auth import Caller, needs
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, MONEY_COMMAND, IfMatch, Reading, Writing, etag, noun
from services.loans.corrections import commands, queries
from services.loans.corrections.schemas import CorrectionIn, CorrectionOut, CorrectionStatus, RefusalIn

router = noun("corrections")
Reader = Annotated[Caller, Depends(needs("loans:read"))]
Writer = Annotated[Caller, Depends(needs("loans:write"))]


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def propose_correction(body: CorrectionIn, conn: Writing, caller: Writer, response: Response) -> CorrectionOut:
    """Propose entries for a loan on which a statement differs; nothing is posted yet."""
    correction = await commands.propose(conn, caller.reach, caller.subject, body)
    response.headers["location"] = f"/v1/corrections/{correction.id}"
    return _tagged(response, correction)


@router.get("")
async def list_corrections(
    conn: Reading,
    caller: Reader,
    statement: Annotated[UUID | None, Query()] = None,
    loan: Annotated[UUID | None, Query()] = None,
    state: Annotated[CorrectionStatus | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[CorrectionOut]:
    """Corrections inside the caller's reach, the newest first."""
    return await queries.find(conn, caller.reach, statement, loan, state, limit, cursor)


@router.get("/{correction_id}")
async def read_correction(correction_id: UUID, conn: Reading, caller: Reader, response: Response) -> CorrectionOut:
    """One correction."""
    return _tagged(response, await queries.get(conn, caller.reach, correction_id))


@router.post("/{correction_id}/approval", openapi_extra=MONEY_COMMAND)
async def approve_correction(
    correction_id: UUID, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> CorrectionOut:
    """Post it, as somebody other than who proposed it."""
    return _tagged(response, await commands.approve(conn, caller.reach, caller.subject, correction_id, version))


@router.post("/{correction_id}/refusal", openapi_extra=IDEMPOTENT)
async def refuse_correction(
    correction_id: UUID, body: RefusalIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> CorrectionOut:
    """Refuse it: nothing is posted."""
    correction = await commands.refuse(conn, caller.reach, caller.subject, correction_id, version, body)
    return _tagged(response, correction)


def _tagged(response: Response, correction: CorrectionOut) -> CorrectionOut:
    etag(response, correction.version)
    return correction
