"""Reads of merges."""

from typing import NamedTuple
from uuid import UUID

from contracts.members import MemberSpell
from services.chassis.db import Connection
from services.chassis.reach import Reach
from services.members.members.record import TIMELINE, Member


class Kept(NamedTuple):
    """What a merge took away: the duplicate's timeline, and the survivor's before and after."""

    duplicate: Member
    timeline: list[MemberSpell]
    before: list[MemberSpell]
    after: list[MemberSpell]


async def kept(conn: Connection, reach: Reach, survivor: UUID, duplicate: UUID) -> Kept | None:
    """What was kept of a merge, if there was one and the duplicate is inside `reach`."""
    row = await conn.fetchrow(
        """
        select member.*, merge.timeline as kept, survivor_before, survivor_after
        from merge join member on member.id = duplicate
        where duplicate = $1 and survivor = $2
        """,
        duplicate,
        survivor,
    )
    if row is None or not reach.covers(row["unit"], row["branch"]):
        return None
    kept, before, after = (TIMELINE.validate_json(row[name]) for name in ("kept", "survivor_before", "survivor_after"))
    return Kept(Member.of(row), kept, before, after)
