"""HTTP door of bank statements."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from contracts.calendars import Day
from contracts.reconciliation import DifferenceKind
from services.chassis.auth import Caller, needs
from services.chassis.context import context
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.sheets.sheet import CSV_TYPE, XLSX_TYPE
from services.chassis.web import IDEMPOTENT, MONEY_COMMAND, Reading, Uploaded, Writing, noun, upload
from services.loans.borrowers.schemas import UnitCode
from services.loans.statements import commands, queries
from services.loans.statements.schemas import ConfirmedOut, DifferenceOut, ReconciliationOut, StatementOut

PATH = "/v1/statements"
router = noun("statements")
Reader = Annotated[Caller, Depends(needs("loans:read"))]
Writer = Annotated[Caller, Depends(needs("loans:write"))]
Unit = Annotated[UnitCode | None, Query(description="Of this unit only")]


@router.post(
    "",
    status_code=201,
    openapi_extra=upload(CSV_TYPE, XLSX_TYPE),
    responses={200: {"model": StatementOut, "description": "The month's current file, sent again: nothing changed"}},
)
async def send_statement(
    file: Uploaded,
    conn: Writing,
    caller: Writer,
    response: Response,
    as_of: Annotated[Day, Query(description="The day its balances are of")],
    late_days: Annotated[int, Query(ge=0, le=31, description="How far off another day's books are `late`")] = 5,
    mapping: Annotated[
        str,
        Query(
            max_length=20_000,
            description='JSON object: heading → field, or null to ignore: {"Gốc": "in_term"}. Remembered per caller',
        ),
    ] = "{}",
) -> StatementOut:
    """Send the bank's file of a month (CSV or XLSX, a line per contract) for the caller's unit; it is matched at once.

    A corrected file replaces the month's earlier one, which is kept. Months may come in any order.
    """
    said = commands.Upload(caller.subject, caller.unit, as_of, late_days, mapping)
    statement, fresh = await commands.receive(conn, caller.reach, file, said)
    response.status_code = 201 if fresh else 200
    response.headers["location"] = f"{PATH}/{statement.id}"
    return statement


@router.get("")
async def list_statements(
    conn: Reading,
    caller: Reader,
    month: Annotated[Day | None, Query(description="Any day of it")] = None,
    superseded: Annotated[bool, Query(description="Earlier revisions too")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[StatementOut]:
    """Statements that say something of the caller's units, the latest month first."""
    return await queries.find(conn, caller.reach, month, superseded, limit, cursor)


@router.get("/{statement_id}")
async def read_statement(statement_id: UUID, conn: Reading, caller: Reader) -> StatementOut:
    """One statement."""
    return await queries.get(conn, caller.reach, statement_id)


@router.get("/{statement_id}/differences")
async def list_differences(
    statement_id: UUID,
    conn: Reading,
    caller: Reader,
    kind: DifferenceKind | None = None,
    unit: Unit = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[DifferenceOut]:
    """Where bank and ledger do not say the same, inside the caller's reach."""
    return await queries.differences(conn, caller.reach, statement_id, kind, unit, context().language, limit, cursor)


@router.get("/{statement_id}/reconciliation")
async def read_reconciliation(
    statement_id: UUID, conn: Reading, caller: Reader, unit: Unit = None
) -> ReconciliationOut:
    """Bank less ledger, explained to the last đồng by kind of difference, for each programme in each unit."""
    return await queries.reconciliation(conn, caller.reach, statement_id, unit)


@router.post("/{statement_id}/matching", openapi_extra=IDEMPOTENT)
async def match_statement(statement_id: UUID, conn: Writing, caller: Writer) -> StatementOut:
    """Match again, after the ledger moved: differences are found anew."""
    return await commands.match_again(conn, caller.reach, statement_id)


@router.post("/{statement_id}/confirmations", openapi_extra=MONEY_COMMAND)
async def confirm_receipts(statement_id: UUID, conn: Writing, caller: Writer) -> ConfirmedOut:
    """Post the pending receipts that the bank's lines confirm (differences `pending`, 500 loans at a time)."""
    return await commands.confirm(conn, caller.reach, statement_id)
