"""HTTP doors of membership fees: of a member, and of many at once."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from contracts.offices import Fee
from services.chassis.auth import Caller, needs
from services.chassis.context import context
from services.chassis.web import IDEMPOTENT, IfMatch, Reading, Writing, etag, noun
from services.members.fees import commands
from services.members.fees.schemas import CollectionIn, CollectionOut, FeeIn, FeesOut, Year
from services.members.members import queries

router, of_member = noun("fees"), noun("members")
Reader = Annotated[Caller, Depends(needs("members:read"))]
Writer = Annotated[Caller, Depends(needs("members:write"))]


@router.post("/batch", openapi_extra=IDEMPOTENT)
async def collect_fees(body: CollectionIn, conn: Writing, caller: Writer) -> CollectionOut:
    """Record one year's fee of up to 1,000 members; a verdict for each."""
    return await commands.collect(conn, caller.reach, body, context().language)


@of_member.get("/{member_id}/fees")
async def list_fees(member_id: UUID, conn: Reading, caller: Reader, response: Response) -> FeesOut:
    """A member's fees by year."""
    member = await queries.record(conn, caller.reach, member_id)
    etag(response, member.version)
    return FeesOut(items=member.fees)


@of_member.put("/{member_id}/fees/{year}")
async def record_fee(
    member_id: UUID, year: Year, body: FeeIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> Fee:
    """Record that a member paid the fee of a year, or is exempt from it."""
    fee, number = await commands.record(conn, caller.reach, member_id, year, version, body)
    etag(response, number)
    return fee


@of_member.delete("/{member_id}/fees/{year}", status_code=204)
async def remove_fee(
    member_id: UUID, year: Year, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> None:
    """Take back a fee that was recorded by mistake."""
    etag(response, await commands.remove(conn, caller.reach, member_id, year, version))
