"""Writes of memberships: a household is in one group at a time, of the commune where it lives."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from contracts.credit_groups import CreditGroupJoined, CreditGroupLeft, CreditGroupSpell
from services.chassis import journal
from services.chassis.db import Connection, Row
from services.chassis.errors import Conflict, Fault, NotFound, Text, Unprocessable, invalid
from services.chassis.reach import Reach
from services.loans.borrowers.queries import places_of
from services.loans.groups import queries as groups
from services.loans.groups.commands import check_past, keep, lock_open
from services.loans.groups.record import boards_of, leads, timeline_of
from services.loans.groups.schemas import GroupOut
from services.loans.locks import apart
from services.loans.memberships.queries import elsewhere, of_group, on_day
from services.loans.memberships.schemas import JoiningIn, LeavingIn
from services.loans.parameters import decisions, parameter
from services.loans.timeline import at, place_on

INSERT = "insert into membership (id, credit_group, borrower, joined_on) values ($1, $2, $3, $4)"


async def join(conn: Connection, reach: Reach, group_id: UUID, version: int, body: JoiningIn) -> GroupOut:
    """Households join on a day. 422 names each that may not: unknown, elsewhere, in a group; or too many."""
    await apart(conn)
    row = await lock_open(conn, reach, group_id, version)
    check_past("/joined_on", body.joined_on, row["opened_on"])
    memberships = await of_group(conn, group_id)
    faults = await faults_of(conn, reach, timeline_of(row), body.members, body.joined_on)
    if faults := faults or crowded(memberships, len(body.members), body.joined_on):
        raise Unprocessable(faults=faults)
    await add(conn, group_id, body.members, body.joined_on)
    await keep(conn, row, CreditGroupJoined, body.joined_on, households=body.members, on=body.joined_on)
    return await groups.get(conn, reach, group_id)


async def leave(
    conn: Connection, reach: Reach, group_id: UUID, borrower: UUID, version: int, body: LeavingIn
) -> GroupOut:
    """A household leaves; what it saved may be taken out later. 404 if it is not a member.

    409 if it leads the group then or later, or put savings in later. A group may fall under the fewest, with a warning.
    """
    row = await lock_open(conn, reach, group_id, version)
    check_past("/left_on", body.left_on)
    current = next(
        (each for each in await of_group(conn, group_id) if each["borrower"] == borrower and each["left_on"] is None),
        None,
    )
    if current is None:
        raise NotFound
    if body.left_on < current["joined_on"]:
        raise invalid("/left_on", "before_joining", "Trước ngày vào tổ", "Before it joined")
    if leads(boards_of(row), borrower, body.left_on):
        raise Conflict(Text("Hộ đang trong ban quản lý tổ", "It is on the group's board"), slug="member-leads")
    if await saved_since(conn, group_id, [borrower], body.left_on):
        raise Conflict(Text("Hộ có gửi tiền từ ngày đó", "It put savings in on that day or later"), slug="member-saved")
    await conn.execute("update membership set left_on = $2 where id = $1", current["id"], body.left_on)
    await keep(conn, row, CreditGroupLeft, body.left_on, household=borrower, on=body.left_on)
    return await groups.get(conn, reach, group_id)


async def saved_since(conn: Connection, group_id: UUID, borrowers: Sequence[UUID], day: date) -> set[UUID]:
    """Those of these who put savings into a group on a day or later."""
    rows = await conn.fetch(
        """
        select distinct borrower from saving
        where credit_group = $1 and borrower = any($2) and occurred_on >= $3 and kind = 'in'
          and not exists (select from saving as reversal where reversal.reverses = saving.id)
        """,
        group_id,
        list(borrowers),
        day,
    )
    return {row["borrower"] for row in rows}


async def faults_of(
    conn: Connection,
    reach: Reach,
    timeline: Sequence[CreditGroupSpell],
    members: Sequence[UUID],
    on: date,
    leaving: Sequence[UUID] = (),
) -> list[Fault]:
    """Who of these, whose records are locked, may not join on a day; `leaving` leave their group for it."""
    rows = await conn.fetch("select * from borrower where id = any($1) order by id for update", list(members))
    known = {row["id"]: row for row in rows if row["unit"] in reach.units}
    held = await elsewhere(conn, [each for each in members if each not in leaving], on)
    here = at(timeline, on) or timeline[0]
    found = []
    for number, member in enumerate(members):
        pointer = f"/members/{number}"
        if member not in known:
            text = Text("Không có khách hàng này", "There is no such borrower")
            found.append(Fault(pointer, "unknown", text))
        elif member in members[:number]:
            found.append(Fault(pointer, "twice", Text("Ghi hai lần", "Named twice")))
        elif place_on(places_of(known[member]), on).unit != here.unit:
            text = Text("Hộ không ở xã, phường của tổ", "It does not live in the group's commune")
            found.append(Fault(pointer, "elsewhere", text))
        elif member in held:
            text = Text("Hộ đang ở một tổ", "It is in a group then, or joins one later")
            found.append(Fault(pointer, "in_group", text))
    return found


def crowded(memberships: Sequence[Row], more: int, on: date) -> list[Fault]:
    """Whether with so many more from a day on there would be too many, then or later."""
    days = {on, *(row["joined_on"] for row in memberships), *(since for since, _ in decisions("group.most"))}
    for day in sorted(day for day in days if day >= on):
        most = parameter("group.most", day)
        if (would := len(on_day(memberships, day)) + more) > most:
            vi = f"Ngày {day:%d/%m/%Y} tổ sẽ có {would} tổ viên, nhiều nhất là {most}"
            return [Fault("/members", "too_many", Text(vi, f"{would} members on {day}, at most {most} are allowed"))]
    return []


async def add(conn: Connection, group_id: UUID, members: Sequence[UUID], on: date) -> None:
    """Households are members from a day on."""
    await conn.executemany(INSERT, [(journal.new_id(), group_id, member, on) for member in members])
