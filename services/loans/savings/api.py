"""HTTP door of savings through a group. Late entries keep their past day."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.chassis.auth import Caller, needs
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import MONEY_COMMAND, IfMatchOptional, Reading, Writing, etag, noun
from services.loans.entries.schemas import ReversalIn
from services.loans.savings import commands, queries
from services.loans.savings.schemas import SavedOut, SavingOut, SavingsIn

router, of_group = noun("savings"), noun("groups")
Reader = Annotated[Caller, Depends(needs("loans:read"))]
Writer = Annotated[Caller, Depends(needs("loans:write"))]


@of_group.get("/{group_id}/savings")
async def list_savings(
    group_id: UUID,
    conn: Reading,
    caller: Reader,
    borrower: Annotated[UUID | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[SavingOut]:
    """Every entry of savings in a group, by day."""
    return await queries.find(conn, caller.reach, group_id, borrower, limit, cursor)


@of_group.post("/{group_id}/savings", status_code=201, openapi_extra=MONEY_COMMAND)
async def save(
    group_id: UUID, body: SavingsIn, version: IfMatchOptional, conn: Writing, caller: Writer, response: Response
) -> SavedOut:
    """Record what households put in and took out on a day."""
    saved = await commands.save(conn, caller.reach, group_id, version, body)
    etag(response, saved.version)
    return saved


@router.post("/{entry_id}/reversal", status_code=201, openapi_extra=MONEY_COMMAND)
async def reverse_saving(
    entry_id: UUID, body: ReversalIn, conn: Writing, caller: Writer, response: Response
) -> SavedOut:
    """Append the counter-entry of an entry, on its day: it counts on no day any more."""
    saved = await commands.reverse(conn, caller.reach, entry_id, body)
    etag(response, saved.version)
    return saved
