"""HTTP door of members."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from contracts.calendars import Day, Moment
from services.chassis.auth import Caller, needs
from services.chassis.context import context
from services.chassis.errors import Forbidden, Text, invalid
from services.chassis.paging import Cursor, Limit, Page, answer
from services.chassis.vault import Vaulted
from services.chassis.web import IDEMPOTENT, QUESTION, IfMatch, Recorded, Writing, etag, noun
from services.members.access_log.api import Viewing
from services.members.access_log.commands import show, show_rows
from services.members.branches.schemas import UnitKey
from services.members.members import commands, queries
from services.members.members.schemas import (
    BatchIn,
    BatchOut,
    LookupIn,
    MemberIn,
    MemberOut,
    MemberPatch,
    Status,
)

router = noun("members")
Reader = Annotated[Caller, Depends(needs("members:read"))]
Writer = Annotated[Caller, Depends(needs("members:write"))]
PERSONAL = "members:personal"
Personal = Annotated[Caller, Depends(needs(PERSONAL))]


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def enrol_member(body: MemberIn, conn: Writing, caller: Writer, vault: Vaulted, response: Response) -> MemberOut:
    """Enrol a member in a branch."""
    member = await commands.enrol(conn, caller.reach, body, vault, context().language)
    etag(response, member.version)
    response.headers["location"] = f"/v1/members/{member.id}"
    return member.masked()


@router.post("/batch", openapi_extra=IDEMPOTENT)
async def enrol_members(body: BatchIn, conn: Writing, caller: Writer, vault: Vaulted) -> BatchOut:
    """Enrol up to 1,000 members; a verdict for each row. A row that is refused does not stop the others."""
    return await commands.enrol_many(conn, caller.reach, body, context().language, vault)


@router.get("", response_model=Page[MemberOut])
async def list_members(
    conn: Recorded,
    caller: Reader,
    viewer: Viewing,
    unit: Annotated[UnitKey | None, Query()] = None,
    branch: Annotated[UUID | None, Query()] = None,
    status: Annotated[Status | None, Query()] = None,
    q: Annotated[
        str | None, Query(max_length=200, description="In the name; needs members:personal and a Purpose")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Members inside the caller's reach."""
    if q is not None and PERSONAL not in caller.scopes:
        raise Forbidden(Text(f"Cần quyền {PERSONAL} để tìm theo tên", f"Searching by name needs the scope {PERSONAL}"))
    if q is not None and viewer is None:
        raise invalid("header:purpose", "missing", "Tìm theo tên cần nêu mục đích", "A search by name needs a purpose")
    rows, following = await queries.find(
        conn, caller.reach, unit=unit, branch=branch, status=status, q=q, limit=limit, cursor=cursor
    )
    return answer(await show_rows(conn, viewer, MemberOut, rows), following)


@router.post("/lookup", openapi_extra=QUESTION)
async def look_members_up(
    body: LookupIn, conn: Writing, caller: Personal, viewer: Viewing, vault: Vaulted
) -> Page[MemberOut]:
    """The members with exactly this citizen number or phone. Asked in a body: addresses are logged along the way."""
    if viewer is None:
        raise invalid("header:purpose", "missing", "Tra cứu cần nêu mục đích", "A look-up needs a purpose")
    return Page(items=await show(conn, viewer, await queries.with_number(conn, caller.reach, body, vault)))


@router.get("/{member_id}")
async def read_member(
    member_id: UUID,
    conn: Recorded,
    caller: Reader,
    viewer: Viewing,
    vault: Vaulted,
    response: Response,
    on: Annotated[Day | None, Query(description="As she was on a day; default today")] = None,
    known_at: Annotated[Moment | None, Query(description="As was known then; default now")] = None,
) -> MemberOut:
    """One member. 410 if the record was merged into another's, which `merged_into` names."""
    (member,) = await show(conn, viewer, [await queries.get(conn, caller.reach, member_id, on, known_at, vault)])
    etag(response, member.version)
    return member


@router.patch("/{member_id}")
async def correct_member(
    member_id: UUID,
    body: MemberPatch,
    version: IfMatch,
    conn: Writing,
    caller: Writer,
    vault: Vaulted,
    response: Response,
) -> MemberOut:
    """Correct what was recorded wrongly, or record what has changed since `effective_on`."""
    member = await commands.correct(conn, caller.reach, member_id, version, body, vault, context().language)
    etag(response, member.version)
    return member.masked()
