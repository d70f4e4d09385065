"""HTTP door of applications."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.chassis.auth import Caller, needs
from services.chassis.context import context
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, QUESTION, Reading, Writing, etag, noun
from services.loans.applications import commands, queries
from services.loans.applications.chain import State
from services.loans.applications.schemas import (
    ApplicationIn,
    ApplicationOut,
    EligibilityIn,
    EligibilityOut,
    GuideOut,
    RuleOut,
)
from services.loans.batches import BatchIn, BatchOut
from services.loans.borrowers.schemas import UnitCode

router = noun("applications")
Reader = Annotated[Caller, Depends(needs("loans:read"))]
Writer = Annotated[Caller, Depends(needs("loans:write"))]


@router.post("/eligibility", openapi_extra=QUESTION)
async def judge(body: EligibilityIn, conn: Writing, caller: Reader) -> EligibilityOut:
    """May this household have this loan? Each rule with its verdict and why. Nothing is recorded."""
    rules, language = await commands.judge(conn, caller.reach, body), context().language
    return EligibilityOut(
        eligible=all(rule.verdict != "failed" for rule in rules),
        items=[RuleOut(rule=rule.code, verdict=rule.verdict, reason=rule.reason.spoken(language)) for rule in rules],
    )


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def submit_application(body: ApplicationIn, conn: Writing, caller: Writer, response: Response) -> ApplicationOut:
    """Record a household's request for a loan."""
    application = await commands.submit(conn, caller.reach, body)
    etag(response, application.version)
    response.headers["location"] = f"/v1/applications/{application.id}"
    return application


@router.post("/batch", openapi_extra=IDEMPOTENT)
async def submit_applications(body: BatchIn, conn: Writing, caller: Writer) -> BatchOut:
    """Record up to 1,000 requests: a verdict per row, each as `POST /v1/applications` takes it."""
    return await commands.submit_many(conn, caller.reach, body)


@router.get("")
async def list_applications(
    conn: Reading,
    caller: Reader,
    unit: Annotated[UnitCode | None, Query()] = None,
    borrower: Annotated[UUID | None, Query()] = None,
    state: Annotated[State | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ApplicationOut]:
    """Applications inside the caller's reach."""
    return await queries.find(conn, caller.reach, unit, borrower, state, limit, cursor)


@router.get("/{application_id}")
async def read_application(application_id: UUID, conn: Reading, caller: Reader, response: Response) -> ApplicationOut:
    """One application and how far it has come."""
    application = await queries.get(conn, caller.reach, application_id)
    etag(response, application.version)
    return application


@router.get("/{application_id}/guidance")
async def read_guidance(application_id: UUID, conn: Reading, caller: Reader) -> GuideOut:
    """Which papers are still needed and what comes next, in Vietnamese and English."""
    return await queries.guide(conn, caller.reach, application_id)
