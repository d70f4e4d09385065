"""Reads of groups."""

from datetime import date
from uuid import UUID

from contracts.credit_groups import Saved
from services.chassis.clock import today
from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.loans.groups.record import boards_of, ratings_of, timeline_of
from services.loans.groups.schemas import GroupOut, RatingOut, RatingsOut, Warned
from services.loans.parameters import parameter
from services.loans.timeline import at


def out(row: Row, as_of: date) -> GroupOut:
    """A row with its sums as the door shows it."""
    ratings, boards = ratings_of(row), boards_of(row)
    rating, open_ = at(ratings, as_of), row["closed_on"] is None or row["closed_on"] > as_of
    warned = {
        "too_few_members": row["opened_on"] <= as_of and row["members"] < parameter("group.fewest", as_of),
        "undecided": row["undecided_since"] is not None and row["undecided_since"] <= as_of,
    }
    shown = {
        **dict(row),
        "rating": rating.rating if rating else None,
        "board": at(boards, as_of) if open_ else None,
        "boards": boards,
        "timeline": timeline_of(row),
        "warnings": [warning for warning, fires in warned.items() if fires and open_],
        "as_of": as_of,
    }
    return GroupOut.model_validate(shown, extra="ignore")


async def get(conn: Connection, reach: Reach, group_id: UUID, as_of: date | None = None) -> GroupOut:
    """One group inside `reach` with its sums as of a day (default today), or 404."""
    as_of = as_of or today()
    rows = await _with_sums(conn, reach, as_of, ids=[group_id], limit=1)
    if not rows:
        raise NotFound
    return out(rows[0], as_of)


async def find(
    conn: Connection, reach: Reach, as_of: date, limit: int, cursor: str | None, warning: Warned | None = None
) -> Page[GroupOut]:
    """Groups inside `reach` that were formed by a day, those with a warning only if asked, by unit and id."""
    start = after(cursor, str, UUID)
    fewest = parameter("group.fewest", as_of) if warning == "too_few_members" else None
    undecided = warning == "undecided"
    rows = await _with_sums(conn, reach, as_of, start=start, limit=limit + 1, fewer_than=fewest, undecided=undecided)
    page, following = page_of(rows, limit, lambda row: (row["unit"], row["id"]))
    return Page(items=[out(row, as_of) for row in page], next_cursor=following)


async def ratings(conn: Connection, reach: Reach, group_id: UUID) -> tuple[RatingsOut, int]:
    """A group's ratings by month, and its version, or 404."""
    row = await row_of(conn, reach, group_id)
    items = [RatingOut(month=f"{each.since:%Y-%m}", rating=each.rating) for each in ratings_of(row)]
    return RatingsOut(items=items), row["version"]


async def row_of(conn: Connection, reach: Reach, group_id: UUID) -> Row:
    """The row of a group inside `reach`, or 404."""
    row = await conn.fetchrow("select * from credit_group where id = $1", group_id)
    if row is None or not reach.covers(row["unit"], row["branch"]):
        raise NotFound
    return row


async def savings(conn: Connection, group_id: UUID) -> list[Saved]:
    """What savings grew by, day by day."""
    rows = await conn.fetch(
        """
        select occurred_on as on, sum(moved)::bigint as amount from saving where credit_group = $1
        group by occurred_on having sum(moved) <> 0 order by occurred_on
        """,
        group_id,
    )
    return [Saved(**dict(row)) for row in rows]


async def _with_sums(
    conn: Connection,
    reach: Reach,
    as_of: date,
    *,
    ids: list[UUID] | None = None,
    start: tuple[object, ...] | None = None,
    limit: int,
    fewer_than: int | None = None,
    undecided: bool = False,
) -> list[Row]:
    """Groups with how many households were members on a day, and what they had saved by then."""
    return await conn.fetch(
        """
        select credit_group.*, members, savings
        from credit_group, lateral (
            select count(*) as members from membership
            where membership.credit_group = credit_group.id and joined_on <= $2 and (left_on is null or left_on > $2)
        ) as counted, lateral (
            select coalesce(sum(moved), 0)::bigint as savings from saving
            where saving.credit_group = credit_group.id and occurred_on <= $2
        ) as saved
        where unit = any($1) and ($7::uuid is null or branch = $7)
          and ($3::uuid[] is null and opened_on <= $2 or id = any($3))
          and ($8::int is null or members < $8 and (closed_on is null or closed_on > $2))
          and (not $9 or undecided_since <= $2 and (closed_on is null or closed_on > $2))
          and ($4::text is null or (unit, id) > ($4, $5::uuid))
        order by unit, id
        limit $6
        """,
        list(reach.units),
        as_of,
        ids,
        *(start or (None, None)),
        limit,
        reach.branch,
        fewer_than,
        undecided,
    )
