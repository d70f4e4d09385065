"""HTTP door of transfers."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.chassis.auth import Caller, needs
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, IfMatch, Recorded, Writing, etag, noun
from services.members.access_log.api import Viewing
from services.members.access_log.commands import show
from services.members.transfers import commands, queries
from services.members.transfers.schemas import AcceptanceIn, Direction, RefusalIn, State, TransferIn, TransferOut

router, of_member = noun("transfers"), noun("members")
Reader = Annotated[Caller, Depends(needs("members:read"))]
Writer = Annotated[Caller, Depends(needs("members:write"))]


@of_member.post("/{member_id}/transfers", status_code=201, openapi_extra=IDEMPOTENT)
async def request_transfer(
    member_id: UUID, body: TransferIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> TransferOut:
    """Move a member: inside her commune at once (`accepted`), to another one when that accepts (`requested`).

    `If-Match` is the member's version; the `ETag` answered is the transfer's.
    """
    transfer = await commands.request(conn, caller.reach, member_id, version, body)
    etag(response, transfer.version)
    response.headers["location"] = f"/v1/transfers/{transfer.id}"
    return transfer.masked()


@router.get("")
async def list_transfers(
    conn: Recorded,
    caller: Reader,
    viewer: Viewing,
    direction: Annotated[Direction | None, Query(description="Seen from the caller's reach; default both")] = None,
    state: Annotated[State | None, Query()] = None,
    member: Annotated[UUID | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[TransferOut]:
    """Transfers from or to units inside the caller's reach, oldest first."""
    page = await queries.find(
        conn, caller.reach, direction=direction, state=state, member=member, limit=limit, cursor=cursor
    )
    return Page(items=await show(conn, viewer, page.items), next_cursor=page.next_cursor)


@router.get("/{transfer_id}")
async def read_transfer(
    transfer_id: UUID, conn: Recorded, caller: Reader, viewer: Viewing, response: Response
) -> TransferOut:
    """One transfer."""
    (transfer,) = await show(conn, viewer, [await queries.get(conn, caller.reach, transfer_id)])
    etag(response, transfer.version)
    return transfer


@router.post("/{transfer_id}/acceptance", openapi_extra=IDEMPOTENT)
async def accept_transfer(
    transfer_id: UUID, body: AcceptanceIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> TransferOut:
    """Take a member over: for the receiving commune."""
    transfer = await commands.accept(conn, caller.reach, transfer_id, version, body)
    etag(response, transfer.version)
    return transfer.masked()


@router.post("/{transfer_id}/refusal", openapi_extra=IDEMPOTENT)
async def refuse_transfer(
    transfer_id: UUID, body: RefusalIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> TransferOut:
    """Do not take a member over: for the receiving commune."""
    transfer = await commands.refuse(conn, caller.reach, transfer_id, version, body)
    etag(response, transfer.version)
    return transfer.masked()


@router.post("/{transfer_id}/withdrawal", openapi_extra=IDEMPOTENT)
async def withdraw_transfer(
    transfer_id: UUID, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> TransferOut:
    """Take a request back: for the commune that made it."""
    transfer = await commands.withdraw(conn, caller.reach, transfer_id, version)
    etag(response, transfer.version)
    return transfer.masked()
