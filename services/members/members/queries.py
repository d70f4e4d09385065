"""Reads of members."""

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import TypeAdapter

from contracts.members import BranchSpell, GroupSpell, HouseholdSpell, MemberState
from services.chassis.db import Connection, Row
from services.chassis.errors import Gone, NotFound, Text
from services.chassis.paging import after, fold, page_of
from services.chassis.reach import Reach
from services.chassis.vault import Vault
from services.members.members.record import Member
from services.members.members.schemas import LookupIn, MemberOut, Status
from services.members.reorganisations.locks import apart
from services.members.units.queries import on_last_day, there, within

HOME, PATH, GROUP = TypeAdapter(list[HouseholdSpell]), TypeAdapter(list[BranchSpell]), TypeAdapter(list[GroupSpell])


class Places(NamedTuple):
    """Where one may be a member, by id: branches, households' timelines, open groups; and all branches' timelines.

    `paths` are those of branches outside the reach too: they say which unit somebody was in, not where she may go.
    """

    branches: dict[UUID, Row]
    homes: dict[UUID, list[HouseholdSpell]]
    groups: dict[UUID, Row]
    paths: dict[UUID, list[BranchSpell]]


def out(row: Row) -> MemberOut:
    """A `member` row as a list shows it: what holds today."""
    return MemberOut.model_validate(dict(row), extra="ignore")


async def record(conn: Connection, reach: Reach, member_id: UUID) -> Member:
    """One member inside `reach`, whole, or 404."""
    row = await conn.fetchrow("select * from member where id = $1", member_id)
    if row is None or not reach.covers(row["unit"], row["branch"]):
        raise NotFound
    if row["status"] == "merged":
        raise _gone(await survivor(conn, reach, member_id))
    return Member.of(row)


async def lock(conn: Connection, *ids: UUID) -> None:
    """Lock members until the transaction ends: what is read of them from now on stays true.

    Their households come first, as with whoever sets a household's status and then writes its members.
    """
    await apart(conn)
    await conn.execute(
        """
        select from household
        where id in (select unnest(homes(timeline)) from member where id = any($1)) order by id for share
        """,
        ids,
    )
    await conn.execute("select from member where id = any($1) order by id for update", ids)


async def survivor(conn: Connection, reach: Reach, member_id: UUID) -> UUID | None:
    """The member inside `reach` whose record this one was merged into."""
    row = await conn.fetchrow(
        "select id, unit, branch from merge join member on id = survivor where duplicate = $1", member_id
    )
    return row["id"] if row and reach.covers(row["unit"], row["branch"]) else None


async def merged_into(conn: Connection, member_id: UUID) -> list[UUID]:
    """Records that were merged into a member's, and into those, in the order in which they were."""
    rows = await conn.fetch(
        """
        with recursive gone as (
            select duplicate, merged_at from merge where survivor = $1
            union all
            select merge.duplicate, merge.merged_at from merge join gone on merge.survivor = gone.duplicate)
        select duplicate from gone order by merged_at
        """,
        member_id,
    )
    return [row["duplicate"] for row in rows]


def _gone(survivor: UUID | None) -> Gone:
    return Gone(
        Text("Bản ghi đã được gộp vào bản ghi khác", "The record was merged into another's"),
        slug="member-merged",
        headers={"link": f'</v1/members/{survivor}>; rel="successor-version"'} if survivor else None,
        merged_into=survivor,
    )


async def due(conn: Connection, day: date, limit: int = 1_000) -> list[Member]:
    """Members of whom something begins by a day that the columns of `member` do not say yet."""
    rows = await conn.fetch("select * from member where due_on <= $1 order by id limit $2", day, limit)
    return [Member.of(row) for row in rows]


async def of_household(conn: Connection, household: UUID) -> list[Member]:
    """The members who are, were or will be in a household, their rows locked until the transaction ends."""
    rows = await conn.fetch(
        """
        select * from member
        where household = $1 or json_array_length(timeline) > 1 and homes(timeline) @> array[$1::uuid]
        order by id for update
        """,
        household,
    )
    return [Member.of(row) for row in rows]


async def locked(conn: Connection, reach: Reach, ids: Collection[UUID]) -> list[Member]:
    """Those of these members that are inside `reach` and not merged, their rows locked until the transaction ends."""
    rows = await conn.fetch(
        """
        select * from member
        where id = any($1) and unit = any($2) and ($3::uuid is null or branch = $3) and status <> 'merged'
        order by id for update
        """,
        list(ids),
        list(reach.units),
        reach.branch,
    )
    return [Member.of(row) for row in rows]


async def get(
    conn: Connection,
    reach: Reach,
    member_id: UUID,
    on: date | None = None,
    known_at: datetime | None = None,
    vault: Vault | None = None,
) -> MemberOut:
    """One member inside `reach` as of a day (today by default), or 404; 404 too if she was none by then."""
    member = await known(conn, reach, member_id, known_at) if known_at else await record(conn, reach, member_id)
    if on and on < member.timeline[0].since:
        raise NotFound
    return member.opened(vault, on)


async def known(conn: Connection, reach: Reach, member_id: UUID, known_at: datetime) -> Member:
    """One member inside `reach` as the journal knew her at a time (names are not in it: as they are now), or 404."""
    row = await conn.fetchrow(
        """
        select member.*, past.version as past_version, past.recorded_at as past_at, past.data
        from member, lateral (
            select version, recorded_at, data from journal where subject = member.id and recorded_at <= $2
            order by version desc limit 1) as past
        where member.id = $1
        """,
        member_id,
        known_at,
    )
    if row is None or not reach.covers(row["unit"], row["branch"]):
        raise NotFound
    state = MemberState.model_validate_json(row["data"], extra="ignore")
    if not state.timeline:
        raise _gone(state.merged_into)
    news = {"version": row["past_version"], "recorded_at": row["past_at"]}
    return Member.of(row).model_copy(update={"timeline": state.timeline, "birth_year": state.birth_year, **news})


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
) -> tuple[Sequence[Row], str | None]:
    """Members of `unit` (or of all of `reach`), narrowed by branch, status and folded name, by unit and id.

    Of a unit of before, those who are or were there on its last day, wherever inside `reach` they are now. Rows hold
    what `MemberOut` does. Only what is asked for stands in the statement.
    """
    inside = reach.within(branch=branch)
    places = within(inside.units, unit)
    where, values = ["status <> 'merged'"], list[Any]([places, limit + 1])

    def given(condition: str, *found: Any) -> str:
        numbers = range(len(values) + 1, len(values) + len(found) + 1)
        values.extend(found)
        return condition.format(*(f"${number}" for number in numbers))

    if inside.branch is not None:
        where.append(given("branch = {}", inside.branch))
    if status is not None:
        where.append(given("status = {}", status))
    if "@" in (unit or ""):
        where.append(given(there("{0}", "{1}"), *on_last_day(unit)))
    start = after(cursor, str, UUID)
    onward = "unit = any($1)" + (given(" and (unit, id) > ({}, {})", *start) if start else "")
    parts = {"onward": onward, "kept": " and ".join(where), "named": "true"}
    if q:
        parts["words"], parts["patterns"] = given("{} {}", *words(q)).split()
        parts["named"] = _NAMED.format(**parts)
    if q and len(places) > 1 and inside.branch is None and status in (None, "active"):  # others are too few
        chosen = f"from member where id in ({_ANYWHERE.format(**parts)}) order by unit, id limit $2"
    elif q or status:  # in the index of units alone, which holds names and statuses beside them
        chosen = f"from member where id in (select id {_HERE.format(**parts)}) order by unit, id"
    else:
        chosen = _HERE.format(**parts)
    rows = await conn.fetch(f"select {_LISTED} {chosen}", *values)  # own text
    return page_of(rows, limit, lambda row: (row["unit"], row["id"]))


_CONSTANT = {"citizen_number": "null", "phone": "null", "warnings": "'{}'::text[]"}
_LISTED = ", ".join(f'{_CONSTANT.get(name, "")} "{name}"' for name in MemberOut.model_fields)
_HERE = "from member where {onward} and {kept} and {named} order by unit, id limit $2"
_NAMED = """case when name_folded like all ({patterns}::text[])
    then name_words(unit, name_folded) @@ replace({words}::text, '/', left(unit, 3) || '/')::tsquery else false end"""
"""Patterns are compared at a tenth of the cost of words."""
_ANYWHERE = """
with first as (select unit from member where {onward} order by unit, id limit 1),
     near as (select id from member where {onward} and unit = (table first) and {kept} and {named}
              order by unit, id limit $2)
table near
union all
(select far.id
 from (select distinct left(unit, 3) as code from unnest($1::text[]) as unit where unit > (table first)) as area
     cross join lateral (
         with known as materialized (
             select unit, id from member
             where name_words(unit, name_folded) @@ replace({words}::text, '/', area.code || '/')::tsquery and {kept})
         select unit, id from known where unit = any($1) and unit > (table first) order by unit, id limit $2) as far
 order by area.code, far.unit, far.id
 limit $2 - (select count(*) from near))
"""
"""Of a province: the first commune's names are looked at one by one, which fills the page if the words are common. Else
few bear them in each, and the index of words tells who, area after area (units whose codes begin alike) until the page
is full. `materialized`, so that within an area no other index is taken: the planner knows nothing of such words."""


def words(q: str) -> tuple[str, list[str]]:
    """A query for names that hold all these words, marks and case folded, the last perhaps unfinished.

    Each word follows a `/`, which the code of the area goes before. And patterns that all such names are like.
    """
    found = re.findall(r"[^\W_]+", fold(q))
    query = [*(f"'/{word}'" for word in found[:-1]), *(f"'/{last}':*" for last in found[-1:])]
    return " & ".join(query), [f"%{word}%" for word in found]


async def with_number(conn: Connection, reach: Reach, body: LookupIn, vault: Vault | None) -> list[MemberOut]:
    """The members inside `reach` with this citizen number or phone, at most 100, their numbers opened."""
    if vault is None:
        return []
    rows = await conn.fetch(
        """
        select * from member
        where (citizen_index = $1 or phone_index = $2) and status <> 'merged'
          and unit = any($3) and ($4::uuid is null or branch = $4)
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
    rows = await conn.fetch(
        "select citizen_index from member where citizen_index = any($1) and status <> 'merged'", list(indexes)
    )
    return {row["citizen_index"] for row in rows}


async def places(
    conn: Connection,
    reach: Reach,
    branches: Collection[UUID],
    households: Collection[UUID],
    groups: Collection[UUID] = (),
) -> Places:
    """The branches, households and open groups inside `reach`, in one round trip.

    Branches and groups are locked against being closed until the transaction ends, households against a new status.
    """
    rows = await conn.fetch(
        """
        with found as (select id, unit, closed_on, timeline from branch where id = any($1) order by id for share),
             parts as (select id, unit, branch, timeline from member_group
                       where id = any($3) and closed_on is null order by id for share),
             homes as (select id, unit, branch, timeline from household where id = any($2) order by id for share)
        select 'branch' as kind, id, unit, closed_on, id as branch, timeline from found
        union all
        select 'group', id, unit, null, branch, timeline from parts
        union all
        select 'home', id, unit, null, branch, timeline from homes
        """,
        list(branches),
        list(households),
        list(groups),
    )
    found = Places({}, {}, {}, {})
    for row in rows:
        kind, place, unit, _, branch, spells = row
        if kind == "branch":
            found.paths[place] = PATH.validate_json(spells)
        if not reach.covers(unit, branch):
            continue
        if kind == "branch":
            found.branches[place] = row
        elif kind == "home":
            found.homes[place] = HOME.validate_json(spells)
        else:
            found.groups[place] = row
    return found
