"""Reads of members."""

import re
from collections.abc import Collection
from datetime import date
from typing import NamedTuple
from uuid import UUID

from pydantic import TypeAdapter

from contracts.members import HouseholdSpell
from services.chassis.clock import today
from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, fold, page_of
from services.chassis.reach import Reach
from services.chassis.vault import Vault
from services.members.members.record import Member
from services.members.members.schemas import LookupIn, MemberOut, Status

HOME = TypeAdapter(list[HouseholdSpell])


class Places(NamedTuple):
    """Where one may be a member, by id: branches (unit, closed_on), households (timelines), open groups (branch)."""

    branches: dict[UUID, Row]
    homes: dict[UUID, list[HouseholdSpell]]
    groups: dict[UUID, Row]


def out(row: Row) -> MemberOut:
    """A `member` row as a list shows it: what holds today."""
    return MemberOut.model_validate(dict(row), extra="ignore")


async def record(conn: Connection, reach: Reach, member_id: UUID) -> Member:
    """One member inside `reach`, whole, or 404."""
    row = await conn.fetchrow("select * from member where id = $1", member_id)
    if row is None or not reach.covers(row["unit"], row["branch"]):
        raise NotFound
    return Member.of(row)


async def of_household(conn: Connection, household: UUID) -> list[Member]:
    """The members in a household, their rows locked until the transaction ends."""
    rows = await conn.fetch("select * from member where household = $1 order by id for update", household)
    return [Member.of(row) for row in rows]


async def locked(conn: Connection, reach: Reach, ids: Collection[UUID]) -> list[Member]:
    """These members inside `reach`, their rows locked until the transaction ends."""
    rows = await conn.fetch(
        """
        select * from member where id = any($1) and unit = any($2) and ($3::uuid is null or branch = $3)
        order by id for update
        """,
        list(ids),
        list(reach.units),
        reach.branch,
    )
    return [Member.of(row) for row in rows]


async def get(conn: Connection, reach: Reach, member_id: UUID, on: date | None = None) -> MemberOut:
    """One member inside `reach` as of a day (today by default), or 404."""
    return (await record(conn, reach, member_id)).on(on or today())


async def find(
    conn: Connection,
    reach: Reach,
    *,
    unit: str | None,
    branch: UUID | None,
    status: Status | None,
    q: str | None,
    limit: int,
    cursor: str | None,
) -> Page[MemberOut]:
    """Members of `unit` (or of all of `reach`), narrowed by branch, status and folded name, by unit and id."""
    start, inside = after(cursor, str, UUID), reach.within(unit, branch)
    rows = await conn.fetch(
        """
        select * from member
        where unit = any($1)
          and ($2::uuid is null or branch = $2)
          and ($3::text is null or status = $3)
          and ($4::text is null or to_tsvector('simple', name_folded) @@ to_tsquery('simple', $4))
          and ($5::text is null or (unit, id) > ($5, $6::uuid))
        order by unit, id
        limit $7
        """,
        list(inside.units),
        inside.branch,
        status,
        words(q) if q else None,
        *(start or (None, None)),
        limit + 1,
    )
    page, following = page_of(rows, limit, lambda row: (row["unit"], row["id"]))
    return Page(items=[out(row) for row in page], next_cursor=following)


def words(q: str) -> str:
    """A query for names that hold all these words, marks and case folded, the last perhaps unfinished."""
    found = re.findall(r"\w+", fold(q))
    return " & ".join([*found[:-1], *(f"{last}:*" for last in found[-1:])])


async def with_number(conn: Connection, reach: Reach, body: LookupIn, vault: Vault | None) -> list[MemberOut]:
    """The members inside `reach` with this citizen number or phone, at most 100, their numbers opened."""
    if vault is None:
        return []
    rows = await conn.fetch(
        """
        select * from member
        where (citizen_index = $1 or phone_index = $2) and unit = any($3) and ($4::uuid is null or branch = $4)
        order by id limit 100
        """,
        vault.index(body.citizen_number, "citizen_number") if body.citizen_number else None,
        vault.index(body.phone, "phone") if body.phone else None,
        list(reach.units),
        reach.branch,
    )
    return [Member.of(row).opened(vault) for row in rows]


async def taken(conn: Connection, indexes: Collection[bytes]) -> set[bytes]:
    """Which of these citizen numbers somebody has already."""
    rows = await conn.fetch("select citizen_index from member where citizen_index = any($1)", list(indexes))
    return {row["citizen_index"] for row in rows}


async def places(
    conn: Connection,
    reach: Reach,
    branches: Collection[UUID],
    households: Collection[UUID],
    groups: Collection[UUID] = (),
) -> Places:
    """The branches, households and open groups inside `reach`, in one round trip.

    Branches and groups are locked against being closed until the transaction ends.
    """
    rows = await conn.fetch(
        """
        with found as (select id, unit, closed_on from branch where id = any($1) order by id for share),
             parts as (select id, unit, branch from member_group where id = any($3) and closed_on is null for share)
        select 'branch' as kind, id, unit, closed_on, id as branch, null as timeline from found
        union all
        select 'home', id, unit, null, branch, timeline from household where id = any($2)
        union all
        select 'group', id, unit, null, branch, null from parts
        """,
        list(branches),
        list(households),
        list(groups),
    )
    inside = [row for row in rows if reach.covers(row["unit"], row["branch"])]
    return Places(
        {row["id"]: row for row in inside if row["kind"] == "branch"},
        {row["id"]: HOME.validate_json(row["timeline"]) for row in inside if row["kind"] == "home"},
        {row["id"]: row for row in inside if row["kind"] == "group"},
    )
