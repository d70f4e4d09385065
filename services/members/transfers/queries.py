"""Reads of transfers."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from contracts.members import MemberSpell
from services.chassis.db import Connection
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.members.members.record import TIMELINE
from services.members.transfers.schemas import Direction, State, TransferOut


async def get(conn: Connection, reach: Reach, transfer_id: UUID) -> TransferOut:
    """One transfer from or to a unit inside `reach`, or 404."""
    row = await conn.fetchrow(
        """
        select transfer.*, case when member.unit = any($2) or state = 'requested' then name end as name
        from transfer join member on member.id = transfer.member
        where transfer.id = $1 and (from_unit = any($2) or to_unit = any($2))
        """,
        transfer_id,
        list(reach),
    )
    if row is None:
        raise NotFound
    return TransferOut.model_validate(dict(row))


async def last(conn: Connection, member: UUID, state: State, effective_on: date | None = None) -> TransferOut | None:
    """A member's last transfer in this state, of a day if one is given."""
    row = await conn.fetchrow(
        """
        select *, null as name from transfer
        where member = $1 and state = $2 and ($3::date is null or effective_on = $3) order by id desc limit 1
        """,
        member,
        state,
        effective_on,
    )
    return TransferOut.model_validate(dict(row)) if row else None


async def going(
    conn: Connection, gone: Collection[str]
) -> list[tuple[TransferOut, list[MemberSpell], tuple[UUID, str] | None]]:
    """Open requests from or to these units, locked, with the member's timeline; and where the branch asked for is, or
    the household if that is in another commune."""
    rows = await conn.fetch(
        """
        select transfer.*, null as name, member.timeline, there.id as there_id, there.unit as there_unit,
               home.branch as home_branch, home.unit as home_unit
        from transfer join member on member.id = transfer.member
        left join branch there on there.id = to_branch left join household home on home.id = transfer.household
        where state = 'requested' and (from_unit = any($1) or to_unit = any($1))
        order by transfer.id for update of transfer
        """,
        list(gone),
    )
    found = []
    for row in rows:
        there = (row["there_id"], row["there_unit"]) if row["there_id"] else None
        if there and row["home_unit"] not in (None, there[1]):
            there = (row["home_branch"], row["home_unit"])
        found.append((TransferOut.model_validate(dict(row)), TIMELINE.validate_json(row["timeline"]), there))
    return found


async def find(
    conn: Connection,
    reach: Reach,
    *,
    direction: Direction | None,
    state: State | None,
    member: UUID | None,
    limit: int,
    cursor: str | None,
) -> Page[TransferOut]:
    """Transfers to (`incoming`) or from (`outgoing`) units inside `reach`, oldest first."""
    (start,) = after(cursor, UUID) or (None,)
    rows = await conn.fetch(
        """
        select transfer.*, case when member.unit = any($1) or state = 'requested' then name end as name
        from transfer join member on member.id = transfer.member
        where (to_unit = any($1) and $2 <> 'outgoing' or from_unit = any($1) and $2 <> 'incoming')
          and ($3::text is null or state = $3)
          and ($4::uuid is null or transfer.member = $4)
          and ($5::uuid is null or transfer.id > $5)
        order by transfer.id
        limit $6
        """,
        list(reach),
        direction or "",
        state,
        member,
        start,
        limit + 1,
    )
    page, following = page_of(rows, limit, lambda row: (row["id"],))
    return Page(items=[TransferOut.model_validate(dict(row)) for row in page], next_cursor=following)
