"""HTTP door of consents and of the catalogue of purposes."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from contracts.calendars import Day
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.web import IDEMPOTENT, Recorded, Writing, noun
from services.members.access_log.api import Viewing
from services.members.access_log.commands import show
from services.members.consents import commands, purposes, queries
from services.members.consents.schemas import (
    ConsentIn,
    ConsentsOut,
    EntryOut,
    PurposeOut,
    PurposesOut,
    WithdrawalIn,
)

catalogue, of_member = noun("purposes"), noun("members")
Reader = Annotated[Caller, Depends(needs("members:read"))]
Writer = Annotated[Caller, Depends(needs("members:write"))]


@of_member.post("/{member_id}/consents", status_code=201, openapi_extra=IDEMPOTENT)
async def give_consent(member_id: UUID, body: ConsentIn, conn: Writing, caller: Writer) -> EntryOut:
    """Record a member's consent to one purpose."""
    return (await commands.give(conn, caller.reach, member_id, body, caller.subject)).masked()


@of_member.post("/{member_id}/consents/withdrawals", status_code=201, openapi_extra=IDEMPOTENT)
async def withdraw_consent(member_id: UUID, body: WithdrawalIn, conn: Writing, caller: Writer) -> EntryOut:
    """Record that a member withdrew a consent."""
    return (await commands.withdraw(conn, caller.reach, member_id, body, caller.subject)).masked()


@of_member.get("/{member_id}/consents")
async def read_consents(
    member_id: UUID,
    conn: Recorded,
    caller: Reader,
    viewer: Viewing,
    on: Annotated[Day | None, Query(description="As of the end of this day; default today")] = None,
) -> ConsentsOut:
    """A member's consents as of any day, and the ledger."""
    entries = await queries.ledger(conn, caller.reach, member_id)
    day = on or today()
    return ConsentsOut(on=day, consents=queries.as_of(entries, day), ledger=await show(conn, viewer, entries))


@catalogue.get("")
async def list_purposes(_: Reader) -> PurposesOut:
    """What personal data may be processed for: what a consent names, and the Purpose header of a personal read."""
    return PurposesOut(items=[PurposeOut(**purpose._asdict()) for purpose in purposes.catalogue().values()])
