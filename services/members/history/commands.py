"""What was recorded of a member's life, taken back."""

from datetime import date
from uuid import UUID

from contracts.members import MemberCorrected
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Text
from services.chassis.reach import Reach
from services.members import timeline
from services.members.members import queries
from services.members.members.commands import at_version, carried_along, unplaced, update
from services.members.members.schemas import MemberOut
from services.members.transfers.commands import cancel


async def take_back(conn: Connection, reach: Reach, member_id: UUID, version: int, since: date) -> MemberOut:
    """Undo what last began on a day, planned or past, as if it had never been recorded.

    404 if nothing began then, 412 if she is no longer at `version`. 409 for the first joining, for a reorganisation,
    for a change that follows from her household, where a later change of place or membership builds on it, and where
    the place she would be back in is closed or, once she has moved, another commune's.
    """
    await queries.lock(conn, member_id)
    before = await at_version(conn, reach, member_id, version)
    number = max((n for n, spell in enumerate(before.timeline) if spell.since == since), default=None)
    if number is None:
        raise NotFound
    gone = before.timeline[number]
    if gone.cause in ("began", "reorganised"):
        raise _refused("Không hủy được: bắt đầu hoặc sắp xếp đơn vị", "A beginning or a reorganisation stays")
    back = before.timeline[number - 1]
    passage = gone.cause in timeline.PASSAGES
    if passage and (
        any(spell.cause in timeline.PASSAGES for spell in before.timeline[number + 1 :])
        or not timeline.stays(before.timeline, since)
    ):
        raise _refused("Hãy hủy thay đổi sau đó trước", "Take back what came later first")
    whole = before.timeline if gone.cause == "ended" or not passage else timeline.settled(before.timeline, since)
    spells, places = await carried_along(conn, timeline.without(whole, number))
    there = timeline.stay(spells, since)
    if since <= today() and not reach.covers(there.unit, there.branch):
        raise _refused("Nơi trước đó do đơn vị khác quản lý", "The place before is another's")
    if passage and back.status == "active" and unplaced(places, there.branch, None):
        raise _refused("Chi hội trước đó đã đóng", "The branch before is closed")
    if spells == before.timeline:
        raise _refused("Theo tình trạng của hộ", "It follows from the household's status")
    if gone.cause == "moved":
        await cancel(conn, member_id, since)
    return await update(conn, before.next(spells), MemberCorrected, since)


def _refused(vi: str, en: str) -> Conflict:
    return Conflict(Text(vi, en), slug="not-taken-back")
