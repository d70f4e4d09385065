"""Reads of history: the timeline in words, and the versions the journal holds."""

from collections.abc import Sequence, Set
from datetime import date, datetime
from uuid import UUID

from contracts import units
from contracts.members import MemberSpell, MemberState
from services.chassis.db import Connection
from services.chassis.errors import NotFound, Text
from services.chassis.reach import Reach
from services.members import timeline
from services.members.history.schemas import HistoryOut, SpellOut, VersionOut

CAUSES = {
    "began": Text("Vào Hội", "Joined"),
    "changed": Text("Thay đổi thông tin", "Details changed"),
    "moved": Text("Chuyển sinh hoạt", "Transferred"),
    "reorganised": Text("Sắp xếp đơn vị", "Units were reorganised"),
    "ended": Text("Rời Hội", "Left"),
    "resumed": Text("Vào Hội lại", "Rejoined"),
}
RECORDED = {
    "enrolled": Text("Kết nạp", "Enrolled"),
    "corrected": Text("Đính chính hoặc thay đổi", "Corrected or changed"),
    "left": Text("Rời Hội", "Left"),
    "transferred": Text("Chuyển sinh hoạt", "Transferred"),
    "rejoined": Text("Vào Hội lại", "Rejoined"),
    "merged": Text("Gộp vào bản ghi khác", "Merged into another record"),
    "unmerged": Text("Hủy gộp", "Merge undone"),
}


async def history(
    conn: Connection, reach: Reach, member_id: UUID, language: str, on: date | None, known_at: datetime | None
) -> HistoryOut:
    """A member's history up to a day (default: all that is known, to come too), as known at a time (default: now).

    404 outside `reach`, or if nothing was known then.
    """
    rows = await conn.fetch(
        """
        select type, journal.version, journal.recorded_at, occurred_on, actor,
               case when journal.version = max(journal.version) over () then data end as data,
               member.unit as member_unit, member.branch as member_branch
        from journal join member on member.id = subject
        where subject = $1 and ($2::timestamptz is null or journal.recorded_at <= $2)
        order by journal.version
        """,
        member_id,
        known_at,
    )
    if not rows or not reach.covers(rows[0]["member_unit"], rows[0]["member_branch"]):
        raise NotFound
    state = MemberState.model_validate_json(rows[-1]["data"], extra="ignore")
    spells = [spell for spell in state.timeline if on is None or spell.since <= on]
    names = await _branch_names(conn, {spell.branch for spell in spells})
    return HistoryOut(
        member=member_id,
        merged_into=state.merged_into,
        timeline=[_spell(spells, number, until, names, language) for number, until in _numbered(state, spells)],
        versions=[
            VersionOut(said=_recorded(row["type"], language), **{name: row[name] for name in _OF_ROW}) for row in rows
        ],
    )


_OF_ROW = ("version", "type", "recorded_at", "occurred_on", "actor")


def _numbered(state: MemberState, spells: Sequence[MemberSpell]) -> Sequence[tuple[int, date | None]]:
    ends = [None if until == date.max else until for _, until in timeline.spans(state.timeline)]
    return list(enumerate(ends[: len(spells)]))


def _spell(
    spells: Sequence[MemberSpell], number: int, until: date | None, names: dict[UUID, str], language: str
) -> SpellOut:
    spell = spells[number]
    values = spell.model_dump()
    before = spells[number - 1].model_dump() if number else values
    unit = units.find(spell.unit)
    return SpellOut(
        **values,
        until=until,
        said=CAUSES[spell.cause].spoken(language),
        changed=[name for name in values if name not in ("since", "cause") and values[name] != before[name]],
        unit_name=unit.name if unit else spell.unit,
        branch_name=names.get(spell.branch, ""),
    )


def _recorded(kind: str, language: str) -> str:
    verb = kind.split(".")[4]
    return RECORDED[verb].spoken(language) if verb in RECORDED else verb


async def _branch_names(conn: Connection, branches: Set[UUID]) -> dict[UUID, str]:
    rows = await conn.fetch("select id, name from branch where id = any($1)", list(branches))
    return {row["id"]: row["name"] for row in rows}
