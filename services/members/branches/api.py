"""HTTP door of branches."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.chassis.auth import Caller, needs
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, IfMatch, Reading, Writing, etag, noun
from services.members.branches import commands, queries
from services.members.branches.schemas import BranchIn, BranchOut, BranchPatch, ClosingIn, UnitKey

router = noun("branches")
Reader = Annotated[Caller, Depends(needs("members:read"))]
Writer = Annotated[Caller, Depends(needs("members:write"))]


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def create_branch(body: BranchIn, conn: Writing, caller: Writer, response: Response) -> BranchOut:
    """Open a branch in a commune."""
    branch = await commands.create(conn, caller.reach, body)
    etag(response, branch.version)
    response.headers["location"] = f"/v1/branches/{branch.id}"
    return branch


@router.get("")
async def list_branches(
    conn: Reading,
    caller: Reader,
    unit: Annotated[UnitKey | None, Query()] = None,
    q: Annotated[str | None, Query(max_length=200, description="In the name; marks and case do not matter.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[BranchOut]:
    """Branches inside the caller's reach."""
    return await queries.find(conn, caller.reach, unit, q, limit, cursor)


@router.get("/{branch_id}")
async def read_branch(branch_id: UUID, conn: Reading, caller: Reader, response: Response) -> BranchOut:
    """One branch."""
    branch = await queries.get(conn, caller.reach, branch_id)
    etag(response, branch.version)
    return branch


@router.patch("/{branch_id}")
async def correct_branch(
    branch_id: UUID, body: BranchPatch, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> BranchOut:
    """Correct what was recorded wrongly."""
    branch = await commands.correct(conn, caller.reach, branch_id, version, body)
    etag(response, branch.version)
    return branch


@router.post("/{branch_id}/closing", openapi_extra=IDEMPOTENT)
async def close_branch(
    branch_id: UUID, body: ClosingIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> BranchOut:
    """Close a branch that has no active members."""
    branch = await commands.close(conn, caller.reach, branch_id, version, body)
    etag(response, branch.version)
    return branch
