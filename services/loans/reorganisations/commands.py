"""Writes of what reorganisations carried: groups are locked first, then borrowers, then loans."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from contracts.credit_groups import CreditGroupMoved, CreditGroupSpell
from services.chassis.db import Connection, Row
from services.chassis.entities import Change
from services.chassis.paging import fold
from services.loans.borrowers.commands import place
from services.loans.borrowers.queries import places_of
from services.loans.groups.commands import keep, leave_undecided
from services.loans.groups.record import kept, timeline_of
from services.loans.locks import alone
from services.loans.reorganisations import queries
from services.loans.reorganisations.course import (
    BRANCH,
    CARRYING,
    Carried,
    Stay,
    follow_household,
    lead,
    renamed,
    rounds,
    stays_of,
)
from services.loans.timeline import Place

TOUCHED = """
select * from credit_group
where branch = any($1) or id in (select credit_group from membership join borrower on borrower.id = borrower
                                 where household = any($1))
order by id for update
"""
MEMBERS = """
select credit_group, borrower.*, joined_on, left_on from membership join borrower on borrower.id = borrower
where credit_group = any($1) and left_on is distinct from joined_on order by credit_group
"""


class _Batch(NamedTuple):
    """What a batch touches, locked, as it is after each round: groups and places by id, members by group, borrowers by
    household, where branches are told to be."""

    groups: dict[UUID, dict[str, Any]]
    borrowers: dict[UUID, Row]
    members: dict[UUID, list[Row]]
    places: dict[UUID, list[Place]]
    homes: dict[UUID, list[Stay]]


async def apply(conn: Connection, changes: Sequence[Change]) -> None:
    """Carry borrowers, their loans and groups as these changes carried households and branches, or back.

    Nothing else that is told of these changes anything here.
    """
    carrying = [change for change in changes if change.event.type in CARRYING]
    if not carrying:
        return
    await alone(conn)
    batch = await _locked(conn, carrying)
    for numbers in rounds([(change.event.subject, change.event.occurredon) for change in carrying]):
        await _carry(conn, batch, [carrying[number] for number in numbers])


async def _locked(conn: Connection, changes: Sequence[Change]) -> _Batch:
    """What the changes touch: groups are locked first, then borrowers."""
    subjects = [change.event.subject for change in changes]
    groups = {row["id"]: dict(row) for row in await conn.fetch(TOUCHED, subjects)}
    rows = await conn.fetch("select * from borrower where household = any($1) order by id for update", subjects)
    members = await conn.fetch(MEMBERS, list(groups))
    branches = {spell.branch for row in groups.values() for spell in timeline_of(row) if spell.branch}
    homes = await queries.stays(conn, branches)
    for change in reversed(changes):
        if change.event.kind == BRANCH:
            homes[change.event.subject] = stays_of(change.event.subject, change.before)
    places = {row["id"]: places_of(row) for row in (*rows, *members)}
    of_group = {group: list(found) for group, found in groupby(members, key=itemgetter("credit_group"))}
    return _Batch(groups, {row["household"]: row for row in rows}, of_group, places, homes)


async def _carry(conn: Connection, batch: _Batch, changes: Sequence[Change]) -> None:
    """One round: changes of one day, each of another subject."""
    since = changes[0].event.occurredon
    before = {id_: _members(batch, group, since) for id_, group in batch.groups.items()}
    branches: list[Carried] = []
    moved: list[tuple[Row, list[Place]]] = []
    for change in changes:
        subject = change.event.subject
        carried = Carried(since, *(stays_of(subject, state) for state in (change.before, change.after)))
        if change.event.kind == BRANCH:
            batch.homes[subject] = list(carried.after)
            branches.append(carried)
        elif borrower := batch.borrowers.get(subject):
            places = follow_household(batch.places[borrower["id"]], carried)
            if places != batch.places[borrower["id"]]:
                moved.append((borrower, places))
                batch.places[borrower["id"]] = places
    for id_, group in batch.groups.items():
        after = _members(batch, group, since)
        spells, undecided = lead(timeline_of(group), since, branches, before[id_], after, batch.homes)
        await _keep(conn, group, spells, since)
        if undecided is not None:
            await leave_undecided(conn, id_, since if undecided else None)
    for borrower, places in moved:
        await place(conn, borrower, places, since, borrower["representative"])
        (batch.borrowers[borrower["household"]],) = await conn.fetch(
            "select * from borrower where id = $1", borrower["id"]
        )


def _members(batch: _Batch, group: dict[str, Any], since: date) -> list[list[Place]]:
    """Where those have lived who are members of a group on a day or later, as far as the batch has come."""
    return [
        batch.places[row["id"]]
        for row in batch.members.get(group["id"], ())
        if row["left_on"] is None or row["left_on"] > since
    ]


async def _keep(conn: Connection, group: dict[str, Any], spells: Sequence[CreditGroupSpell], since: date) -> None:
    """Write where a locked group is now, under another name if its own is taken there."""
    if kept(spells) == group["timeline"]:
        return
    old, last = group["unit"], spells[-1]
    group |= {"unit": last.unit, "branch": last.branch, "timeline": kept(spells)}
    if last.unit != old and group["closed_on"] is None:
        rows = await conn.fetch(
            "select name_folded from credit_group where unit = $1 and closed_on is null and id <> $2",
            last.unit,
            group["id"],
        )
        name = renamed(group["name"], {row["name_folded"] for row in rows}, old, last.unit)
        group |= {"name": name, "name_folded": fold(name)}
    await keep(conn, group, CreditGroupMoved, since)
    group["version"] += 1
