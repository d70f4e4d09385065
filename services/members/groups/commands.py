"""Writes of groups."""

from datetime import date
from uuid import UUID

from pydantic_core import to_json

from contracts.members import GroupClosed, GroupCorrected, GroupCreated, GroupSpell
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, UniqueViolation
from services.chassis.errors import Conflict, Fault, Stale, Text, invalid
from services.chassis.paging import fold
from services.chassis.reach import Reach
from services.members.branches.schemas import ClosingIn
from services.members.groups import queries
from services.members.groups.schemas import GroupIn, GroupOut, GroupPatch
from services.members.households.queries import branches
from services.members.members.queries import PATH, places
from services.members.timeline import changed, done_last, moved_start, placed, uncarried

COLUMNS = (
    "id",
    "unit",
    "branch",
    "name",
    "name_folded",
    "opened_on",
    "closed_on",
    "timeline",
    "version",
    "recorded_at",
)
INSERT = """
insert into member_group (id, unit, branch, name, name_folded, opened_on, closed_on, timeline, version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning 1
"""
UPDATE = """
update member_group set (id, unit, branch, name, name_folded, opened_on, closed_on, timeline, version, recorded_at)
    = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
where id = $1 and version = $9 - 1 returning 1
"""
Event = GroupCreated | GroupCorrected | GroupClosed
SAME_NAME = Conflict(
    Text("Đã có tổ đang hoạt động cùng tên trong chi hội này", "An open group of this branch has this name"),
    slug="group-name-taken",
    faults=[Fault("/name", "taken", Text("Tên đã được dùng", "Name already used"))],
)


async def create(conn: Connection, reach: Reach, body: GroupIn) -> GroupOut:
    """Form a group in an open branch. 422 before the branch was opened or in the future, 409 if the name is taken."""
    branch = (await branches(conn, reach, {body.branch})).get(body.branch)
    if branch is None:
        raise invalid("/branch", "unknown", "Không có chi hội đang hoạt động này", "There is no such open branch")
    _check_day("/opened_on", body.opened_on)
    if body.opened_on < branch["opened_on"]:
        raise invalid("/opened_on", "before_branch", "Trước ngày thành lập chi hội", "Before the branch was opened")
    began = GroupSpell(since=body.opened_on, cause="began", unit=branch["unit"], branch=body.branch, open=True)
    group = GroupOut(
        id=journal.new_id(),
        unit=branch["unit"],
        closed_on=None,
        timeline=placed([began], {body.branch: PATH.validate_json(branch["timeline"])}),
        version=1,
        recorded_at=journal.now(),
        **body.model_dump(),
    )
    try:
        await journal.record(conn, _fact(GroupCreated, group, group.opened_on), INSERT, *_row(group))
    except UniqueViolation:
        raise SAME_NAME from None
    return group


async def correct(conn: Connection, reach: Reach, group_id: UUID, version: int, body: GroupPatch) -> GroupOut:
    """Correct a group's record, from its beginning. 412 if it is no longer at `version`, 409 if the name is taken."""
    before = await queries.get(conn, reach, group_id)
    group = before.model_copy(update=body.model_dump(exclude_unset=True, exclude_none=True))
    spells = uncarried(before.timeline, 0, group.opened_on)
    _check_day("/opened_on", group.opened_on, spells[1].since if len(spells) > 1 else None)
    paths = (await places(conn, Reach(reach.units), {spell.branch for spell in spells}, [])).paths
    group = group.model_copy(update={"timeline": placed(moved_start(spells, 0, group.opened_on), paths)})
    try:
        return await _update(conn, group, version, GroupCorrected, min(before.opened_on, group.opened_on))
    except UniqueViolation:
        raise SAME_NAME from None


async def close(conn: Connection, reach: Reach, group_id: UUID, version: int, body: ClosingIn) -> GroupOut:
    """Close a group. 409 if it is closed already or has active members."""
    group = await queries.get(conn, reach, group_id)
    if group.closed_on is not None:
        raise Conflict(Text("Tổ đã đóng", "The group is closed already"), slug="group-closed")
    if body.closed_on < done_last(group.timeline):
        raise invalid("/closed_on", "before_opening", "Trước ngày thành lập", "Before the group was formed")
    _check_day("/closed_on", body.closed_on)
    if await queries.has_active_members(conn, group_id):
        raise Conflict(Text("Tổ còn hội viên", "The group has active members"), slug="group-not-empty")
    spells = changed(group.timeline, body.closed_on, "ended", open=False)
    closed = group.model_copy(update={"closed_on": body.closed_on, "timeline": spells})
    return await _update(conn, closed, version, GroupClosed, body.closed_on)


async def _update(conn: Connection, group: GroupOut, version: int, event: type[Event], occurredon: date) -> GroupOut:
    """Write all fields of `group` over `version`."""
    group = group.model_copy(update={"version": version + 1, "recorded_at": journal.now()})
    if not await journal.record(conn, _fact(event, group, occurredon), UPDATE, *_row(group)):
        raise Stale
    return group


def _row(group: GroupOut) -> tuple[object, ...]:
    """A group in the order of COLUMNS."""
    values = group.model_dump() | {"name_folded": fold(group.name), "timeline": to_json(group.timeline).decode()}
    return tuple(values[name] for name in COLUMNS)


def _fact(event: type[Event], group: GroupOut, occurredon: date) -> journal.Fact:
    return journal.Fact(event(timeline=group.timeline), group.id, group.version, occurredon, group.unit, group.branch)


def _check_day(pointer: str, day: date, latest: date | None = None) -> None:
    if day > today():
        raise invalid(pointer, "future", "Không được ở tương lai", "May not lie in the future")
    if latest is not None and day > latest:
        raise invalid(pointer, "after_change", "Sau một thay đổi đã ghi nhận", "After a change that is recorded")
