"""Writes of members."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from contracts import ethnicities, units
from contracts.members import HouseholdSpell, MemberCorrected, MemberEnrolled, MemberSpell, MemberState
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, UniqueViolation
from services.chassis.errors import Conflict, Fault, FaultOut, Stale, Text, Unprocessable, faults_of, invalid
from services.chassis.reach import Reach
from services.chassis.vault import Vault
from services.members import timeline
from services.members.members import numbers, queries
from services.members.members.queries import Places
from services.members.members.record import COLUMNS, HELD, INSERT, SWEEP, UPDATE, Member
from services.members.members.schemas import (
    BatchIn,
    BatchOut,
    MemberIn,
    MemberOut,
    MemberPatch,
    VerdictOut,
)

AHEAD = timedelta(days=366)
"""How far in the future a change may be recorded."""
DATED = ("group", "household", "ethnicity", "kind", "core")
PERSON = ("name", "birth_date", "birth_year", "card_number")
TAKEN = Fault("/citizen_number", "taken", Text("Số định danh đã có", "Somebody has this citizen number already"))


async def enrol(
    conn: Connection, reach: Reach, body: MemberIn, vault: Vault | None = None, language: str = "vi"
) -> MemberOut:
    """Enrol a member in a branch. 422 names each field at fault; a place outside `reach` does not exist."""
    places = await queries.places(conn, reach, [body.branch], _given(body.household), _given(body.group))
    if faults := [*_faults(body, places), *numbers.unkept(body, vault)]:
        raise Unprocessable(faults=faults)
    member = _enrolled(body, places, vault)
    shown = member.on(today())
    row = member.row(today(), shown=shown)
    try:
        await journal.record(conn, member.fact(MemberEnrolled, body.joined_on), INSERT, *row)
    except UniqueViolation:
        raise Conflict(slug="citizen-number-taken", faults=[TAKEN]) from None
    shown.warnings = _spoken(_doubts(body), language)
    return shown


async def enrol_many(
    conn: Connection, reach: Reach, body: BatchIn, language: str, vault: Vault | None = None
) -> BatchOut:
    """Enrol up to 1,000 members at once: a verdict per row; refused rows do not stop the others."""
    rows: list[MemberIn | list[FaultOut]] = [_parsed(item, language) for item in body.items]
    wanted = [row for row in rows if isinstance(row, MemberIn)]
    places = await queries.places(
        conn,
        reach,
        list({row.branch for row in wanted}),
        list({row.household for row in wanted if row.household}),
        list({row.group for row in wanted if row.group}),
    )
    held = await queries.taken(conn, numbers.indexes(wanted, vault)) if vault else set()
    members: list[Member] = []
    verdicts: list[VerdictOut] = []
    for number, row in enumerate(rows):
        if not isinstance(row, MemberIn):
            verdicts.append(VerdictOut(row=number, verdict="refused", errors=row))
            continue
        faults = [*_faults(row, places), *numbers.unkept(row, vault)]
        index = next(iter(numbers.indexes([row], vault)), None)
        if index in held:
            faults.append(TAKEN)
        verdict = VerdictOut(
            row=number,
            verdict="refused" if faults else "valid",
            errors=_spoken(faults, language),
            warnings=_spoken(_doubts(row), language),
        )
        verdicts.append(verdict)
        if faults:
            continue
        if index is not None:
            held.add(index)
        if not body.validate_only:
            members.append(_enrolled(row, places, vault))
            verdict.verdict, verdict.id, verdict.version = "created", members[-1].id, 1
    if members:
        await conn.copy_records_to_table("member", records=[member.row(today()) for member in members], columns=COLUMNS)
        await journal.append(conn, *(member.fact(MemberEnrolled, member.timeline[0].since) for member in members))
    refused = sum(verdict.verdict == "refused" for verdict in verdicts)
    return BatchOut(items=verdicts, created=len(members), refused=refused)


async def correct(
    conn: Connection,
    reach: Reach,
    member_id: UUID,
    version: int,
    body: MemberPatch,
    vault: Vault | None = None,
    language: str = "vi",
) -> MemberOut:
    """Correct a member's record, from the beginning or from `effective_on`. 412 if it is no longer at `version`."""
    before = await at_version(conn, reach, member_id, version)
    if before.erased_on is not None:
        raise Conflict(Text("Hội viên đã được xóa", "The member is erased"), slug="member-erased")
    given = body.model_dump(exclude_unset=True, exclude={"effective_on"})
    for name in ("name", "ethnicity", "kind", "core", "joined_on"):
        if name in given and given[name] is None:
            raise invalid(f"/{name}", "null", "Không được để trống", "May not be null")
    now = before.on(body.effective_on or today())
    wanted = now.model_copy(update=given)
    homes = {home for home in (wanted.household, *(spell.household for spell in before.timeline)) if home}
    known = reach if "household" in given else Reach(reach.units)  # where she lives already may be another branch's
    branches = {spell.branch for spell in before.timeline}
    places = await queries.places(conn, known, branches, homes, _given(wanted.group))
    spells, faults = _corrected(before, now, body, given)
    faults += [*_faults(wanted, places), *numbers.unkept(body, vault)]
    if faults:
        raise Unprocessable(faults=faults)
    person = {name: given[name] for name in PERSON if name in given} | numbers.sealed(member_id, given, vault)
    spells = timeline.placed(spells, places.paths)
    member = before.next(timeline.with_poverty(spells, places.homes), **person)
    since = body.effective_on or min(before.timeline[0].since, member.timeline[0].since)
    try:
        after = await update(conn, member, MemberCorrected, since)
    except UniqueViolation:
        raise Conflict(slug="citizen-number-taken", faults=[TAKEN]) from None
    return after.model_copy(update={"warnings": _spoken(_doubts(wanted), language)})


def _corrected(
    before: Member, now: MemberOut, body: MemberPatch, given: Mapping[str, Any]
) -> tuple[list[MemberSpell], list[Fault]]:
    """The timeline with what is given, and why it cannot be so."""
    spells, faults = before.timeline, []
    dated = {name: given[name] for name in DATED if name in given}
    if body.effective_on is None:
        here = {name: dated.pop(name) for name in ("group", "household") if name in dated}
        spells = timeline.put_right(spells, **dated)
        for name, value in here.items():
            place = (now.branch, getattr(now, name))
            spells = [
                spell.model_copy(update={name: value}) if (spell.branch, getattr(spell, name)) == place else spell
                for spell in spells
            ]
    elif not now.joined_on <= body.effective_on <= today() + AHEAD:
        text = Text("Ngoài thời gian là hội viên", "Outside the time of membership")
        faults.append(Fault("/effective_on", "outside", text))
    else:
        spells = timeline.changed(spells, body.effective_on, **dated)
    if body.joined_on is not None:
        first = timeline.joined(spells, today())
        spells = timeline.uncarried(spells, first, body.joined_on)
        if any(spell.since < body.joined_on for spell in spells[first + 1 :]):
            text = Text("Sau một thay đổi đã ghi nhận", "After a change that is recorded")
            faults.append(Fault("/joined_on", "after_change", text))
        if any(spell.since > body.joined_on for spell in spells[:first]):
            text = Text("Trước khi rời Hội lần trước", "Before she had left the last time")
            faults.append(Fault("/joined_on", "before_leaving", text))
        spells = timeline.moved_start(spells, first, body.joined_on)
    return spells, faults


async def at_version(conn: Connection, reach: Reach, member_id: UUID, version: int) -> Member:
    """The member a change is made to: 404 outside `reach`, 412 if she is no longer at `version`."""
    member = await queries.record(conn, reach, member_id)
    if member.version != version:
        raise Stale
    return member


async def update(conn: Connection, member: Member, event: type[MemberState], since: date) -> MemberOut:
    """Write a member's next version; 412 if another was written meanwhile."""
    shown = member.on(today())
    row = member.row(today(), shown=shown)
    if not await journal.record(conn, member.fact(event, since), UPDATE, *row, member.version - 1):
        raise Stale
    return shown


async def carried_along(conn: Connection, spells: Sequence[MemberSpell]) -> tuple[list[MemberSpell], Places]:
    """A timeline of before with what became known since of where its branches, households and groups were carried, and
    of its households' poverty; and the places in it, locked against being closed."""
    names = {
        name: {value for spell in spells if (value := getattr(spell, name))}
        for name in ("branch", "household", "group")
    }
    province = Reach(units.subtree(units.province_of(spells[0].unit)))
    places = await queries.places(conn, province, *names.values())
    groups = {group: queries.GROUP.validate_json(row["timeline"]) for group, row in places.groups.items()}
    spells = timeline.followed(spells, {**places.homes, **groups})
    if fresh := {spell.branch for spell in spells} - names["branch"]:
        more = await queries.places(conn, province, fresh, [])
        places = places._replace(branches=places.branches | more.branches, paths=places.paths | more.paths)
    return timeline.with_poverty(timeline.placed(spells, places.paths), places.homes), places


async def sweep(conn: Connection, day: date | None = None) -> None:
    """Bring what lists show to a day (today) where a change recorded ahead has come: nothing new, so no event.

    A member written meanwhile is left alone, as her writer has done it.
    """
    day = day or today()
    due = await queries.due(conn, day)
    await conn.executemany(SWEEP, [(member.id, member.version, *member.row(day, HELD)) for member in due])


async def take_poverty_status(conn: Connection, household: UUID, home: Sequence[HouseholdSpell], since: date) -> None:
    """Carry a household's statuses to the members in it, each with an event of its own if it changes."""
    news = [
        after
        for member in await queries.of_household(conn, household)
        if (after := member.next(timeline.with_poverty(member.timeline, {household: home}))).timeline != member.timeline
    ]
    await update_many(conn, [(member, max(since, member.timeline[0].since)) for member in news], MemberCorrected)


async def update_many(conn: Connection, news: Sequence[tuple[Member, date]], event: type[MemberState]) -> None:
    """Write the next versions of members whose rows this transaction holds locked, each with the day it counts from."""
    await conn.executemany(UPDATE, [(*member.row(today()), member.version - 1) for member, _ in news])
    await journal.append(conn, *(member.fact(event, since) for member, since in news))


async def reseal(conn: Connection, vault: Vault, after: UUID) -> UUID | None:
    """Seal again, under the newest data key, the numbers of the next few members; the last one's id, None at the end.

    It is no change of a member: no version, no event. Rows that somebody is changing are waited for.
    """
    rows = await conn.fetch(
        """
        select id, citizen_sealed, phone_sealed from member
        where id > $1 and (citizen_sealed is not null or phone_sealed is not null)
        order by id limit 500 for update
        """,
        after,
    )
    news = [(row["id"], *(numbers.resealed(row, name, vault) for name in numbers.FIELDS)) for row in rows]
    await conn.executemany("update member set citizen_sealed = $2, phone_sealed = $3 where id = $1", news)
    return rows[-1]["id"] if rows else None


def _parsed(item: dict[str, object], language: str) -> MemberIn | list[FaultOut]:
    try:
        return MemberIn.model_validate(item)
    except ValidationError as error:
        found = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
        return [FaultOut(**fault) for fault in faults_of(found, language)]


def _spoken(faults: Sequence[Fault], language: str) -> list[FaultOut]:
    return [FaultOut(pointer=f.pointer, code=f.code, message=f.message.spoken(language)) for f in faults]


def _faults(body: MemberIn | MemberOut, places: Places) -> list[Fault]:
    """Every rule of domain that the row breaks."""
    found = unplaced(places, body.branch, body.household, still=isinstance(body, MemberOut))
    if body.group and (places.groups.get(body.group) or {"branch": None})["branch"] != body.branch:
        text = Text("Chi hội không có tổ đang hoạt động này", "The branch has no such open group")
        found.append(Fault("/group", "unknown", text))
    if body.joined_on > today():
        found.append(Fault("/joined_on", "future", Text("Không được ở tương lai", "May not lie in the future")))
    if body.birth_year and body.birth_year > body.joined_on.year:
        found.append(Fault("/birth_year", "after_joining", Text("Sau năm vào Hội", "After the year of joining")))
    if ethnicities.find(body.ethnicity) is None:
        found.append(Fault("/ethnicity", "unknown", Text("Không có mã dân tộc này", "No such ethnic group")))
    return found


def _doubts(body: MemberIn | MemberOut) -> list[Fault]:
    return numbers.warnings(body.citizen_number, body.birth_year, ordinary=body.kind == "ordinary")


def _given(place: UUID | None) -> list[UUID]:
    return [place] if place else []


def unplaced(
    places: Places, branch: UUID, household: UUID | None, pointer: str = "/branch", *, still: bool = False
) -> list[Fault]:
    """Why nobody can be a member of the branch, at `pointer`, and the household; `still`, if she is one already."""
    there, home = places.branches.get(branch), places.homes.get(household) if household else None
    found = []
    if there is None:
        found.append(Fault(pointer, "unknown", Text("Không có chi hội này", "There is no such branch")))
    elif there["closed_on"] is not None and not still:
        found.append(Fault(pointer, "closed", Text("Chi hội đã đóng", "The branch is closed")))
    if household and home is None:
        found.append(Fault("/household", "unknown", Text("Không có hộ này", "There is no such household")))
    elif home and there and home[-1].unit != there["unit"]:
        found.append(Fault("/household", "elsewhere", Text("Hộ ở xã, phường khác", "In another commune")))
    return found


def _enrolled(body: MemberIn, places: Places, vault: Vault | None) -> Member:
    given = vars(body)
    spell = MemberSpell(
        since=body.joined_on,
        cause="began",
        unit=places.branches[body.branch]["unit"],
        branch=body.branch,
        status="active",
        **{name: given[name] for name in DATED},
    )
    spells = timeline.with_poverty(timeline.placed([spell], places.paths), places.homes)
    member_id = journal.new_id()
    person = {name: given[name] for name in PERSON} | numbers.sealed(member_id, given, vault)
    return Member(id=member_id, version=1, recorded_at=journal.now(), timeline=spells, **person)
