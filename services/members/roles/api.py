"""HTTP doors of offices: of a member, and of all who hold one."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from contracts.calendars import Day
from contracts.offices import Level, OfficerRole
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, IfMatch, Reading, Recorded, Writing, etag, noun
from services.members.access_log.api import Viewing
from services.members.access_log.commands import show
from services.members.branches.schemas import UnitCode
from services.members.members.queries import record
from services.members.roles import commands, queries
from services.members.roles.schemas import EndIn, RoleIn, RoleOut, RolesOut

router, of_member = noun("roles"), noun("members")
Reader = Annotated[Caller, Depends(needs("members:read"))]
Writer = Annotated[Caller, Depends(needs("members:write"))]


@router.get("")
async def list_roles(
    conn: Recorded,
    caller: Reader,
    viewer: Viewing,
    unit: Annotated[UnitCode | None, Query()] = None,
    level: Annotated[Level | None, Query()] = None,
    on: Annotated[Day | None, Query(description="Who held office that day; default today")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[RoleOut]:
    """Officers inside the caller's reach."""
    page = await queries.find(conn, caller.reach, unit=unit, level=level, on=on or today(), limit=limit, cursor=cursor)
    return Page(items=await show(conn, viewer, page.items), next_cursor=page.next_cursor)


@of_member.get("/{member_id}/roles")
async def list_roles_of_member(member_id: UUID, conn: Reading, caller: Reader, response: Response) -> RolesOut:
    """A member's offices, those of before too."""
    member = await record(conn, caller.reach, member_id)
    etag(response, member.version)
    return RolesOut(items=member.roles)


@of_member.post("/{member_id}/roles", status_code=201, openapi_extra=IDEMPOTENT)
async def appoint_member(
    member_id: UUID, body: RoleIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> OfficerRole:
    """A member takes up an office."""
    role, number = await commands.appoint(conn, caller.reach, member_id, version, body)
    etag(response, number)
    return role


@of_member.post("/{member_id}/roles/{role_id}/end", openapi_extra=IDEMPOTENT)
async def end_role(
    member_id: UUID, role_id: UUID, body: EndIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> OfficerRole:
    """A member leaves an office."""
    role, number = await commands.end(conn, caller.reach, member_id, role_id, version, body)
    etag(response, number)
    return role


@of_member.delete("/{member_id}/roles/{role_id}", status_code=204)
async def remove_role(
    member_id: UUID, role_id: UUID, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> None:
    """Take back an office that was recorded by mistake."""
    etag(response, await commands.remove(conn, caller.reach, member_id, role_id, version))
