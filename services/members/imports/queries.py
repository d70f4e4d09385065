"""Reads of imports."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.chassis.db import Connection, Row
from services.chassis.errors import FaultOut, NotFound, Text
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.members.imports.schemas import FAULTS, ImportOut, RowOut, Verdict, spoken

UNFINISHED = ("received", "checking", "applying")
_WHO = """
unnest($3::int[], $4::text[], $5::date[], $6::int[], $7::uuid[], $8::date[], $9::bytea[], $10::text[])
    as who (row, name, born, year, branch, joined, citizen, card)
"""
_HER = """
status <> 'merged' and (unit = any($1)) is true and ($11::uuid is null or member.branch = $11)
    and name_folded = who.name
    and not exists (select from import_row as made
                    where made.member = member.id and made.import is not distinct from $2 and made.verdict = 'created')
"""
"""Members but those made by this import. Where no plain `=` stands no index is meant: of tables without statistics, as
they are when a first file comes, the planner would take those of units, branches or the whole import."""
_SAME = f"""
select row, found.id
from (select *, name_key(name) as words from {_WHO} offset 0) as who,
lateral (
    select id from member
    where name_key(name_folded) = who.words and birth_date is not distinct from who.born
      and member.branch is not distinct from who.branch and joined_on = who.joined
      and (citizen_index = who.citizen) is not false and {_HER} and birth_year
"""  # noqa: S608  # own text
SAME_YEAR, SAME_NO_YEAR = (f"{_SAME} {year} limit 1) as found" for year in ("= who.year", "is null"))
SAME_CARD, SAME_CITIZEN = (
    f"select row, found.id from {_WHO}, lateral (select id from member where {same} and {_HER} limit 1) as found"  # noqa: S608  # own text
    for same in ("card_number = who.card", "citizen_index = who.citizen")
)
_ROWS = """
select value, min(row) as first from unnest($2::bytea[]) as asked (value), lateral (
    select row from import_row as made where import = $1 and made.{column} = asked.value offset 0) as found
group by value
"""
"""Rows of an import by a column's values, an index entry each: `= any` is a look at every row of the import for all of
them, as long as the table has no statistics."""


def out(row: Row, language: str) -> ImportOut:
    """An `import` row as the door shows it."""
    faults = [
        FaultOut(pointer=fault["pointer"], code=fault["code"], message=fault[language])
        for fault in json.loads(row["faults"])
    ]
    shown = {**dict(row), "columns": json.loads(row["columns"]), "faults": faults}
    return ImportOut.model_validate(shown, extra="ignore")


async def row_of(conn: Connection, reach: Reach, import_id: UUID) -> Row:
    """One import inside `reach`, or 404."""
    row = await conn.fetchrow("select * from import where id = $1", import_id)
    if row is None or not reach.covers(row["unit"], row["branch"]):
        raise NotFound
    return row


async def get(conn: Connection, reach: Reach, import_id: UUID, language: str) -> ImportOut:
    """One import inside `reach`, or 404."""
    return out(await row_of(conn, reach, import_id), language)


async def find(conn: Connection, reach: Reach, limit: int, cursor: str | None, language: str) -> Page[ImportOut]:
    """Imports of `reach`, the newest first."""
    start = after(cursor, UUID)
    rows = await conn.fetch(
        """
        select * from import
        where unit = any($1) and ($2::uuid is null or id < $2) and ($4::uuid is null or branch = $4)
        order by id desc limit $3
        """,
        list(reach.units),
        *(start or (None,)),
        limit + 1,
        reach.branch,
    )
    page, following = page_of(rows, limit, lambda row: (row["id"],))
    return Page(items=[out(row, language) for row in page], next_cursor=following)


async def verdicts(
    conn: Connection,
    reach: Reach,
    import_id: UUID,
    verdict: Verdict | None,
    doubtful: bool,
    limit: int,
    cursor: str | None,
) -> Page[RowOut]:
    """Rows of an import and what became of them, in the order of the file; those with warnings alone if `doubtful`."""
    await row_of(conn, reach, import_id)
    start = after(cursor, int)
    rows = await conn.fetch(
        """
        select row, verdict, member, coalesce(errors, '[]') as errors, coalesce(warnings, '[]') as warnings
        from import_row
        where import = $1 and row > $2::bigint and ($3::text is null or verdict = $3)
          and (warnings is not null or not $5)
        order by row limit $4
        """,
        import_id,
        *(start or (0,)),
        verdict,
        limit + 1,
        doubtful,
    )
    page, following = page_of(rows, limit, lambda row: (row["row"],))
    told = ("errors", "warnings")
    items = [RowOut.model_validate({**dict(row), **{name: json.loads(row[name]) for name in told}}) for row in page]
    return Page(items=items, next_cursor=following)


async def error_file(conn: Connection, reach: Reach, import_id: UUID) -> str:
    """The format of an import's error file. 404 if there is none: no row was refused, or it was deleted."""
    row = await row_of(conn, reach, import_id)
    if await part(conn, import_id, "errors", 0) is None:
        raise NotFound(
            Text("Không có tệp lỗi: không dòng nào bị từ chối, hoặc tệp đã hết hạn lưu", "There is no error file")
        )
    found: str = row["format"]
    return found


async def part(conn: Connection, import_id: UUID, kind: str, number: int) -> bytes | None:
    """One part of a file, from 0; None after the last."""
    found: bytes | None = await conn.fetchval(
        "select bytes from import_file where import = $1 and kind = $2 and part = $3", import_id, kind, number
    )
    return found


async def waiting(conn: Connection) -> list[UUID]:
    """Imports to go on with, the oldest first."""
    rows = await conn.fetch(
        """
        select id from import where state in ('received', 'checking', 'applying') order by id for update skip locked
        """
    )
    return [row["id"] for row in rows]


async def headings(conn: Connection, actor: str) -> dict[str, str | None]:
    """What the caller's headings mean, by key."""
    rows = await conn.fetch("select heading, field from import_heading where actor = $1", actor)
    return {row["heading"]: row["field"] for row in rows}


async def open_branches(conn: Connection, reach: Reach, communes: Sequence[str]) -> list[Row]:
    """Open branches inside `reach` of these communes: id, place (the commune), name, name_folded."""
    return await conn.fetch(
        """
        select id, unit as place, name, name_folded from branch
        where unit = any($1) and closed_on is null and ($2::uuid is null or id = $2)
        """,
        list(reach.units.intersection(communes)),
        reach.branch,
    )


async def open_groups(conn: Connection, branches: Sequence[UUID]) -> list[Row]:
    """Open groups of these branches: id, place (the branch), name, name_folded."""
    return await conn.fetch(
        "select id, branch as place, name, name_folded from member_group where branch = any($1) and closed_on is null",
        branches,
    )


async def households(conn: Connection, branches: Sequence[UUID], written: Sequence[str]) -> list[Row]:
    """Households of these branches whose id or address (lower case) is among `written`: id, branch, address."""
    return await conn.fetch(
        """
        select id, branch, lower(address) as address from household
        where branch = any($1) and (lower(address) = any($2) or id::text = any($2))
        """,
        branches,
        written,
    )


async def members_of(conn: Connection, keys: Sequence[bytes]) -> dict[bytes, UUID]:
    """Members that rows with these keys have become."""
    rows = await conn.fetch("select key, member from import_key where key = any($1)", keys)
    return {row["key"]: row["member"] for row in rows}


async def rows_before(conn: Connection, import_id: UUID, keys: Sequence[bytes]) -> dict[bytes, int]:
    """The first rows of this import decided already that have these keys."""
    return {row["value"]: row["first"] for row in await conn.fetch(_ROWS.format(column="key"), import_id, keys)}


async def holders(conn: Connection, import_id: UUID, citizens: Sequence[bytes]) -> dict[bytes, int]:
    """Rows of this import, new and not refused, that have these citizen numbers."""
    if not citizens:
        return {}
    rows = await conn.fetch(_ROWS.format(column="citizen"), import_id, citizens)
    return {row["value"]: row["first"] for row in rows}


async def known(conn: Connection, reach: Reach, import_id: UUID, persons: Sequence[tuple[Any, ...]]) -> dict[int, UUID]:
    """Who of these persons is a member inside `reach` already, however enrolled, but by this import; by row.

    By citizen number or card number together with the name, or by name, birth, branch and day of joining unless the
    citizen numbers differ.
    """
    found: dict[int, UUID] = {}
    for query, asked in (
        (SAME_YEAR, [each for each in persons if each[3] is not None]),
        (SAME_NO_YEAR, [each for each in persons if each[3] is None]),
        (SAME_CARD, [each for each in persons if each[7]]),
        (SAME_CITIZEN, [each for each in persons if each[6]]),
    ):
        if asked:
            columns = map(list, zip(*asked, strict=True))
            rows = await conn.fetch(query, list(reach.units), import_id, *columns, reach.branch)
            found |= {row["row"]: row["id"] for row in rows}
    return found


async def refused(conn: Connection, import_id: UUID, first: int, last: int) -> dict[int, str]:
    """What is wrong with the refused rows from `first` to `last`, by row."""
    rows = await conn.fetch(
        """
        select row, errors from import_row
        where import = $1 and row between $2 and $3 and verdict = 'refused'
        """,
        import_id,
        first,
        last,
    )
    return {row["row"]: spoken(FAULTS.validate_json(row["errors"])) for row in rows}


async def is_open(conn: Connection, reach: Reach, branch_id: UUID) -> bool:
    """Whether this is an open branch inside `reach`."""
    unit = await conn.fetchval("select unit from branch where id = $1 and closed_on is null", branch_id)
    return unit is not None and reach.covers(unit, branch_id)


async def api_in_use(conn: Connection) -> bool:
    """Whether the API asked the database anything in the last tenth of a second."""
    return bool(
        await conn.fetchval(
            """
            select exists (select from pg_stat_activity
                           where application_name = 'members-api' and state_change > now() - interval '100 ms')
            """
        )
    )
