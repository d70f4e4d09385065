"""Rows of every kind that a plan carries: read with a lock, written a chunk at a time, each with its event."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json

from contracts.members import (
    BranchReorganised,
    BranchSpell,
    GroupReorganised,
    GroupSpell,
    HouseholdReorganised,
    HouseholdSpell,
    MemberReorganised,
)
from contracts.offices import OfficerRole
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, Row
from services.chassis.paging import fold
from services.members.members.record import FEES, ROLES, TIMELINE
from services.members.reorganisations.course import Branch, Course, named
from services.members.reorganisations.schemas import Kind, PlanOut
from services.members.timeline import nearest, next_after

CHUNK = 5_000
TABLES: dict[Kind, str] = {
    "branch": "branch",
    "group": "member_group",
    "household": "household",
    "member": "member",
}
"""In the order in which they are locked and written."""
SPELLS: dict[Kind, TypeAdapter[Any]] = {
    "branch": TypeAdapter(list[BranchSpell]),
    "group": TypeAdapter(list[GroupSpell]),
    "household": TypeAdapter(list[HouseholdSpell]),
    "member": TIMELINE,
}
EVENTS: dict[Kind, Any] = {
    "branch": BranchReorganised,
    "group": GroupReorganised,
    "household": HouseholdReorganised,
    "member": MemberReorganised,
}
TRACE = ("plan", "kind", "id", "version", "unit_from", "unit_to", "branch", "name", "renamed")
"""What is noted of each record carried; of a branch, what it was called before, and from then on."""
OWN: dict[Kind, dict[str, str]] = {
    "branch": {"name": "text", "name_folded": "text"},
    "group": {"branch": "uuid"},
    "household": {"branch": "uuid"},
    "member": {"branch": "uuid", "group": "uuid", "due_on": "date", "roles": "json"},
}
"""What is written beside what all kinds have, with its type."""
COMMON = {"unit": "text", "timeline": "json", "version": "integer", "recorded_at": "timestamptz"}

GOES = """
with fate as (select * from unnest($1::uuid[], $2::text[]) as fates (branch, unit_to)),
away as (select * from unnest($3::uuid[], $4::text[]) as aways (id, unit_to))
"""
"""Where each branch goes (null: nowhere), and each group, household and member that goes another way than it."""


class News(NamedTuple):
    """A row as it was, its timeline from now on, a branch's name, and a member's offices where they change."""

    row: Row
    spells: list[Any]
    name: str | None = None
    roles: list[OfficerRole] | None = None


def chunks(ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    """The ids, as many at a time as are kept in memory."""
    yield from (list(ids[start : start + CHUNK]) for start in range(0, len(ids), CHUNK))


async def locked(conn: Connection, kind: Kind, ids: Sequence[UUID]) -> list[Row]:
    """These rows, in the order of ids."""
    return await conn.fetch(f"select * from {TABLES[kind]} where id = any($1) order by id for update", ids)  # noqa: S608  # own names


async def write(conn: Connection, kind: Kind, news: Sequence[News], since: date) -> list[journal.Fact]:
    """Write the rows' next versions, and an event for each; what was locked is not read again."""
    if not news:
        return []
    facts, rows = await asyncio.to_thread(_written, kind, news, since, journal.now(), today())
    columns = COMMON | OWN[kind]
    names = ", ".join(f'"{name}"' for name in columns)
    await conn.execute(
        f"""
        update {TABLES[kind]} as t set ({names}) = ({", ".join(f'n."{name}"' for name in columns)})
        from unnest($1::uuid[], {", ".join(f"${n}::{type_}[]" for n, type_ in enumerate(columns.values(), 2))})
            as n (id, {names})
        where t.id = n.id
        """,  # noqa: S608  # own names
        *map(list, zip(*rows, strict=True)),
    )
    await journal.copy(conn, facts)
    await _write_roles(conn, {each.row["id"]: each.roles for each in news if each.roles is not None})
    return facts


def _written(
    kind: Kind, news: Sequence[News], since: date, now: datetime, day: date
) -> tuple[list[journal.Fact], list[tuple[Any, ...]]]:
    facts, rows = [], []
    for each in news:
        row, spells = each.row, each.spells
        here, version = nearest(spells, day), row["version"] + 1
        branch = row["id"] if kind == "branch" else here.branch
        person: dict[str, Any] = {}
        own: tuple[Any, ...] = (branch,)
        if kind == "branch":
            own = (each.name, fold(each.name or ""))
        elif kind == "member":
            roles = ROLES.validate_json(row["roles"]) if each.roles is None else each.roles
            own = (branch, here.group, next_after(spells, day), to_json(roles).decode())
            person = {name: row[name] for name in ("ethnicity_system", "birth_year")}
            person |= {"roles": roles, "fees": FEES.validate_json(row["fees"])}
        data = EVENTS[kind].model_construct(timeline=spells, **person)
        facts.append(journal.Fact(data, row["id"], version, since, here.unit, branch))
        rows.append((row["id"], here.unit, to_json(spells).decode(), version, now, *own))
    return facts, rows


async def _write_roles(conn: Connection, roles: dict[UUID, list[OfficerRole]]) -> None:
    """The offices of these members as lists of officers find them."""
    if not roles:
        return
    await conn.execute("delete from officer_role where member = any($1)", list(roles))
    await conn.copy_records_to_table(
        "officer_role",
        columns=("id", "member", "level", "position", "place", "since", "until"),
        records=[
            (role.id, member, role.level, role.position, role.place, role.since, role.until)
            for member, held in roles.items()
            for role in held
        ],
    )


def going(
    plan: PlanOut, found: Sequence[Branch], way: Course
) -> tuple[list[UUID], list[str | None], list[UUID], list[str]]:
    """The parameters of GOES."""
    origins = {mapping.origin for mapping in plan.mappings}
    moved = [branch.id for branch in found if branch.unit in origins]
    away = [(one, each.to) for each in way.opened for one in named(each.split)]
    return moved, [way.to.get(branch) for branch in moved], [one for one, _ in away], [to for _, to in away]
