"""Writes of membership fees. They are part of the member's state: who has paid is counted by person."""

from uuid import UUID

from contracts.members import MemberFeesChanged
from contracts.offices import Fee
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Fault, FaultOut, NotFound, Text, Unprocessable
from services.chassis.reach import Reach
from services.members import timeline
from services.members.fees.schemas import CollectedOut, CollectionIn, CollectionOut, FeeIn
from services.members.members import queries
from services.members.members.commands import at_version, update, update_many
from services.members.members.record import Member


async def record(
    conn: Connection, reach: Reach, member_id: UUID, year: int, version: int, body: FeeIn
) -> tuple[Fee, int]:
    """Record the fee of one year; said again, it replaces."""
    member = await at_version(conn, reach, member_id, version)
    fee = Fee(year=year, **body.model_dump())
    if fault := _fault(member, fee):
        raise Unprocessable(faults=[fault])
    after = await update(conn, _with(member, fee), MemberFeesChanged, fee.on)
    return fee, after.version


async def remove(conn: Connection, reach: Reach, member_id: UUID, year: int, version: int) -> int:
    """A fee that was recorded by mistake was never paid."""
    member = await at_version(conn, reach, member_id, version)
    fee = next((fee for fee in member.fees if fee.year == year), None)
    if fee is None:
        raise NotFound
    left = [other for other in member.fees if other.year != year]
    return (await update(conn, member.next(member.timeline, fees=left), MemberFeesChanged, fee.on)).version


async def collect(conn: Connection, reach: Reach, body: CollectionIn, language: str) -> CollectionOut:
    """Record one year's fee of up to 1,000 members; a verdict each; who is refused does not stop the others."""
    found = {member.id: member for member in await queries.locked(conn, reach, body.members)}
    fee = Fee(year=body.year, standing=body.standing, on=body.on)
    verdicts: list[CollectedOut] = []
    news: dict[UUID, Member] = {}
    for member_id in body.members:
        member = news.get(member_id) or found.get(member_id)
        unknown = Fault("/member", "unknown", Text("Không có hội viên này", "There is no such member"))
        fault = _fault(member, fee) if member else unknown
        if member is None or fault:
            assert fault is not None
            told = FaultOut(pointer=fault.pointer, code=fault.code, message=fault.message.spoken(language))
            verdicts.append(CollectedOut(member=member_id, verdict="refused", errors=[told]))
        elif fee in member.fees:
            verdicts.append(CollectedOut(member=member_id, verdict="unchanged", version=member.version))
        else:
            after = news[member_id] = _with(member, fee)
            verdicts.append(CollectedOut(member=member_id, verdict="recorded", version=after.version))
    await update_many(conn, [(member, fee.on) for member in news.values()], MemberFeesChanged)
    refused = sum(verdict.verdict == "refused" for verdict in verdicts)
    return CollectionOut(items=verdicts, recorded=len(news), refused=refused)


def _with(member: Member, fee: Fee) -> Member:
    others = [other for other in member.fees if other.year != fee.year]
    return member.next(member.timeline, fees=sorted([*others, fee], key=lambda each: each.year))


def _fault(member: Member, fee: Fee) -> Fault | None:
    """Why a fee cannot be recorded: nobody pays before she joins, for a year before, or ahead of today."""
    if fee.on > today():
        return Fault("/on", "future", Text("Không được ở tương lai", "May not lie in the future"))
    spell = timeline.at(member.timeline, fee.on)
    if spell is None or spell.status != "active" or fee.year < member.timeline[0].since.year:
        return Fault("/on", "outside", Text("Ngoài thời gian là hội viên", "Outside the time of membership"))
    return None
