"""HTTP door of the steps of an application."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from services.chassis.auth import Caller, needs
from services.chassis.web import IDEMPOTENT, IfMatch, Writing, etag, noun
from services.loans.applications.schemas import ApplicationOut
from services.loans.batches import BatchIn, BatchOut
from services.loans.steps import commands
from services.loans.steps.schemas import AppraisalIn, ConfirmationIn, DecisionIn, WithdrawalIn

of_application = noun("applications")
Writer = Annotated[Caller, Depends(needs("loans:write"))]


@of_application.post("/appraisals", openapi_extra=IDEMPOTENT)
async def appraise_many(body: BatchIn, conn: Writing, caller: Writer) -> BatchOut:
    """Minutes about up to 1,000 applications (`application`, `version`, and as one is appraised): a verdict per row."""
    return await commands.appraise_many(conn, caller.reach, body)


@of_application.post("/confirmations", openapi_extra=IDEMPOTENT)
async def confirm_many(body: BatchIn, conn: Writing, caller: Writer) -> BatchOut:
    """Up to 1,000 confirmations (`application`, `version`, and as one is confirmed): a verdict per row."""
    return await commands.confirm_many(conn, caller.reach, body)


@of_application.post("/decisions", openapi_extra=IDEMPOTENT)
async def decide_many(body: BatchIn, conn: Writing, caller: Writer) -> BatchOut:
    """Up to 1,000 decisions (`application`, `version`, and as one is decided): a verdict per row."""
    return await commands.decide_many(conn, caller.reach, body)


@of_application.post("/{application_id}/appraisal", openapi_extra=IDEMPOTENT)
async def appraise(
    application_id: UUID, body: AppraisalIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> ApplicationOut:
    """The minutes of the group's meeting: who came, how they voted, what was agreed."""
    return _tagged(response, await commands.appraise(conn, caller.reach, application_id, version, body))


@of_application.post("/{application_id}/confirmation", openapi_extra=IDEMPOTENT)
async def confirm(
    application_id: UUID, body: ConfirmationIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> ApplicationOut:
    """What the commune's People's Committee says. From this day the bank has its working days to decide."""
    return _tagged(response, await commands.confirm(conn, caller.reach, application_id, version, body))


@of_application.post("/{application_id}/decision", openapi_extra=IDEMPOTENT)
async def decide(
    application_id: UUID, body: DecisionIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> ApplicationOut:
    """What the bank decides."""
    return _tagged(response, await commands.decide(conn, caller.reach, application_id, version, body))


@of_application.post("/{application_id}/withdrawal", openapi_extra=IDEMPOTENT)
async def withdraw(
    application_id: UUID, body: WithdrawalIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> ApplicationOut:
    """Withdraw it, at any step before money is disbursed."""
    return _tagged(response, await commands.withdraw(conn, caller.reach, application_id, version, body))


def _tagged(response: Response, application: ApplicationOut) -> ApplicationOut:
    etag(response, application.version)
    return application
