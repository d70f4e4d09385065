"""HTTP door of data subjects' requests."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from contracts.calendars import Day
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, IfMatch, Recorded, Writing, etag, noun
from services.members.access_log.api import Officer, Viewing
from services.members.access_log.commands import show
from services.members.subject_requests import commands, queries
from services.members.subject_requests.clocks import Kind
from services.members.subject_requests.schemas import ReasonIn, RequestIn, RequestOut, State, StepIn

router = noun("subject-requests")


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def receive_request(body: RequestIn, conn: Writing, caller: Officer, response: Response) -> RequestOut:
    """Record a data subject's request; its clocks start."""
    request = await commands.receive(conn, caller.reach, body, caller.subject)
    response.headers["location"] = f"/v1/subject-requests/{request.id}"
    return _written(request, response)


@router.get("")
async def list_requests(
    conn: Recorded,
    caller: Officer,
    viewer: Viewing,
    member: Annotated[UUID | None, Query()] = None,
    kind: Annotated[Kind | None, Query()] = None,
    state: Annotated[State | None, Query()] = None,
    overdue_on: Annotated[Day | None, Query(description="Only those whose clock has run out by this day")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[RequestOut]:
    """Requests, the most urgent first."""
    page = await queries.find(
        conn,
        caller.reach,
        member=member,
        kind=kind,
        state=state,
        overdue_on=overdue_on,
        limit=limit,
        cursor=cursor,
    )
    return Page(items=await show(conn, viewer, page.items), next_cursor=page.next_cursor)


@router.get("/{request_id}")
async def read_request(
    request_id: UUID, conn: Recorded, caller: Officer, viewer: Viewing, response: Response
) -> RequestOut:
    """One request with all that was done about it."""
    (request,) = await show(conn, viewer, [await queries.get(conn, caller.reach, request_id)])
    etag(response, request.version)
    return request


@router.post("/{request_id}/answer", openapi_extra=IDEMPOTENT)
async def answer_request(
    request_id: UUID, body: StepIn, version: IfMatch, conn: Writing, caller: Officer, response: Response
) -> RequestOut:
    """The subject was told how the request is handled."""
    return _written(await commands.answer(conn, caller.reach, request_id, version, body.on, caller.subject), response)


@router.post("/{request_id}/extension", openapi_extra=IDEMPOTENT)
async def extend_request(
    request_id: UUID, body: ReasonIn, version: IfMatch, conn: Writing, caller: Officer, response: Response
) -> RequestOut:
    """Extend the term, once and with a reason."""
    done = await commands.extend(conn, caller.reach, request_id, version, body.on, body.reason, caller.subject)
    return _written(done, response)


@router.post("/{request_id}/completion", openapi_extra=IDEMPOTENT)
async def complete_request(
    request_id: UUID, body: StepIn, version: IfMatch, conn: Writing, caller: Officer, response: Response
) -> RequestOut:
    """What was asked for is done."""
    return _written(await commands.complete(conn, caller.reach, request_id, version, body.on, caller.subject), response)


@router.post("/{request_id}/refusal", openapi_extra=IDEMPOTENT)
async def refuse_request(
    request_id: UUID, body: ReasonIn, version: IfMatch, conn: Writing, caller: Officer, response: Response
) -> RequestOut:
    """The request is refused, with the reason given to the subject."""
    done = await commands.refuse(conn, caller.reach, request_id, version, body.on, body.reason, caller.subject)
    return _written(done, response)


def _written(request: RequestOut, response: Response) -> RequestOut:
    etag(response, request.version)
    return request.masked()
