"""Leaving the Union and coming back to it."""

from uuid import UUID

from contracts.members import MemberLeft, MemberRejoined
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Conflict, Text, Unprocessable, invalid
from services.chassis.reach import Reach
from services.members import timeline
from services.members.departures.schemas import DepartureIn, RejoinIn
from services.members.members import queries
from services.members.members.commands import AHEAD, at_version, unplaced, update
from services.members.members.schemas import MemberOut
from services.members.transfers.commands import void


async def leave(conn: Connection, reach: Reach, member_id: UUID, version: int, body: DepartureIn) -> MemberOut:
    """End a membership. 409 if it has ended already, 422 before it began, before she moved, or too far ahead."""
    before = await at_version(conn, reach, member_id, version)
    now = before.on(max(body.left_on, today()))
    if now.status != "active":
        raise Conflict(Text("Hội viên đã rời Hội", "The member has left already"), slug="member-left")
    moved = max(spell.since for spell in before.timeline if spell.cause not in ("changed", "reorganised"))
    if not moved <= body.left_on <= today() + AHEAD:
        raise invalid("/left_on", "outside", "Ngoài thời gian là hội viên ở đây", "Outside the time of membership here")
    status = "deceased" if body.reason == "deceased" else "left"
    spells = timeline.changed(before.timeline, body.left_on, "ended", status=status, leaving_reason=body.reason)
    member = await update(conn, before.next(timeline.compact(spells)), MemberLeft, body.left_on)
    await void(conn, member_id)
    return member


async def rejoin(conn: Connection, reach: Reach, member_id: UUID, version: int, body: RejoinIn) -> MemberOut:
    """Take a member back who had left. 409 if she has not left or has died, 422 before she left or too far ahead."""
    before = await at_version(conn, reach, member_id, version)
    last = before.timeline[-1]
    if last.status == "active":
        raise Conflict(Text("Hội viên chưa rời Hội", "The member has not left"), slug="member-active")
    if last.status == "deceased":
        raise Conflict(Text("Hội viên đã mất", "The member has died"), slug="member-deceased")
    left = max(spell.since for spell in before.timeline if spell.cause == "ended")
    if not left <= body.joined_on <= today() + AHEAD or not timeline.stays(before.timeline, body.joined_on):
        raise invalid("/joined_on", "outside", "Trước ngày rời Hội hoặc quá xa", "Before she left, or too far ahead")
    places = await queries.places(conn, reach, [body.branch], [body.household] if body.household else [])
    if faults := unplaced(places, body.branch, body.household):
        raise Unprocessable(faults=faults)
    spells = timeline.changed(
        timeline.settled(before.timeline, body.joined_on),
        body.joined_on,
        "resumed",
        unit=places.branches[body.branch]["unit"],
        group=None,
        status="active",
        leaving_reason=None,
        **body.model_dump(include={"branch", "household"}),
        **body.model_dump(include={"kind", "core"}, exclude_none=True),
    )
    spells = timeline.with_poverty(timeline.placed(spells, places.paths), places.homes)
    return await update(conn, before.next(spells), MemberRejoined, body.joined_on)
