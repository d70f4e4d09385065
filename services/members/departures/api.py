"""HTTP door of leaving and coming back."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from services.chassis.auth import Caller, needs
from services.chassis.web import IDEMPOTENT, IfMatch, Writing, etag, noun
from services.members.departures import commands
from services.members.departures.schemas import DepartureIn, RejoinIn
from services.members.members.schemas import MemberOut

router = noun("members")
Writer = Annotated[Caller, Depends(needs("members:write"))]


@router.post("/{member_id}/departure", openapi_extra=IDEMPOTENT)
async def leave(
    member_id: UUID, body: DepartureIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> MemberOut:
    """End a membership."""
    member = await commands.leave(conn, caller.reach, member_id, version, body)
    etag(response, member.version)
    return member.masked()


@router.post("/{member_id}/rejoin", openapi_extra=IDEMPOTENT)
async def rejoin(
    member_id: UUID, body: RejoinIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> MemberOut:
    """Take a member back who had left."""
    member = await commands.rejoin(conn, caller.reach, member_id, version, body)
    etag(response, member.version)
    return member.masked()
