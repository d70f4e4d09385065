"""HTTP door of a member's history."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from contracts.calendars import Day, Moment
from services.chassis.auth import Caller, needs
from services.chassis.context import context
from services.chassis.web import IfMatch, Reading, Writing, etag, noun
from services.members.history import commands, queries
from services.members.history.schemas import HistoryOut
from services.members.members.schemas import MemberOut

router = noun("members")
Reader = Annotated[Caller, Depends(needs("members:read"))]
Writer = Annotated[Caller, Depends(needs("members:write"))]


@router.get("/{member_id}/history")
async def read_history(
    member_id: UUID,
    conn: Reading,
    caller: Reader,
    on: Annotated[Day | None, Query(description="Up to this day; default all, what is to come too")] = None,
    known_at: Annotated[Moment | None, Query(description="As was known then; default now")] = None,
) -> HistoryOut:
    """What happened to a member, and when and by whom it was recorded; of a merged record too."""
    return await queries.history(conn, caller.reach, member_id, context().language, on, known_at)


@router.delete("/{member_id}/history/{since}")
async def take_back(
    member_id: UUID, since: Day, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> MemberOut:
    """Take back what began on a day: a change still to come, or one recorded by mistake."""
    member = await commands.take_back(conn, caller.reach, member_id, version, since)
    etag(response, member.version)
    return member.masked()
