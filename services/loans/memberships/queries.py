"""Reads of memberships."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from services.chassis.db import Connection, Row
from services.chassis.reach import Reach
from services.loans.groups.queries import row_of
from services.loans.memberships.schemas import MembershipOut, MembershipsOut


async def listed(conn: Connection, reach: Reach, group_id: UUID, as_of: date, *, former: bool) -> MembershipsOut:
    """The members of a group on a day, and those it had by then if `former`, with their savings; or 404."""
    await row_of(conn, reach, group_id)
    rows = await conn.fetch(
        """
        select membership.borrower, customer_code, joined_on, left_on,
               coalesce((select sum(moved) from saving where saving.credit_group = membership.credit_group
                         and saving.borrower = membership.borrower and occurred_on <= $2), 0)::bigint as savings
        from membership join borrower on borrower.id = membership.borrower
        where credit_group = $1 and joined_on <= $2 and left_on is distinct from joined_on
          and ($3 or left_on is null or left_on > $2)
        order by joined_on, membership.id
        """,
        group_id,
        as_of,
        former,
    )
    items = [MembershipOut.model_validate(dict(row)) for row in rows]
    return MembershipsOut(group=group_id, as_of=as_of, items=items)


async def of_group(conn: Connection, group_id: UUID) -> list[Row]:
    """Every membership of a group."""
    return await conn.fetch(
        """
        select id, borrower, joined_on, left_on from membership
        where credit_group = $1 and left_on is distinct from joined_on order by joined_on, id
        """,
        group_id,
    )


async def elsewhere(conn: Connection, borrowers: Sequence[UUID], since: date) -> set[UUID]:
    """Those of these who are in any group on a day, or join one later."""
    rows = await conn.fetch(
        """
        select distinct borrower from membership
        where borrower = any($1) and left_on is distinct from joined_on and (left_on is null or left_on > $2)
        """,
        list(borrowers),
        since,
    )
    return {row["borrower"] for row in rows}


async def is_member(conn: Connection, group_id: UUID, borrower: UUID, day: date) -> bool:
    """Whether a household is in a group on a day."""
    return borrower in on_day(await of_group(conn, group_id), day)


def on_day(memberships: Sequence[Row], day: date) -> set[UUID]:
    """Who is a member on a day."""
    return {
        row["borrower"]
        for row in memberships
        if row["joined_on"] <= day and (row["left_on"] is None or row["left_on"] > day)
    }
