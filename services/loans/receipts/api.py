"""HTTP door of cash collected in the field."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from contracts.calendars import Day
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import MONEY_COMMAND, IfMatch, Reading, Writing, etag, noun
from services.loans.borrowers.schemas import UnitCode
from services.loans.receipts import commands, queries
from services.loans.receipts.schemas import (
    AgeBy,
    AgeOut,
    CancellationIn,
    ConfirmationIn,
    ReceiptIn,
    ReceiptOut,
    ReceiptStatus,
)

router = noun("receipts")
Reader = Annotated[Caller, Depends(needs("loans:read"))]
Writer = Annotated[Caller, Depends(needs("loans:write"))]
Unit = Annotated[UnitCode | None, Query(description="Of this unit only")]
Days = Annotated[int, Query(ge=0, le=3_650)]
LIMITS = (3, 7, 30)


@router.post("", status_code=201, openapi_extra=MONEY_COMMAND)
async def record_receipt(body: ReceiptIn, conn: Writing, caller: Writer, response: Response) -> ReceiptOut:
    """Record what was collected: pending, and in no balance, until the bank confirms it."""
    receipt = await commands.record(conn, caller.reach, caller.subject, body)
    response.headers["location"] = f"/v1/receipts/{receipt.id}"
    return _tagged(response, receipt)


@router.get("")
async def list_receipts(
    conn: Reading,
    caller: Reader,
    unit: Unit = None,
    loan: Annotated[UUID | None, Query()] = None,
    state: Annotated[ReceiptStatus | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ReceiptOut]:
    """Receipts inside the caller's reach, the newest first."""
    return await queries.find(conn, caller.reach, unit, loan, state, limit, cursor)


@router.get("/ageing")
async def read_ageing(
    conn: Reading,
    caller: Reader,
    by: AgeBy = "group",
    unit: Unit = None,
    as_of: Annotated[Day | None, Query(description="At the end of this day; default today")] = None,
    limits: Annotated[list[Days] | None, Query(description="Last day of each bucket but the last: 3, 7, 30")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[AgeOut]:
    """Pending money by how many days ago it was collected, per group, branch, commune or collector."""
    last_days = sorted(set(limits or LIMITS))
    return await queries.ageing(conn, caller.reach, by, unit, as_of or today(), last_days, limit, cursor)


@router.get("/{receipt_id}")
async def read_receipt(receipt_id: UUID, conn: Reading, caller: Reader, response: Response) -> ReceiptOut:
    """One receipt."""
    return _tagged(response, await queries.get(conn, caller.reach, receipt_id))


@router.post("/{receipt_id}/confirmation", openapi_extra=MONEY_COMMAND)
async def confirm_receipt(
    receipt_id: UUID, body: ConfirmationIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> ReceiptOut:
    """The bank has it: post it to the ledger."""
    return _tagged(response, await commands.confirm(conn, caller.reach, receipt_id, version, body))


@router.post("/{receipt_id}/cancellation", openapi_extra=MONEY_COMMAND)
async def cancel_receipt(
    receipt_id: UUID, body: CancellationIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> ReceiptOut:
    """It was recorded in error, or given back."""
    return _tagged(response, await commands.cancel(conn, caller.reach, receipt_id, version, body))


def _tagged(response: Response, receipt: ReceiptOut) -> ReceiptOut:
    etag(response, receipt.version)
    return receipt
