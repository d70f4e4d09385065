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
    what `MemberOut` does. Only what is asked for stands in the statement: its plan fits, and is made once.
    """
    inside = reach.within(branch=branch)
    places = within(inside.units, unit)
    anywhere = bool(q) and len(places) > 1 and inside.branch is None
    where, values = ["unit = any($1)", "status <> 'merged'"], list[Any]([places, limit + 1])

    def given(condition: str, *found: Any) -> None:
        numbers = range(len(values) + 1, len(values) + len(found) + 1)
        where.append(condition.format(*(f"${number}" for number in numbers)))
        values.extend(found)

    if inside.branch is not None:
        given("branch = {}", inside.branch)
    if status is not None:
        given("status = {}", status)
    if start := after(cursor, str, UUID):
        given("(unit, id) > ({}, {})", *start)
    if "@" in (unit or ""):
        given(there("{0}", "{1}"), *on_last_day(unit))
    if q:
        given(_NAMED_ANYWHERE if anywhere else _NAMED_HERE, *words(q))
    chosen = f"from member where {' and '.join(where)} order by unit, id limit $2"
    if q or status:  # in the index of units alone, which holds names and statuses beside them
        chosen = f"from member where id in (select id {chosen}) order by unit, id"
    query = f"select {_LISTED} {chosen}"  # own text
    if anywhere:  # unnamed, so planned each time: rare words by their own index, common ones in the order of the list
        rows = await (await conn.prepare(query, name="")).fetch(*values)
    else:
        rows = await conn.fetch(query, *values)
    return page_of(rows, limit, lambda row: (row["unit"], row["id"]))


_CONSTANT = {"citizen_number": "null", "phone": "null", "warnings": "'{}'::text[]"}
_LISTED = ", ".join(f'{_CONSTANT.get(name, "")} "{name}"' for name in MemberOut.model_fields)
_NAMED = "to_tsvector('simple', name_folded) @@ to_tsquery('simple', {0})"
_NAMED_HERE = f"case when name_folded like all ({{1}}::text[]) then {_NAMED} else false end"
"""Among a commune's members the words' index, which is a province's, is slower than to look at each."""
_NAMED_ANYWHERE = f"{_NAMED} and case when name_folded like all ({{1}}::text[]) then true else false end"
"""`case` hides from the planner that one follows from the other, or it would think both together rare."""


def words(q: str) -> tuple[str, list[str]]:
    """A query for names that hold all these words, marks and case folded, the last perhaps unfinished.

    And patterns that all such names are like, which are compared at a tenth of the cost.
    """
    found = re.findall(r"\w+", fold(q))
    query = [*found[:-1], *(f"{last}:*" for last in found[-1:])]
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
