"""Writes of transfers. Whoever changes a member and her transfer locks the member first."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, Literal
from uuid import UUID

from contracts import units
from contracts.members import MemberTransferred
from contracts.transfers import TransferRequested, TransferSettled, TransferState
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, UniqueViolation
from services.chassis.errors import Conflict, Fault, Forbidden, Stale, Text, Unprocessable, invalid
from services.chassis.reach import Reach
from services.members import timeline
from services.members.members import queries as members
from services.members.members.commands import AHEAD, at_version, unplaced, update
from services.members.members.queries import Places
from services.members.members.record import Member
from services.members.transfers import queries
from services.members.transfers.schemas import AcceptanceIn, RefusalIn, State, TransferIn, TransferOut

INSERT = """
insert into transfer (id, member, from_unit, from_branch, to_unit, to_branch, household, effective_on, reason, state,
                      refusal_reason, requested_at, version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) returning 1
"""
UPDATE = """
update transfer set to_branch = $2, household = $3, effective_on = $4, state = $5, refusal_reason = $6, version = $7,
                    recorded_at = $8, from_unit = $9, from_branch = $10, to_unit = $11
where id = $1 and version = $7 - 1 returning 1
"""
STATES = {
    "accepted": Text("Yêu cầu đã được tiếp nhận", "The transfer has been accepted"),
    "refused": Text("Yêu cầu đã bị từ chối", "The transfer has been refused"),
    "withdrawn": Text("Yêu cầu đã được rút", "The transfer has been withdrawn"),
    "void": Text(
        "Yêu cầu không còn hiệu lực: hội viên đã rời Hội, chuyển nơi khác hoặc được gộp hồ sơ",
        "The transfer is void: the member has left, moved or been merged meanwhile",
    ),
    "cancelled": Text("Việc chuyển đã được hủy", "The transfer has been taken back"),
}


async def request(conn: Connection, reach: Reach, member_id: UUID, version: int, body: TransferIn) -> TransferOut:
    """Move a member: inside her commune at once, to another one when that accepts.

    404 outside `reach`, 403 for an officer of a branch, 412 if she is no longer at `version`, 409 if she has left or a
    request is open, 422 names the field at fault.
    """
    await members.lock(conn, member_id)
    member = await at_version(conn, reach, member_id, version)
    here = timeline.at(member.timeline, body.effective_on)
    if here is None:
        raise _outside()
    province = Reach(units.subtree(units.province_of(here.unit)))
    from_unit = timeline.stay(member.timeline, body.effective_on).unit
    if from_unit not in reach:
        raise Forbidden(Text("Chỉ xã, phường nơi sinh hoạt được chuyển", "Only the commune she is in transfers her"))
    wanted = [body.to_branch] if body.to_branch else []
    places = await members.places(conn, province, wanted, _homes(member, body.household))
    to_unit = body.to_unit or places.branches.get(wanted[0], {"unit": ""})["unit"]
    if faults := _faults(body, places, from_unit, here.branch, province):
        raise Unprocessable(faults=faults)
    at_once = to_unit == from_unit
    now = journal.now()
    transfer = TransferOut(
        id=journal.new_id(),
        member=member_id,
        name=member.name,
        from_unit=from_unit,
        from_branch=here.branch,
        to_unit=to_unit,
        state="accepted" if at_once else "requested",
        refusal_reason=None,
        requested_at=now,
        version=1,
        recorded_at=now,
        **body.model_dump(exclude={"to_unit"}),
    )
    moved = _moved(member, transfer, places)
    if at_once:
        await void(conn, member_id)
        await update(conn, moved, MemberTransferred, body.effective_on)
    try:
        values = transfer.model_dump(exclude={"name"}).values()
        await journal.record(conn, _fact(transfer), INSERT, *values)
    except UniqueViolation:
        raise Conflict(
            Text("Hội viên đang có yêu cầu chuyển chưa giải quyết", "A transfer of the member is requested already"),
            slug="transfer-requested",
        ) from None
    return transfer


async def accept(conn: Connection, reach: Reach, transfer_id: UUID, version: int, body: AcceptanceIn) -> TransferOut:
    """Take a member over. 403 for any but the receiving commune, 409 if it is decided or void, 422 names the field."""
    transfer, member = await _open(conn, reach, transfer_id, version, "to_unit")
    branch = body.branch or transfer.to_branch
    if branch is None:
        raise invalid("/branch", "missing", "Cần chọn chi hội tiếp nhận", "The receiving branch is required")
    asked = transfer.household if branch == transfer.to_branch else None
    household = body.household if "household" in body.model_fields_set else asked
    places = await members.places(conn, Reach([transfer.to_unit]), [branch], _homes(member, household))
    if faults := unplaced(places, branch, household):
        raise Unprocessable(faults=faults)
    if branch == transfer.from_branch:
        raise invalid("/branch", "same", "Đang sinh hoạt ở chi hội này", "She is in this branch")
    day = body.effective_on or transfer.effective_on
    transfer = transfer.model_copy(update={"to_branch": branch, "household": household, "effective_on": day})
    await update(conn, _moved(member, transfer, places), MemberTransferred, transfer.effective_on)
    return await _settle(conn, transfer, "accepted")


async def refuse(conn: Connection, reach: Reach, transfer_id: UUID, version: int, body: RefusalIn) -> TransferOut:
    """Do not take a member over. 403 for any but the receiving commune, 409 if it is decided or void."""
    transfer, _ = await _open(conn, reach, transfer_id, version, "to_unit")
    return await _settle(conn, transfer, "refused", refusal_reason=body.reason)


async def withdraw(conn: Connection, reach: Reach, transfer_id: UUID, version: int) -> TransferOut:
    """Take a request back. 403 for any but the commune that made it, 409 if it is decided or void."""
    transfer, _ = await _open(conn, reach, transfer_id, version, "from_unit")
    return await _settle(conn, transfer, "withdrawn")


async def void(conn: Connection, member_id: UUID) -> None:
    """The member, whose row is locked or written, is no longer where a request would fetch her."""
    if transfer := await queries.last(conn, member_id, "requested"):
        await _settle(conn, transfer, "void")


async def cancel(conn: Connection, member_id: UUID, effective_on: date) -> None:
    """The member's transfer of a day, now undone in her timeline, is taken back."""
    if transfer := await queries.last(conn, member_id, "accepted", effective_on):
        await _settle(conn, transfer, "cancelled")


async def _open(
    conn: Connection, reach: Reach, transfer_id: UUID, version: int, side: Literal["from_unit", "to_unit"]
) -> tuple[TransferOut, Member]:
    """A request that a caller of `side` may decide, at `version`, and its member, locked."""
    transfer = await queries.get(conn, reach, transfer_id)
    if getattr(transfer, side) not in reach:
        raise Forbidden(
            Text("Chỉ nơi tiếp nhận được quyết định", "Only the receiving commune decides")
            if side == "to_unit"
            else Text("Chỉ nơi chuyển đi được rút yêu cầu", "Only the commune that asked takes it back")
        )
    await members.lock(conn, transfer.member)
    transfer = await queries.get(conn, reach, transfer_id)
    if transfer.state != "requested":
        raise _decided(transfer.state)
    if transfer.version != version:
        raise Stale
    province = Reach(units.subtree(units.province_of(transfer.from_unit)))
    return transfer, await members.record(conn, province, transfer.member)


def _decided(state: str) -> Conflict:
    return Conflict(STATES[state], slug=f"transfer-{state}")


async def _settle(conn: Connection, transfer: TransferOut, state: State, **news: Any) -> TransferOut:
    """Write how a transfer ended."""
    ended = {"state": state, "version": transfer.version + 1, "recorded_at": journal.now()}
    transfer = transfer.model_copy(update=ended | news)
    if not await journal.record(conn, _fact(transfer), UPDATE, *_news(transfer)):
        raise Stale
    return transfer


async def carry(
    conn: Connection, gone: Collection[str], into: Mapping[str, str], before: Mapping[UUID, TransferState]
) -> list[tuple[TransferOut, TransferOut]]:
    """Open requests from or to the units that are `gone` follow: each as it was and as it is now.

    From where reorganisations took the member; to where the branch, or the household that was named, is now, or else
    `into` the unit that the one asked goes into whole. What is said of a request `before` is told again.
    """
    news = []
    for transfer, member, there in await queries.going(conn, gone):
        from_unit = timeline.stay(member, transfer.effective_on).unit
        from_branch = timeline.nearest(member, transfer.effective_on).branch
        to_branch, to_unit = there or (None, into.get(transfer.to_unit, transfer.to_unit))
        if known := before.get(transfer.id):
            to_branch, to_unit = known.to_branch, known.to_unit
        places = {"from_unit": from_unit, "from_branch": from_branch, "to_unit": to_unit, "to_branch": to_branch}
        after = transfer.model_copy(
            update=places | {"version": transfer.version + 1, "recorded_at": journal.now()},
        )
        if any(getattr(transfer, name) != value for name, value in places.items()):
            news.append((transfer, after))
    await conn.executemany(UPDATE, [_news(after) for _, after in news])
    await journal.append(conn, *(_fact(after) for _, after in news))
    return news


def _news(transfer: TransferOut) -> tuple[Any, ...]:
    """What UPDATE writes."""
    names = (
        *("id", "to_branch", "household", "effective_on", "state", "refusal_reason", "version", "recorded_at"),
        *("from_unit", "from_branch", "to_unit"),
    )
    return tuple(getattr(transfer, name) for name in names)


def _fact(transfer: TransferOut) -> journal.Fact:
    """Told to the commune that has not done it."""
    kind = TransferRequested if transfer.state == "requested" else TransferSettled
    data = kind(**transfer.model_dump(include=set(kind.model_fields)))
    unit = transfer.from_unit if transfer.state in ("accepted", "refused") else transfer.to_unit
    return journal.Fact(data, transfer.id, transfer.version, transfer.effective_on, unit, None)


def _homes(member: Member, household: UUID | None) -> set[UUID]:
    return {home for home in (household, *(spell.household for spell in member.timeline)) if home}


def _faults(body: TransferIn, places: Places, unit: str, branch: UUID, province: Reach) -> list[Fault]:
    """What is wrong with where she is to go."""
    if body.to_branch:
        if body.to_branch == branch:
            return [Fault("/to_branch", "same", Text("Đang sinh hoạt ở chi hội này", "She is in this branch"))]
        return unplaced(places, body.to_branch, body.household, "/to_branch")
    if body.to_unit == unit:
        return [Fault("/to_unit", "same", Text("Cần chọn chi hội trong xã, phường", "Her own: name the branch"))]
    if body.to_unit not in province:
        return [Fault("/to_unit", "unknown", Text("Không có đơn vị này trong tỉnh", "No such unit of the province"))]
    if body.household:
        return [Fault("/household", "unknown", Text("Nơi tiếp nhận chọn hộ", "The receiving commune names it"))]
    return []


def _moved(member: Member, transfer: TransferOut, places: Places) -> Member:
    """The member's next version, in the branch the transfer names (if it does), or why she cannot go there then."""
    day = transfer.effective_on
    here = timeline.at(member.timeline, day)
    if here is None or day > today() + AHEAD:
        raise _outside()
    if here.status != "active" or (transfer.from_unit != transfer.to_unit and member.timeline[-1].status != "active"):
        raise Conflict(Text("Hội viên đã rời Hội", "The member has left"), slug="member-left")
    if not timeline.stays(member.timeline, day):
        text = "Trước một lần chuyển đã ghi nhận", "Before a change of place that is recorded"
        raise invalid("/effective_on", "after_change", *text)
    if here.branch != transfer.from_branch:
        raise _decided("void")
    if transfer.to_branch is None:
        return member
    place = {"unit": transfer.to_unit, "branch": transfer.to_branch, "group": None, "household": transfer.household}
    spells = timeline.changed(timeline.settled(member.timeline, day), day, "moved", **place)
    return member.next(timeline.with_poverty(timeline.placed(spells, places.paths), places.homes))


def _outside() -> Unprocessable:
    text = "Ngoài thời gian là hội viên ở đây", "Outside the time of membership here"
    return invalid("/effective_on", "outside", *text)
