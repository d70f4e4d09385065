"""Two records of one person become one, and two again if that was a mistake."""

from collections.abc import Sequence
from uuid import UUID

from pydantic_core import to_json

from contracts.members import MemberCorrected, MemberMerged, MemberSpell, MemberUnmerged
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, UniqueViolation
from services.chassis.errors import Conflict, Gone, NotFound, Text, invalid
from services.chassis.reach import Reach
from services.members import timeline
from services.members.members import queries as members
from services.members.members.commands import TAKEN, at_version, carried_along, update
from services.members.members.record import TIMELINE, Member
from services.members.members.schemas import MemberOut
from services.members.merges import queries
from services.members.merges.schemas import MergeIn, UnmergeIn
from services.members.transfers.commands import void

MERGE = """
update member set timeline = '[]', due_on = null, household = null, poverty_status = null, status = 'merged',
                  left_on = null, leaving_reason = null, version = $2, recorded_at = $3
where id = $1 and version = $2 - 1 returning 1
"""


async def merge(conn: Connection, reach: Reach, member_id: UUID, version: int, body: MergeIn) -> MemberOut:
    """Merge a duplicate into a member. 404 outside `reach`, 412 if she is no longer at `version`, 422 if there is no
    such other record."""
    if body.duplicate == member_id:
        raise invalid("/duplicate", "same", "Trùng với chính bản ghi này", "It is this record itself")
    await members.lock(conn, member_id, body.duplicate)
    survivor = await at_version(conn, reach, member_id, version)
    try:
        duplicate = await members.record(conn, reach, body.duplicate)
    except (NotFound, Gone):
        raise invalid("/duplicate", "unknown", "Không có hội viên này", "There is no such member") from None
    spells, since = survivor.timeline, duplicate.timeline[0].since
    if body.keep == "earliest":
        spells = timeline.taken_over(spells, duplicate.timeline)
        if any(spell.status == "deceased" and spell.since < survivor.timeline[0].since for spell in spells):
            raise invalid("/keep", "deceased", "Bản ghi kia ghi đã mất trước đó", "By the other record she had died")
    await journal.record(conn, _fact(survivor, duplicate), MERGE, duplicate.id, duplicate.version + 1, journal.now())
    await _keep(conn, survivor, duplicate, spells)
    await void(conn, duplicate.id)
    if spells == survivor.timeline:
        return survivor.on(today())
    return await update(conn, survivor.next(spells), MemberCorrected, since)


async def unmerge(conn: Connection, reach: Reach, member_id: UUID, version: int, body: UnmergeIn) -> MemberOut:
    """Undo a merge: the duplicate is what it was, and what this record took over from it is given back.

    404 outside `reach`, 412 if she is no longer at `version`, 422 if nothing was merged so, 409 if the duplicate's
    place is no longer there, or its citizen number another's.
    """
    await members.lock(conn, member_id, body.duplicate)
    survivor = await at_version(conn, reach, member_id, version)
    kept = await queries.kept(conn, reach, member_id, body.duplicate)
    if kept is None:
        raise invalid("/duplicate", "unknown", "Không được gộp vào bản ghi này", "It was not merged into this record")
    duplicate = kept.duplicate.next(await _restored(conn, kept.timeline))
    try:
        await update(conn, duplicate, MemberUnmerged, duplicate.timeline[0].since)
    except UniqueViolation:
        raise Conflict(slug="citizen-number-taken", faults=[TAKEN]) from None
    await conn.execute("delete from merge where duplicate = $1", duplicate.id)
    if kept.before == kept.after:
        return survivor.on(today())
    own = kept.before
    if survivor.timeline != kept.after:
        own = timeline.given_back(survivor.timeline, own[0].since)
        if not own or own[0].status != "active":
            text = Text("Hãy hủy thay đổi ghi sau khi gộp trước", "Take back what was recorded since the merge first")
            raise Conflict(text, slug="survivor-changed")
    return await update(conn, survivor.next(own), MemberCorrected, kept.after[0].since)


async def _restored(conn: Connection, spells: Sequence[MemberSpell]) -> list[MemberSpell]:
    """The timeline as kept, with what became known of its places since; 409 if they are no longer there."""
    spells, places = await carried_along(conn, spells)
    for spell, until in timeline.spans(spells):
        branch = places.branches.get(spell.branch)
        if spell.status == "active" and until > today() and (branch is None or branch["closed_on"] is not None):
            raise Conflict(
                Text("Chi hội của bản ghi không còn", "The record's branch is no longer there"), slug="place-gone"
            )
    return spells


async def carry_merged(conn: Connection, branches: Sequence[UUID]) -> None:
    """Merged records are found where an unmerge would put them: those of these branches, which have been carried."""
    await conn.execute(
        """
        update member set unit = branch.unit from branch
        where branch.id = any($1) and member.branch = branch.id and status = 'merged' and member.unit <> branch.unit
        """,
        branches,
    )
    rows = await conn.fetch(
        """
        select member.id, merge.timeline from merge join member on member.id = duplicate
        where branch = any($1) order by member.id for update of member
        """,
        branches,
    )
    for row in rows:
        spells, _ = await carried_along(conn, TIMELINE.validate_json(row["timeline"]))
        here = timeline.nearest(spells, today())
        await conn.execute("update member set unit = $2, branch = $3 where id = $1", row["id"], here.unit, here.branch)


def _fact(survivor: Member, duplicate: Member) -> journal.Fact:
    data = MemberMerged(
        ethnicity_system=duplicate.ethnicity_system,
        birth_year=duplicate.birth_year,
        merged_into=survivor.id,
        timeline=[],
    )
    here = timeline.nearest(duplicate.timeline, today())
    since = duplicate.timeline[0].since
    return journal.Fact(data, duplicate.id, duplicate.version + 1, since, here.unit, here.branch)


async def _keep(conn: Connection, survivor: Member, duplicate: Member, spells: Sequence[MemberSpell]) -> None:
    """Keep what a merge takes away."""
    await conn.execute(
        """
        insert into merge (duplicate, survivor, timeline, survivor_before, survivor_after, merged_at)
        values ($1, $2, $3, $4, $5, $6)
        """,
        duplicate.id,
        survivor.id,
        *(to_json(kept).decode() for kept in (duplicate.timeline, survivor.timeline, spells)),
        journal.now(),
    )
