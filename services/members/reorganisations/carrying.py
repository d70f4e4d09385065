"""Carries what a plan says: branches, and with each its groups, households and members, by the rules of timelines."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from contracts.members import BranchCreated, BranchSpell, MemberSpell
from contracts.offices import OfficerRole
from services.chassis import journal
from services.chassis.db import Connection, Row
from services.chassis.paging import fold
from services.members.members.record import ROLES
from services.members.merges.commands import carry_merged
from services.members.populations import queries as populations
from services.members.populations.commands import carry as carry_populations
from services.members.reorganisations import women
from services.members.reorganisations.course import Branch, Course, Opened, named
from services.members.reorganisations.rows import SPELLS, TABLES, TRACE, News, chunks, locked, write
from services.members.reorganisations.schemas import Kind, PlanOut
from services.members.reorganisations.women import touched
from services.members.timeline import carried, nearest, placed
from services.members.transfers.commands import carry as carry_requests

Decide = Callable[[Row], News]


async def carry(conn: Connection, plan: PlanOut, found: Sequence[Branch], way: Course) -> None:
    """Carry the branches that go, open those that splits ask for, and take everybody along."""
    since = plan.effective_on
    goes = {branch.id: branch for branch in found if branch.id in way.to}
    paths: dict[UUID, Sequence[BranchSpell]] = {}
    aways: dict[UUID, tuple[UUID, UUID]] = {}

    def branch(row: Row) -> News:
        there = goes[row["id"]]
        spells: list[BranchSpell] = SPELLS["branch"].validate_json(row["timeline"])
        paths[there.id] = spells = carried(spells, since, {"unit": there.unit}, unit=way.to[there.id])
        return News(row, spells, way.renamed.get(there.id, there.name))

    def part(kind: Kind) -> Decide:
        return lambda row: News(row, gone(SPELLS[kind].validate_json(row["timeline"]), row["id"]))

    def member(row: Row) -> News:
        before: list[MemberSpell] = SPELLS["member"].validate_json(row["timeline"])
        after = gone(before, row["household"], row["id"], row["group"])
        if row["group"] and row["group"] not in aways and after[-1].branch != before[-1].branch:
            there = after[-1].branch
            after = [s.model_copy(update={"group": None}) if s.branch == there else s for s in after]
        roles = ROLES.validate_json(row["roles"]) if row["roles"] != "[]" else []
        news = carried_roles(roles, before, after, since)
        return News(row, after, roles=news if news != roles else None)

    def gone(spells: list[Any], *names: UUID | None) -> list[Any]:
        away = next((aways[name] for name in names if name in aways), None)
        if away is not None:
            spells = carried(spells, since, {"branch": away[0]}, branch=away[1])
        return placed(spells, paths)

    # names are unique among open branches at every moment of the statements that write them
    await conn.execute("update branch set name_folded = id::text where id = any($1)", list(goes))
    await _rewrite(conn, plan, "branch", list(goes), branch)
    for each in way.opened:
        split = each.split.branch
        if split not in paths:
            (row,) = await locked(conn, "branch", [split])
            paths[split] = SPELLS["branch"].validate_json(row["timeline"])
        opened, paths[opened] = await _open(conn, plan, each)
        aways |= dict.fromkeys(named(each.split), (split, opened))
    decisions: dict[Kind, Decide] = {"group": part("group"), "household": part("household"), "member": member}
    for kind, decide in decisions.items():
        await _rewrite(conn, plan, kind, await _of(conn, kind, list(paths)), decide)
    await carry_merged(conn, list(paths))
    await _carry_women(conn, plan)
    await _carry_requests(conn, plan)


async def _carry_requests(conn: Connection, plan: PlanOut) -> None:
    """Carry open requests to transfer, so that who is there now decides."""
    gone = {mapping.origin for mapping in plan.mappings}
    into = {mapping.origin: mapping.to for mapping in plan.mappings if mapping.extent == "whole"}
    traces = [
        (plan.id, "transfer", was.id, now.version, was.to_unit, now.to_unit, None, None, None)
        for was, now in await carry_requests(conn, gone, into, {})
    ]
    await conn.copy_records_to_table("reorganised", records=traces, columns=TRACE)


async def _carry_women(conn: Connection, plan: PlanOut) -> None:
    """Carry what the units had declared of their women."""
    told = await populations.alone(conn, touched(plan))
    traces = [
        (plan.id, "population", each.id, each.version, each.unit, each.timeline[-1].heir or each.unit, None, None, None)
        for each in await carry_populations(conn, women.carried(plan, told), told, plan.effective_on)
    ]
    await conn.copy_records_to_table("reorganised", records=traces, columns=TRACE)


def carried_roles(
    roles: Sequence[OfficerRole], before: Sequence[MemberSpell], after: Sequence[MemberSpell], since: date
) -> list[OfficerRole]:
    """Offices go on where their holder is carried to: the old one ends on the day, another begins."""
    found = []
    for role in roles:
        day = max(role.since, since)
        was, now = nearest(before, day), nearest(after, day)
        place = {was.unit: now.unit, str(was.branch): str(now.branch)}.get(role.place, role.place)
        if place == role.place or (role.until is not None and role.until <= since):
            found.append(role)
        elif role.since >= since:
            found.append(role.model_copy(update={"place": place}))
        else:
            found.append(role.model_copy(update={"until": since}))
            found.append(role.model_copy(update={"id": journal.new_id(), "place": place, "since": since}))
    return sorted(found, key=lambda role: (role.since, role.id))


async def _of(conn: Connection, kind: Kind, branches: list[UUID]) -> list[UUID]:
    """Who is of these branches, or ever was; a record merged into another's is nobody."""
    rows = await conn.fetch(
        f"""
        select id from {TABLES[kind]} where json_array_length(timeline) > 0 and (branch = any($1) or exists (
            select from json_array_elements(timeline) as spell where (spell ->> 'branch')::uuid = any($1)))
        order by id
        """,  # noqa: S608  # own names
        branches,
    )
    return [row["id"] for row in rows]


async def _open(conn: Connection, plan: PlanOut, each: Opened) -> tuple[UUID, list[BranchSpell]]:
    """Open a branch for what is split off from another. Its timeline says that it came out of the old unit."""
    since, branch = plan.effective_on, journal.new_id()
    kind = await conn.fetchval("select kind from branch where id = $1", each.split.branch)
    spells = [
        BranchSpell(since=since, cause="began", unit=each.origin, kind=kind, open=False),
        BranchSpell(since=since, cause="reorganised", unit=each.to, kind=kind, open=True),
    ]
    await conn.execute(
        """
        insert into branch (id, unit, name, name_folded, kind, opened_on, timeline, version)
        values ($1, $2, $3, $4, $5, $6, $7, 1)
        """,
        *(branch, each.to, each.name, fold(each.name), kind, since, to_json(spells).decode()),
    )
    await journal.copy(conn, [journal.Fact(BranchCreated(timeline=spells), branch, 1, since, each.to, branch)])
    trace = (plan.id, "branch", branch, 1, each.origin, each.to, branch, each.name, each.name)
    await conn.copy_records_to_table("reorganised", records=[trace], columns=TRACE)
    return branch, spells


async def _rewrite(conn: Connection, plan: PlanOut, kind: Kind, ids: list[UUID], decide: Decide) -> None:
    """Lock, decide (beside the event loop, so that reads are served meanwhile) and write, chunk by chunk."""
    for chunk in chunks(ids):
        news = await asyncio.to_thread(_changed, await locked(conn, kind, chunk), decide)
        facts = await write(conn, kind, news, plan.effective_on)
        traces = [
            (
                plan.id,
                kind,
                fact.subject,
                fact.version,
                each.row["unit"],
                fact.unit,
                fact.branch,
                _name(each),
                each.name,
            )
            for each, fact in zip(news, facts, strict=True)
        ]
        await conn.copy_records_to_table("reorganised", records=traces, columns=TRACE)


def _changed(rows: Sequence[Row], decide: Decide) -> list[News]:
    """What is decided of rows, where it changes them."""
    return [each for each in map(decide, rows) if each.roles or to_json(each.spells).decode() != each.row["timeline"]]


def _name(news: News) -> str | None:
    """What a branch was called before."""
    return news.row["name"] if news.name is not None else None
