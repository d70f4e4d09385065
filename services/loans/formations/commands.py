"""A group is formed: anew, or of some of the members of another."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from contracts.credit_groups import CreditGroupFormed, CreditGroupSpell, CreditGroupSplit, Saved
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, UniqueViolation
from services.chassis.errors import Fault, NotFound, Text, Unprocessable
from services.chassis.paging import fold
from services.chassis.reach import Reach
from services.loans.groups import queries
from services.loans.groups.commands import COLUMNS, SAME_NAME, board_faults, check_past, keep, lock_open
from services.loans.groups.record import boards_of, kept, leads, state_of, timeline_of
from services.loans.groups.schemas import BoardSpell, GroupIn, GroupOut, SplitIn, SplitOut
from services.loans.locks import apart
from services.loans.memberships.commands import add, crowded, faults_of, saved_since
from services.loans.memberships.queries import of_group, on_day
from services.loans.parameters import parameter
from services.loans.savings.commands import append, carried
from services.loans.timeline import at

INSERT = """
insert into credit_group (id, split_from, unit, branch, name, name_folded, opened_on, closed_on, timeline, ratings,
                          board, version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12) returning 1
"""


async def form(conn: Connection, reach: Reach, body: GroupIn) -> GroupOut:
    """Form a group with its first members. 404 outside `reach`, 409 if the name is taken.

    422 names too few or too many, each household that may not join, and who cannot be on the board.
    """
    if not reach.covers(body.unit, body.branch):
        raise NotFound
    await apart(conn)
    check_past("/opened_on", body.opened_on)
    began = CreditGroupSpell(since=body.opened_on, cause="began", unit=body.unit, branch=body.branch, open=True)
    faults = await faults_of(conn, reach, [began], body.members, body.opened_on)
    faults += too_few("/members", len(body.members), body.opened_on) + crowded([], len(body.members), body.opened_on)
    if faults := faults + board_faults(body.leader, body.deputy, set(body.members)):
        raise Unprocessable(faults=faults)
    formed = await _insert(conn, began, body.name, body.members, body.leader, body.deputy)
    return await queries.get(conn, reach, formed)


async def split(conn: Connection, reach: Reach, group_id: UUID, version: int, body: SplitIn) -> SplitOut:
    """Form a second group of some of the members, who bring what they saved.

    422 names who is no member then, leads the group, or has savings that move on that day or later; and too few in
    either group.
    """
    await apart(conn)
    row = await lock_open(conn, reach, group_id, version)
    check_past("/on", body.on, row["opened_on"])
    here = at(timeline_of(row), body.on)
    assert here is not None, "a day not before the opening"
    began = here.model_copy(update={"since": body.on, "cause": "began", "branch": body.branch or row["branch"]})
    if not reach.covers(began.unit, began.branch):
        raise NotFound
    memberships, moving = await of_group(conn, group_id), set(body.members)
    staying = {each["borrower"] for each in memberships if each["left_on"] is None} & on_day(memberships, body.on)
    faults = await faults_of(conn, reach, [began], body.members, body.on, leaving=body.members)
    faults += await _tied(conn, row, body, staying)
    faults += too_few("/members", len(moving), body.on) + too_few("/members", len(staying - moving), body.on)
    if faults := faults + crowded([], len(moving), body.on) + board_faults(body.leader, body.deputy, moving):
        raise Unprocessable(faults=faults)
    await conn.execute(
        "update membership set left_on = $3 where credit_group = $1 and borrower = any($2) and left_on is null",
        group_id,
        body.members,
        body.on,
    )
    brought = await carried(conn, group_id, body.members)
    total = [Saved(on=body.on, amount=sum(brought.values()))] if brought else []
    formed = await _insert(
        conn, began, body.name, body.members, body.leader, body.deputy, split_from=group_id, savings=total
    )
    await append(conn, group_id, body.on, [(who, "out", amount) for who, amount in brought.items()])
    await append(conn, formed, body.on, [(who, "in", amount) for who, amount in brought.items()])
    await keep(conn, row, CreditGroupSplit, body.on, into=formed)
    return SplitOut(group=await queries.get(conn, reach, group_id), formed=await queries.get(conn, reach, formed))


async def _tied(conn: Connection, row: dict[str, Any], body: SplitIn, members: set[UUID]) -> list[Fault]:
    """Who cannot be taken out of the group on the day of a split."""
    boards = boards_of(row)
    saved = await saved_since(conn, row["id"], body.members, body.on)
    found = []
    for number, member in enumerate(body.members):
        pointer = f"/members/{number}"
        if member not in members:
            text = Text("Không phải tổ viên từ ngày đó", "Not a member from that day on")
            found.append(Fault(pointer, "not_member", text))
        elif leads(boards, member, body.on):
            found.append(Fault(pointer, "leads", Text("Trong ban quản lý tổ", "On the group's board")))
        elif member in saved:
            text = Text("Có gửi tiền từ ngày đó", "Put savings in on that day or later")
            found.append(Fault(pointer, "saved", text))
    return found


async def _insert(
    conn: Connection,
    began: CreditGroupSpell,
    name: str,
    members: Sequence[UUID],
    leader: UUID | None,
    deputy: UUID | None,
    *,
    split_from: UUID | None = None,
    savings: Sequence[Saved] = (),
) -> UUID:
    """Write and journal a new group and its first members."""
    board = [BoardSpell(since=began.since, leader=leader, deputy=deputy)] if leader else []
    formed = journal.new_id()
    row = {
        "split_from": split_from,
        "unit": began.unit,
        "branch": began.branch,
        "name": name,
        "name_folded": fold(name),
        "opened_on": began.since,
        "closed_on": None,
        "timeline": kept([began]),
        "ratings": kept([]),
        "board": kept(board),
    }
    event = CreditGroupFormed(**state_of(row, savings), households=list(members))
    fact = journal.Fact(event, formed, 1, began.since, began.unit, began.branch)
    values = [row[column] for column in COLUMNS]
    try:
        await journal.record(conn, fact, INSERT, formed, split_from, *values, journal.now())
    except UniqueViolation:
        raise SAME_NAME from None
    await add(conn, formed, members, began.since)
    return formed


def too_few(pointer: str, members: int, on: date) -> list[Fault]:
    """Whether a group cannot be formed, or be left, with so many."""
    fewest = parameter("group.fewest", min(on, today()))
    if members >= fewest:
        return []
    return [Fault(pointer, "too_few", Text(f"Tổ cần ít nhất {fewest} tổ viên", f"A group needs {fewest} members"))]
