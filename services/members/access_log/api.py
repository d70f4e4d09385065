"""HTTP door of the access log, and what every door that shows personal data asks for: the purpose."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Query, Request

from services.chassis.auth import Caller, authenticate, needs
from services.chassis.clock import today
from services.chassis.context import context
from services.chassis.errors import invalid
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import Reading, Writing, noun
from services.members.access_log import commands, queries
from services.members.access_log.schemas import AccessOut, ForgottenOut, Viewer
from services.members.consents import purposes

router = noun("access-log")
SCOPE = "members:personal"
Officer = Annotated[Caller, Depends(needs("members:privacy"))]
Purpose = Annotated[
    str | None,
    Header(description="What personal fields are wanted for (GET /v1/purposes). Without it they are null."),
]


async def _viewer(request: Request, purpose: Purpose = None) -> Viewer | None:
    """Nobody without the scope or without a purpose; 422 for a purpose that the catalogue does not hold."""
    caller = await authenticate(request)
    if purpose is None:
        return None
    if purposes.find(purpose, today()) is None:
        raise invalid("header:purpose", "unknown", "Không có mục đích này", "There is no such purpose")
    if SCOPE not in caller.scopes:
        return None
    context().headers.append((b"cache-control", b"no-store"))
    return Viewer(caller.subject, caller.unit, purpose, f"{request.method} {request.scope['route'].path}")


Viewing = Annotated[Viewer | None, Depends(_viewer)]
"""Who sees personal fields, if anybody does. Give it to `access_log.commands.show`."""


@router.get("")
async def list_accesses(
    conn: Reading,
    caller: Officer,
    member: Annotated[UUID | None, Query(description="Who was looked at")] = None,
    household: Annotated[UUID | None, Query(description="Whose address was looked at")] = None,
    reader: Annotated[str | None, Query(max_length=200, description="Who looked: `sub` of a token")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[AccessOut]:
    """Answers that showed somebody's personal data, newest first: of one member or household, or to one reader."""
    subjects = [subject for subject in (member, household) if subject]
    if not subjects and reader is None:
        raise invalid("query:member", "missing", "Cần member, household hoặc reader", "Ask for one of three")
    return await queries.find(conn, caller.reach, subjects=subjects, reader=reader, limit=limit, cursor=cursor)


@router.post("/forgetting")
async def forget_old_accesses(conn: Writing, _: Officer) -> ForgottenOut:
    """Drop the quarters of the log that are older than the term in force. The log cannot lose anything else."""
    return ForgottenOut(quarters=await commands.forget(conn))
