"""Reads of the access log."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.chassis.db import Connection
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.members.access_log.schemas import AccessOut


class Quarter(NamedTuple):
    """A part of the log, and the first day after it."""

    name: str
    until: date


async def find(
    conn: Connection, reach: Reach, *, subjects: Sequence[UUID], reader: str | None, limit: int, cursor: str | None
) -> Page[AccessOut]:
    """Accesses to members and households inside `reach` (404 otherwise), by a reader of a unit in it, newest first.

    Of the others shown by the same answer only those inside `reach` are named.
    """
    if await _unknown(conn, reach, subjects):
        raise NotFound
    rows = await conn.fetch(
        """
        select id, at, caller, unit, purpose, route, array(
            select id from member where id = any(subjects) and unit = any($1) and ($2::uuid is null or branch = $2)
            union all select id from household
            where id = any(subjects) and unit = any($1) and ($2::uuid is null or branch = $2)) as subjects
        from access_log
        where subjects @> $3::uuid[]
          and ($4::text is null or caller = $4 and unit = any($7))
          and ($5::bigint is null or id < $5)
        order by id desc
        limit $6
        """,
        list(reach.units),
        reach.branch,
        subjects,
        reader,
        *(after(cursor, int) or (None,)),
        limit + 1,
        list(reach),
    )
    page, following = page_of(rows, limit, lambda row: (row["id"],))
    return Page(items=[AccessOut.model_validate(dict(row)) for row in page], next_cursor=following)


async def quarters(conn: Connection) -> list[Quarter]:
    """The log's quarters in order."""
    rows = await conn.fetch(
        r"""
        select relname as name, (interval '1 month'
               + make_date(substr(relname, 12, 4)::int, 3 * right(relname, 1)::int, 1))::date as until
        from pg_inherits join pg_class on pg_class.oid = inhrelid
        where inhparent = 'access_log'::regclass and relname ~ '^access_log_\d{4}q[1-4]$'
        order by relname
        """
    )
    return [Quarter(row["name"], row["until"]) for row in rows]


async def _unknown(conn: Connection, reach: Reach, subjects: Sequence[UUID]) -> bool:
    """Whether one of these is neither a member nor a household inside `reach`."""
    return bool(
        await conn.fetchval(
            """
            select exists (
                select unnest($1::uuid[])
                except select id from member
                where id = any($1) and unit = any($2) and ($3::uuid is null or branch = $3)
                except select id from household
                where id = any($1) and unit = any($2) and ($3::uuid is null or branch = $3))
            """,
            subjects,
            list(reach.units),
            reach.branch,
        )
    )
