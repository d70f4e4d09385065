"""Writes of members."""

from collections.abc import Mapping, Sequence, Set
from datetime import date
from uuid import UUID

from pydantic import ValidationError

from contracts import ethnicities
from contracts.members import MemberCorrected, MemberEnrolled, MemberLeft
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, Row
from services.chassis.errors import Conflict, Fault, FaultOut, Stale, Text, Unprocessable, faults_of, invalid
from services.chassis.paging import fold
from services.members.members import queries
from services.members.members.schemas import (
    BatchIn,
    BatchOut,
    DepartureIn,
    MemberIn,
    MemberOut,
    MemberPatch,
    VerdictOut,
)

SYSTEM = "1979"
Event = MemberEnrolled | MemberCorrected | MemberLeft
Places = tuple[Mapping[UUID, Row], Mapping[UUID, Row]]
COLUMNS = (
    *("id", "unit", "branch", "household", "name", "name_folded", "birth_date", "birth_year", "ethnicity"),
    *("ethnicity_system", "kind", "core", "joined_on", "status", "left_on", "leaving_reason", "poverty_status"),
    *("version", "recorded_at"),
)
INSERT = """
insert into member (id, unit, branch, household, name, name_folded, birth_date, birth_year, ethnicity,
                    ethnicity_system, kind, core, joined_on, status, left_on, leaving_reason, poverty_status,
                    version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) returning 1
"""
UPDATE = """
update member set (id, unit, branch, household, name, name_folded, birth_date, birth_year, ethnicity,
                   ethnicity_system, kind, core, joined_on, status, left_on, leaving_reason, poverty_status,
                   version, recorded_at)
    = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
where id = $1 and version = $20 returning 1
"""


async def enrol(conn: Connection, reach: Set[str], body: MemberIn) -> MemberOut:
    """Enrol a member in a branch. 422 names each field at fault; a place outside `reach` does not exist."""
    places = await queries.places(conn, reach, [body.branch], [body.household] if body.household else [])
    if faults := _faults(body, places):
        raise Unprocessable(faults=faults)
    member = _enrolled(body, places)
    await journal.record(conn, _fact(MemberEnrolled, member, member.joined_on), INSERT, *_values(member))
    return member


async def enrol_many(conn: Connection, reach: Set[str], body: BatchIn, language: str) -> BatchOut:
    """Enrol up to 1,000 members at once: a verdict per row; refused rows do not stop the others."""
    rows: list[MemberIn | list[FaultOut]] = [_parsed(item, language) for item in body.items]
    wanted = [row for row in rows if isinstance(row, MemberIn)]
    places = await queries.places(
        conn,
        reach,
        list({row.branch for row in wanted}),
        list({row.household for row in wanted if row.household}),
    )
    members: list[MemberOut] = []
    verdicts: list[VerdictOut] = []
    for number, row in enumerate(rows):
        errors = _spoken(_faults(row, places), language) if isinstance(row, MemberIn) else row
        if errors or not isinstance(row, MemberIn):
            verdicts.append(VerdictOut(row=number, verdict="refused", errors=errors))
        elif body.validate_only:
            verdicts.append(VerdictOut(row=number, verdict="valid"))
        else:
            members.append(_enrolled(row, places))
            verdicts.append(VerdictOut(row=number, verdict="created", id=members[-1].id, version=1))
    await _insert_many(conn, members)
    await journal.append(conn, *(_fact(MemberEnrolled, member, member.joined_on) for member in members))
    refused = sum(verdict.verdict == "refused" for verdict in verdicts)
    return BatchOut(items=verdicts, created=len(members), refused=refused)


async def correct(conn: Connection, reach: Set[str], member_id: UUID, version: int, body: MemberPatch) -> MemberOut:
    """Correct a member's record, from the beginning or from `effective_on`. 412 if it is no longer at `version`."""
    before = await queries.get(conn, reach, member_id)
    given = body.model_dump(exclude_unset=True, exclude={"effective_on"})
    for name in ("name", "ethnicity", "kind", "core", "joined_on"):
        if name in given and given[name] is None:
            raise invalid(f"/{name}", "null", "Không được để trống", "May not be null")
    member = before.model_copy(update=given)
    places = await queries.places(conn, reach, [member.branch], [member.household] if member.household else [])
    if member.household:
        home = places[1].get(member.household)
        member = member.model_copy(update={"poverty_status": home["poverty_status"] if home else None})
    else:
        member = member.model_copy(update={"poverty_status": None})
    since = body.effective_on or min(before.joined_on, member.joined_on)
    faults = _faults(member, places)
    if body.effective_on and not member.joined_on <= body.effective_on <= today():
        faults.append(
            Fault("/effective_on", "outside", Text("Ngoài thời gian là hội viên", "Outside the time of membership"))
        )
    if member.left_on and member.joined_on > member.left_on:
        faults.append(Fault("/joined_on", "after_leaving", Text("Sau ngày rời Hội", "After the member left")))
    if faults:
        raise Unprocessable(faults=faults)
    return await _update(conn, member, version, MemberCorrected, since)


async def leave(conn: Connection, reach: Set[str], member_id: UUID, version: int, body: DepartureIn) -> MemberOut:
    """End a membership. 409 if it has ended already, 422 before it began or in the future."""
    before = await queries.get(conn, reach, member_id)
    if before.status != "active":
        raise Conflict(Text("Hội viên đã rời Hội", "The member has left already"), slug="member-left")
    if not before.joined_on <= body.left_on <= today():
        raise invalid("/left_on", "outside", "Ngoài thời gian là hội viên", "Outside the time of membership")
    status = "deceased" if body.reason == "deceased" else "left"
    member = before.model_copy(update={"status": status, "left_on": body.left_on, "leaving_reason": body.reason})
    return await _update(conn, member, version, MemberLeft, body.left_on)


async def take_poverty_status(conn: Connection, household: UUID, status: str, since: date) -> None:
    """Carry a household's new status to its active members, each with an event of its own."""
    rows = await conn.fetch(
        """
        update member set poverty_status = $2, version = version + 1, recorded_at = now()
        where household = $1 and status = 'active' and poverty_status is distinct from $2
        returning *
        """,
        household,
        status,
    )
    members = [queries.out(row) for row in rows]
    await journal.append(conn, *(_fact(MemberCorrected, m, max(since, m.joined_on)) for m in members))


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
    branch, home = places[0].get(body.branch), places[1].get(body.household) if body.household else None
    found = []
    if branch is None:
        found.append(Fault("/branch", "unknown", Text("Không có chi hội này", "There is no such branch")))
    elif branch["closed_on"] is not None and isinstance(body, MemberIn):
        found.append(Fault("/branch", "closed", Text("Chi hội đã đóng", "The branch is closed")))
    if body.household and home is None:
        found.append(Fault("/household", "unknown", Text("Không có hộ này", "There is no such household")))
    elif home and branch and home["unit"] != branch["unit"]:
        found.append(Fault("/household", "elsewhere", Text("Hộ ở xã, phường khác", "In another commune")))
    if body.joined_on > today():
        found.append(Fault("/joined_on", "future", Text("Không được ở tương lai", "May not lie in the future")))
    if body.birth_year and body.birth_year > body.joined_on.year:
        found.append(Fault("/birth_year", "after_joining", Text("Sau năm vào Hội", "After the year of joining")))
    if ethnicities.find(body.ethnicity) is None:
        found.append(Fault("/ethnicity", "unknown", Text("Không có mã dân tộc này", "No such ethnic group")))
    return found


def _enrolled(body: MemberIn, places: Places) -> MemberOut:
    home = places[1].get(body.household) if body.household else None
    return MemberOut(
        id=journal.new_id(),
        unit=places[0][body.branch]["unit"],
        ethnicity_system=SYSTEM,
        status="active",
        left_on=None,
        leaving_reason=None,
        poverty_status=home["poverty_status"] if home else None,
        version=1,
        recorded_at=journal.now(),
        **body.model_dump(),
    )


def _fact(event: type[Event], member: MemberOut, occurredon: date) -> journal.Fact:
    data = event.model_validate(member, from_attributes=True)
    return journal.Fact(data, member.id, member.version, occurredon, member.unit, member.branch)


def _values(member: MemberOut) -> tuple[object, ...]:
    """A member in the order of COLUMNS."""
    values = member.model_dump()
    return tuple(fold(member.name or "") if name == "name_folded" else values[name] for name in COLUMNS)


async def _insert_many(conn: Connection, members: Sequence[MemberOut]) -> None:
    """One COPY."""
    if members:
        await conn.copy_records_to_table("member", records=map(_values, members), columns=COLUMNS)


async def _update(conn: Connection, member: MemberOut, version: int, event: type[Event], since: date) -> MemberOut:
    """Write all fields of `member` over `version`."""
    member = member.model_copy(update={"version": version + 1, "recorded_at": journal.now()})
    if not await journal.record(conn, _fact(event, member, since), UPDATE, *_values(member), version):
        raise Stale
    return member
