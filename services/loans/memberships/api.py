"""HTTP door of who is in a group."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from contracts.calendars import Day
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.web import IDEMPOTENT, IfMatch, Reading, Writing, etag, noun
from services.loans.groups.schemas import GroupOut
from services.loans.memberships import commands, queries
from services.loans.memberships.schemas import JoiningIn, LeavingIn, MembershipsOut

of_group = noun("groups")
Reader = Annotated[Caller, Depends(needs("loans:read"))]
Writer = Annotated[Caller, Depends(needs("loans:write"))]


@of_group.get("/{group_id}/members")
async def list_members(
    group_id: UUID,
    conn: Reading,
    caller: Reader,
    as_of: Annotated[Day | None, Query(description="Members on this day; default today")] = None,
    former: Annotated[bool, Query(description="Those who have left, too")] = False,  # a query
) -> MembershipsOut:
    """The households in a group, with what each has saved."""
    return await queries.listed(conn, caller.reach, group_id, as_of or today(), former=former)


@of_group.post("/{group_id}/members", openapi_extra=IDEMPOTENT)
async def join_group(
    group_id: UUID, body: JoiningIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> GroupOut:
    """Households join."""
    group = await commands.join(conn, caller.reach, group_id, version, body)
    etag(response, group.version)
    return group


@of_group.post("/{group_id}/members/{borrower_id}/leaving", openapi_extra=IDEMPOTENT)
async def leave_group(
    group_id: UUID,
    borrower_id: UUID,
    body: LeavingIn,
    version: IfMatch,
    conn: Writing,
    caller: Writer,
    response: Response,
) -> GroupOut:
    """A household leaves."""
    group = await commands.leave(conn, caller.reach, group_id, borrower_id, version, body)
    etag(response, group.version)
    return group
