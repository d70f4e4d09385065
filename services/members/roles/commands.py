"""Writes of offices. They are part of the member's state: who is an officer is counted by person."""

from datetime import date
from uuid import UUID

from contracts import units
from contracts.members import MemberRolesChanged, MemberSpell
from contracts.offices import OfficerRole
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Text, invalid
from services.chassis.reach import Reach
from services.members import timeline
from services.members.members.commands import AHEAD, at_version, update
from services.members.members.record import Member
from services.members.roles.schemas import EndIn, RoleIn


async def appoint(
    conn: Connection, reach: Reach, member_id: UUID, version: int, body: RoleIn
) -> tuple[OfficerRole, int]:
    """A member takes up an office where she is a member that day. 409 if she holds it then already."""
    member = await at_version(conn, reach, member_id, version)
    spell = timeline.at(member.timeline, body.since)
    if spell is None or spell.status != "active" or body.since > today() + AHEAD:
        raise invalid("/since", "outside", "Ngoài thời gian là hội viên", "Outside the time of membership")
    role = OfficerRole(id=journal.new_id(), place=_place(spell, body.level), **body.model_dump())
    for other in member.roles:
        same = (other.level, other.position, other.place) == (role.level, role.position, role.place)
        if same and other.since < (role.until or date.max) and role.since < (other.until or date.max):
            raise Conflict(Text("Đang giữ chức danh này", "She holds this office then already"), slug="office-held")
    number = await _write(conn, member, [*member.roles, role], role.since)
    await conn.execute(
        """
        insert into officer_role (id, member, level, position, place, since, until)
        values ($1, $2, $3, $4, $5, $6, $7)
        """,
        role.id,
        member_id,
        role.level,
        role.position,
        role.place,
        role.since,
        role.until,
    )
    return role, number


async def end(
    conn: Connection, reach: Reach, member_id: UUID, role_id: UUID, version: int, body: EndIn
) -> tuple[OfficerRole, int]:
    """An office ends on a day, or its end is put right."""
    member, role = await _held(conn, reach, member_id, role_id, version)
    if not role.since <= body.until <= today() + AHEAD:
        raise invalid("/until", "outside", "Trước ngày giữ chức", "Before she held it, or too far ahead")
    ended = role.model_copy(update={"until": body.until})
    roles = [ended if other.id == role_id else other for other in member.roles]
    number = await _write(conn, member, roles, body.until)
    await conn.execute("update officer_role set until = $2 where id = $1", role_id, body.until)
    return ended, number


async def remove(conn: Connection, reach: Reach, member_id: UUID, role_id: UUID, version: int) -> int:
    """An office that was recorded by mistake was never held."""
    member, role = await _held(conn, reach, member_id, role_id, version)
    number = await _write(conn, member, [other for other in member.roles if other.id != role_id], role.since)
    await conn.execute("delete from officer_role where id = $1", role_id)
    return number


async def _held(
    conn: Connection, reach: Reach, member_id: UUID, role_id: UUID, version: int
) -> tuple[Member, OfficerRole]:
    member = await at_version(conn, reach, member_id, version)
    role = next((role for role in member.roles if role.id == role_id), None)
    if role is None:
        raise NotFound
    return member, role


async def _write(conn: Connection, member: Member, roles: list[OfficerRole], since: date) -> int:
    """The member's next version with these offices."""
    news = sorted(roles, key=lambda role: (role.since, role.id))
    return (await update(conn, member.next(member.timeline, roles=news), MemberRolesChanged, since)).version


def _place(spell: MemberSpell, level: str) -> str:
    if level == "group" and spell.group is None:
        raise invalid("/level", "no_group", "Hội viên chưa thuộc tổ nào", "She is in no group")
    places = {"province": units.province_of(spell.unit), "commune": spell.unit, "branch": spell.branch}
    return str(places.get(level) or spell.group)
