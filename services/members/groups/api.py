"""HTTP door of groups."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.chassis.auth import Caller, needs
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, IfMatch, Reading, Writing, etag, noun
from services.members.branches.schemas import ClosingIn, UnitCode
from services.members.groups import commands, queries
from services.members.groups.schemas import GroupIn, GroupOut, GroupPatch

router = noun("groups")
Reader = Annotated[Caller, Depends(needs("members:read"))]
Writer = Annotated[Caller, Depends(needs("members:write"))]


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def create_group(body: GroupIn, conn: Writing, caller: Writer, response: Response) -> GroupOut:
    """Form a group in a branch."""
    group = await commands.create(conn, caller.reach, body)
    etag(response, group.version)
    response.headers["location"] = f"/v1/groups/{group.id}"
    return group


@router.get("")
async def list_groups(
    conn: Reading,
    caller: Reader,
    unit: Annotated[UnitCode | None, Query()] = None,
    branch: Annotated[UUID | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[GroupOut]:
    """Groups inside the caller's reach."""
    return await queries.find(conn, caller.reach, unit, branch, limit, cursor)


@router.get("/{group_id}")
async def read_group(group_id: UUID, conn: Reading, caller: Reader, response: Response) -> GroupOut:
    """One group."""
    group = await queries.get(conn, caller.reach, group_id)
    etag(response, group.version)
    return group


@router.patch("/{group_id}")
async def correct_group(
    group_id: UUID, body: GroupPatch, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> GroupOut:
    """Correct what was recorded wrongly."""
    group = await commands.correct(conn, caller.reach, group_id, version, body)
    etag(response, group.version)
    return group


@router.post("/{group_id}/closing", openapi_extra=IDEMPOTENT)
async def close_group(
    group_id: UUID, body: ClosingIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> GroupOut:
    """Close a group that has no active members."""
    group = await commands.close(conn, caller.reach, group_id, version, body)
    etag(response, group.version)
    return group
