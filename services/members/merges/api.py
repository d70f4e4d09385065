"""HTTP door of merges."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from services.chassis.auth import Caller, needs
from services.chassis.web import IDEMPOTENT, IfMatch, Writing, etag, noun
from services.members.members.schemas import MemberOut
from services.members.merges import commands
from services.members.merges.schemas import MergeIn, UnmergeIn

router = noun("members")
Writer = Annotated[Caller, Depends(needs("members:write"))]


@router.post("/{member_id}/merge", openapi_extra=IDEMPOTENT)
async def merge_members(
    member_id: UUID, body: MergeIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> MemberOut:
    """Merge a duplicate into this record; the duplicate answers 410 from then on, and counts nowhere."""
    member = await commands.merge(conn, caller.reach, member_id, version, body)
    etag(response, member.version)
    return member.masked()


@router.post("/{member_id}/unmerge", openapi_extra=IDEMPOTENT)
async def unmerge_members(
    member_id: UUID, body: UnmergeIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> MemberOut:
    """Undo a wrong merge: both records are what they were."""
    member = await commands.unmerge(conn, caller.reach, member_id, version, body)
    etag(response, member.version)
    return member.masked()
