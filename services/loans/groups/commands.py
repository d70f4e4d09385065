"""Writes of groups. A group is locked before its households, and groups in the order of their ids."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from contracts.credit_groups import (
    CreditGroupBoardChanged,
    CreditGroupClosed,
    CreditGroupCorrected,
    CreditGroupMoved,
    CreditGroupRated,
    CreditGroupState,
    Saved,
)
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, UniqueViolation
from services.chassis.errors import Conflict, Fault, NotFound, Stale, Text, Unprocessable, invalid
from services.chassis.paging import fold
from services.chassis.reach import Reach
from services.loans.batches import BatchIn, BatchOut, each, ids_of
from services.loans.groups import queries
from services.loans.groups.record import (
    Fields,
    boards_of,
    ended,
    kept,
    led,
    moved,
    rated,
    ratings_of,
    state_of,
    timeline_of,
)
from services.loans.groups.schemas import (
    BoardIn,
    BoardSpell,
    ClosingIn,
    GroupOut,
    GroupPatch,
    MoveIn,
    MoveRow,
    RatingIn,
)
from services.loans.locks import apart
from services.loans.memberships.queries import of_group, on_day

COLUMNS = ("unit", "branch", "name", "name_folded", "opened_on", "closed_on", "timeline", "ratings", "board")
UPDATE = """
update credit_group set (unit, branch, name, name_folded, opened_on, closed_on, timeline, ratings, board, version,
                         recorded_at) = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
where id = $1 returning 1
"""
SAME_NAME = Conflict(
    Text("Đã có tổ đang hoạt động cùng tên trong xã, phường này", "An open group of this commune has this name"),
    slug="group-name-taken",
    faults=[Fault("/name", "taken", Text("Tên đã được dùng", "Name already used"))],
)
CLOSED = Conflict(Text("Tổ đã đóng", "The group is closed"), slug="group-closed")


async def lock(conn: Connection, reach: Reach, group_id: UUID, version: int | None = None) -> dict[str, Any]:
    """The group's row, locked until the transaction ends. 404 outside `reach`, 412 if it is not at `version`."""
    row = await conn.fetchrow("select * from credit_group where id = $1 for update", group_id)
    if row is None or not reach.covers(row["unit"], row["branch"]):
        raise NotFound
    if version is not None and row["version"] != version:
        raise Stale
    return dict(row)


async def lock_open(conn: Connection, reach: Reach, group_id: UUID, version: int | None = None) -> dict[str, Any]:
    """`lock`; 409 if it is closed."""
    row = await lock(conn, reach, group_id, version)
    if row["closed_on"] is not None:
        raise CLOSED
    return row


async def keep(
    conn: Connection,
    row: Fields,
    event: type[CreditGroupState],
    on: date,
    /,
    *,
    savings: Sequence[Saved] | None = None,
    **extra: Any,
) -> None:
    """Write all of a locked group's row, and journal it as `event` with `extra`. 409 if the name is taken."""
    saved = await queries.savings(conn, row["id"]) if savings is None else savings
    version = row["version"] + 1
    fact = journal.Fact(event(**state_of(row, saved), **extra), row["id"], version, on, row["unit"], row["branch"])
    values = [row[name] for name in COLUMNS]
    try:
        await journal.record(conn, fact, UPDATE, row["id"], *values, version, journal.now())
    except UniqueViolation:
        raise SAME_NAME from None


async def correct(conn: Connection, reach: Reach, group_id: UUID, version: int, body: GroupPatch) -> GroupOut:
    """Correct a group's record, from its beginning. 412 if it is not at `version`, 409 if the name is taken.

    422 for a first day in the future, after something that is recorded, or when a first member was in another group.
    """
    await apart(conn)
    row = await lock(conn, reach, group_id, version)
    spells, boards, was = timeline_of(row), boards_of(row), row["opened_on"]
    opened_on, name = body.opened_on or was, body.name or row["name"]
    memberships = await of_group(conn, group_id)
    known = [
        *(spell.since for spell in spells[1:]),
        *(board.since for board in boards if board.since > was),
        *(day for each in memberships for day in (each["joined_on"], each["left_on"]) if day and day > was),
        *(saved.on for saved in await queries.savings(conn, group_id)),
    ]
    check_past("/opened_on", opened_on)
    if opened_on > min(known, default=opened_on):
        raise invalid("/opened_on", "after_change", "Sau một thay đổi đã ghi nhận", "After a change that is recorded")
    if opened_on != was:
        founders = [each["borrower"] for each in memberships if each["joined_on"] == was]
        await _joined(conn, group_id, founders, was, opened_on)
    spells[0] = spells[0].model_copy(update={"since": opened_on})
    boards = [board.model_copy(update={"since": opened_on}) if board.since == was else board for board in boards]
    row |= {"name": name, "name_folded": fold(name), "opened_on": opened_on}
    row |= {"timeline": kept(spells), "board": kept(boards)}
    await keep(conn, row, CreditGroupCorrected, min(was, opened_on))
    return await queries.get(conn, reach, group_id)


async def _joined(conn: Connection, group_id: UUID, founders: Sequence[UUID], was: date, opened_on: date) -> None:
    """The first members joined on another day. 422 if one of them was in another group then."""
    await conn.execute("select from borrower where id = any($1) order by id for update", founders)
    held = await conn.fetchval(
        """
        select exists (select from membership where borrower = any($1) and credit_group <> $2 and joined_on < $3
                       and left_on is distinct from joined_on and (left_on is null or left_on > $4))
        """,
        founders,
        group_id,
        was,
        opened_on,
    )
    if held:
        raise invalid("/opened_on", "in_group", "Tổ viên khi đó ở tổ khác", "A first member was in another group then")
    await conn.execute(
        """
        update membership set joined_on = $3
        where credit_group = $1 and joined_on = $2 and left_on is distinct from joined_on
        """,
        group_id,
        was,
        opened_on,
    )


async def close(conn: Connection, reach: Reach, group_id: UUID, version: int, body: ClosingIn) -> GroupOut:
    """Close a group: its members leave it. 409 if it is closed, or if savings are left or move later."""
    row = await lock_open(conn, reach, group_id, version)
    spells, on = timeline_of(row), body.closed_on
    check_past("/closed_on", on)
    memberships, savings = await of_group(conn, group_id), await queries.savings(conn, group_id)
    if on < spells[-1].since or any(max(m["joined_on"], m["left_on"] or m["joined_on"]) > on for m in memberships):
        raise invalid("/closed_on", "before_change", "Trước một thay đổi đã ghi nhận", "Before a change that is known")
    check_empty(savings, on)
    await conn.execute("update membership set left_on = $2 where credit_group = $1 and left_on is null", group_id, on)
    row |= {"closed_on": on, "timeline": kept(ended(spells, on))}
    await keep(conn, row, CreditGroupClosed, on, savings=savings)
    return await queries.get(conn, reach, group_id)


def check_empty(savings: Sequence[Saved], closed_on: date) -> None:
    """409 if savings are left in a group on the day it closes, or move later."""
    if sum(saved.amount for saved in savings) or any(saved.on > closed_on for saved in savings):
        vi = f"Tổ đóng ngày {closed_on:%d/%m/%Y} thì từ ngày đó không được còn tiền gửi"
        en = f"The group closes on {closed_on}: no savings may be left in it on that day, or move later"
        raise Conflict(Text(vi, en), slug="group-has-savings")


async def move(conn: Connection, reach: Reach, group_id: UUID, version: int, body: MoveIn) -> GroupOut:
    """A group is in another commune or branch from a day on. 404 for a place outside `reach`, 409 if it is closed.

    422 for a day in the future or before the group was formed. Its households move by their own records. What a
    reorganisation left undecided is decided by it.
    """
    await apart(conn)
    row = await lock_open(conn, reach, group_id, version)
    if not reach.covers(body.unit, body.branch):
        raise NotFound
    check_past("/effective_on", body.effective_on, row["opened_on"])
    spells = moved(timeline_of(row), body)
    row |= {"unit": spells[-1].unit, "branch": spells[-1].branch, "timeline": kept(spells)}
    await keep(conn, row, CreditGroupMoved, body.effective_on)
    await leave_undecided(conn, group_id, None)
    return await queries.get(conn, reach, group_id)


async def leave_undecided(conn: Connection, group_id: UUID, since: date | None) -> None:
    """Note that nobody can tell where a group, which is locked, is since a plan's day; None: it is known."""
    await conn.execute(
        "update credit_group set undecided_since = $2 where id = $1 and undecided_since is distinct from $2",
        group_id,
        since,
    )


async def move_many(conn: Connection, reach: Reach, body: BatchIn) -> BatchOut:
    """Up to 1,000 groups carried by a reorganisation: a verdict for each."""
    await apart(conn)
    ids = ids_of(body.items, "group")
    await conn.execute("select from credit_group where id = any($1) order by id for update", ids)
    return await each(conn, body, MoveRow, lambda row: move(conn, reach, row.group, row.version, row))


async def set_board(conn: Connection, reach: Reach, group_id: UUID, version: int, body: BoardIn) -> GroupOut:
    """Say who leads the group from a day on. 422 for who is no member on that day, or is both."""
    row = await lock_open(conn, reach, group_id, version)
    check_past("/since", body.since, row["opened_on"])
    members = on_day(await of_group(conn, group_id), body.since)
    if faults := board_faults(body.leader, body.deputy, members):
        raise Unprocessable(faults=faults)
    row["board"] = kept(led(boards_of(row), BoardSpell(**body.model_dump())))
    await keep(conn, row, CreditGroupBoardChanged, body.since, **body.model_dump())
    return await queries.get(conn, reach, group_id)


def board_faults(leader: UUID | None, deputy: UUID | None, members: set[UUID]) -> list[Fault]:
    """Who cannot be on the board of these members."""
    outside = Text("Không phải tổ viên ngày đó", "Not a member on that day")
    named = (("/leader", leader), ("/deputy", deputy))
    found = [Fault(pointer, "not_member", outside) for pointer, who in named if who and who not in members]
    if deputy is not None and (leader is None or leader == deputy):
        found.append(Fault("/deputy", "leader", Text("Phải khác tổ trưởng", "Must be another than the leader")))
    return found


async def rate(conn: Connection, reach: Reach, group_id: UUID, month: date, version: int, body: RatingIn) -> GroupOut:
    """Record the bank's rating of a month, or put it right. 422 for a month to come or before the group."""
    row = await lock(conn, reach, group_id, version)
    last = row["closed_on"] or today()
    if not row["opened_on"].replace(day=1) <= month <= min(last, today()):
        text = "Tháng này tổ chưa thành lập, đã đóng hoặc ở tương lai", "The group was not there, or it is to come"
        raise invalid("path:month", "outside", *text)
    row["ratings"] = kept(rated(ratings_of(row), month, body.rating))
    await keep(conn, row, CreditGroupRated, max(month, row["opened_on"]))
    return await queries.get(conn, reach, group_id)


def check_past(pointer: str, day: date, earliest: date | None = None) -> None:
    """422 for a day to come, or before the earliest it can be."""
    if day > today():
        raise invalid(pointer, "future", "Không được ở tương lai", "May not lie in the future")
    if earliest is not None and day < earliest:
        raise invalid(pointer, "before_opening", "Trước ngày thành lập tổ", "Before the group was formed")
