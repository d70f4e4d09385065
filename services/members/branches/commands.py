"""Writes of branches."""

from datetime import date
from uuid import UUID

from pydantic_core import to_json

from contracts import units
from contracts.members import BranchClosed, BranchCorrected, BranchCreated, BranchSpell
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, UniqueViolation
from services.chassis.errors import Conflict, Fault, NotFound, Stale, Text, invalid
from services.chassis.paging import fold
from services.chassis.reach import Reach
from services.members.branches import queries
from services.members.branches.schemas import BranchIn, BranchOut, BranchPatch, ClosingIn
from services.members.reorganisations.locks import apart
from services.members.reorganisations.queries import Went, successors
from services.members.timeline import carried, changed, done_last, moved_start, put_right

COLUMNS = ("id", "unit", "name", "name_folded", "kind", "opened_on", "closed_on", "timeline", "version", "recorded_at")
INSERT = """
insert into branch (id, unit, name, name_folded, kind, opened_on, closed_on, timeline, version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning 1
"""
UPDATE = """
update branch set (id, unit, name, name_folded, kind, opened_on, closed_on, timeline, version, recorded_at)
    = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
where id = $1 and version = $9 - 1 returning 1
"""
Event = BranchCreated | BranchCorrected | BranchClosed
SAME_NAME = Conflict(
    Text("Đã có chi hội đang hoạt động cùng tên trong xã, phường này", "An open branch of this commune has this name"),
    slug="branch-name-taken",
    faults=[Fault("/name", "taken", Text("Tên đã được dùng", "Name already used"))],
)


async def create(conn: Connection, reach: Reach, body: BranchIn) -> BranchOut:
    """Open a branch. 404 outside `reach`, 422 in the future or after the unit's end, 409 if the name is taken.

    In a unit of before that a plan has reorganised, it was carried too: 422 names the successors if there are several.
    """
    unit = units.find(body.unit, body.unit_on)
    if unit is None:
        raise NotFound
    _check_day("/opened_on", body.opened_on, unit.valid_to)
    spells = [BranchSpell(since=body.opened_on, cause="began", unit=unit.key, kind=body.kind, open=True)]
    for went in await _went(conn, reach, unit):
        spells = carried(spells, went.since, {"unit": unit.key}, unit=went.to)
    branch = BranchOut(
        id=journal.new_id(),
        unit=spells[-1].unit,
        closed_on=None,
        timeline=spells,
        version=1,
        recorded_at=journal.now(),
        **body.model_dump(exclude={"unit"}),
    )
    if branch.unit not in reach:
        raise NotFound
    try:
        await journal.record(conn, _fact(BranchCreated, branch, branch.opened_on), INSERT, *_row(branch))
    except UniqueViolation:
        raise SAME_NAME from None
    return branch


async def _went(conn: Connection, reach: Reach, unit: units.Unit) -> list[Went]:
    """Where a unit of before went, if a plan says so; 422 with the candidates inside `reach` if that is ambiguous."""
    went = await successors(conn, unit.key) if unit.valid_to else []
    if len(went) > 1 and (candidates := [each.to for each in went if each.to in reach]):
        named = ", ".join(candidates)
        text = f"Đơn vị này đã chia thành {named}", f"This unit was divided among {named}"
        raise invalid("/unit", "ambiguous", *text)
    return went


async def correct(conn: Connection, reach: Reach, branch_id: UUID, version: int, body: BranchPatch) -> BranchOut:
    """Correct a branch's record, from its beginning. 412 if it is no longer at `version`, 409 if the name is taken."""
    before = await queries.get(conn, reach, branch_id)
    branch = before.model_copy(update=body.model_dump(exclude_unset=True, exclude_none=True))
    later = before.timeline[1].since if len(before.timeline) > 1 else None
    _check_day("/opened_on", branch.opened_on, later)
    spells = moved_start(put_right(before.timeline, kind=branch.kind), 0, branch.opened_on)
    branch = branch.model_copy(update={"timeline": spells})
    try:
        return await _update(conn, branch, version, BranchCorrected, min(before.opened_on, branch.opened_on))
    except UniqueViolation:
        raise SAME_NAME from None


async def close(conn: Connection, reach: Reach, branch_id: UUID, version: int, body: ClosingIn) -> BranchOut:
    """Close a branch. 409 if it is closed already or has active members."""
    await apart(conn)
    branch = await queries.get(conn, reach, branch_id)
    if branch.closed_on is not None:
        raise Conflict(Text("Chi hội đã đóng", "The branch is closed already"), slug="branch-closed")
    if body.closed_on < done_last(branch.timeline):
        raise invalid("/closed_on", "before_opening", "Trước ngày thành lập", "Before the branch was opened")
    _check_day("/closed_on", body.closed_on)
    if await queries.has_active_members(conn, branch_id):
        raise Conflict(Text("Chi hội còn hội viên", "The branch has active members"), slug="branch-not-empty")
    spells = changed(branch.timeline, body.closed_on, "ended", open=False)
    closed = branch.model_copy(update={"closed_on": body.closed_on, "timeline": spells})
    return await _update(conn, closed, version, BranchClosed, body.closed_on)


async def _update(conn: Connection, branch: BranchOut, version: int, event: type[Event], occurredon: date) -> BranchOut:
    """Write all fields of `branch` over `version`."""
    branch = branch.model_copy(update={"version": version + 1, "recorded_at": journal.now()})
    if not await journal.record(conn, _fact(event, branch, occurredon), UPDATE, *_row(branch)):
        raise Stale
    return branch


def _row(branch: BranchOut) -> tuple[object, ...]:
    """A branch in the order of COLUMNS."""
    values = branch.model_dump() | {
        "name_folded": fold(branch.name),
        "timeline": to_json(branch.timeline).decode(),
    }
    return tuple(values[name] for name in COLUMNS)


def _fact(event: type[Event], branch: BranchOut, occurredon: date) -> journal.Fact:
    return journal.Fact(event(timeline=branch.timeline), branch.id, branch.version, occurredon, branch.unit, branch.id)


def _check_day(pointer: str, day: date, latest: date | None = None) -> None:
    if day > today():
        raise invalid(pointer, "future", "Không được ở tương lai", "May not lie in the future")
    if latest is not None and day > latest:
        raise invalid(
            pointer,
            "after_closing",
            "Sau khi chi hội hoặc đơn vị đã thay đổi",
            "After it, or its unit, ended or changed",
        )
