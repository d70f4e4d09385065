"""Reads of offices."""

from datetime import date
from uuid import UUID

from contracts.offices import Level
from services.chassis.db import Connection
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.members.roles.schemas import RoleOut


async def find(
    conn: Connection,
    reach: Reach,
    *,
    unit: str | None,
    level: Level | None,
    on: date,
    limit: int,
    cursor: str | None,
) -> Page[RoleOut]:
    """Who holds an office on a day and is an active member where she holds it, by level and id."""
    start, inside = after(cursor, UUID), reach.within(unit)
    rows = await conn.fetch(
        """
        select officer_role.*, member.name
        from officer_role join member on member.id = officer_role.member
        where member.unit = any($1) and ($6::uuid is null or member.branch = $6) and member.status = 'active'
          and ($2::text is null or level = $2)
          and since <= $3 and (until is null or until > $3)
          and (level = 'province' or place in (member.unit, member.branch::text, member."group"::text))
          and ($4::uuid is null or officer_role.id > $4)
        order by officer_role.id
        limit $5
        """,
        list(inside.units),
        level,
        on,
        *(start or (None,)),
        limit + 1,
        inside.branch,
    )
    page, following = page_of(rows, limit, lambda row: (row["id"],))
    return Page(items=[RoleOut.model_validate(dict(row)) for row in page], next_cursor=following)
