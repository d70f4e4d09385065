"""Writes of households."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from pydantic_core import to_json

from contracts.members import BranchSpell, HouseholdCorrected, HouseholdCreated, HouseholdSpell, HouseholdStatusSet
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Fault, Stale, Text, Unprocessable, invalid
from services.chassis.reach import Reach
from services.members.households import queries
from services.members.households.schemas import (
    HouseholdIn,
    HouseholdOut,
    HouseholdPatch,
    PovertyStatusIn,
)
from services.members.members.commands import take_poverty_status
from services.members.members.queries import PATH, places
from services.members.timeline import changed, placed

Event = HouseholdCreated | HouseholdCorrected | HouseholdStatusSet
COLUMNS = ("id", "unit", "branch", "address", "registered_on", "timeline", "version", "recorded_at")


async def register(conn: Connection, reach: Reach, bodies: Sequence[HouseholdIn], at: str = "") -> list[HouseholdOut]:
    """Register households, all or none. 422 names every field at fault; `at` formats a row's pointer prefix."""
    branches = await queries.branches(conn, reach, {body.branch for body in bodies})
    faults = []
    for row, body in enumerate(bodies):
        if body.branch not in branches:
            text = Text("Không có chi hội đang hoạt động này", "There is no such open branch")
            faults.append(Fault(f"{at.format(row)}/branch", "unknown", text))
        if body.registered_on and body.registered_on > today():
            text = Text("Không được ở tương lai", "May not lie in the future")
            faults.append(Fault(f"{at.format(row)}/registered_on", "future", text))
    if faults:
        raise Unprocessable(faults=faults)
    paths = {branch: PATH.validate_json(row["timeline"]) for branch, row in branches.items()}
    households = [_registered(body, paths) for body in bodies]
    records = [_row(household) for household in households]
    await conn.copy_records_to_table("household", records=records, columns=COLUMNS)
    await journal.append(conn, *(_fact(HouseholdCreated, home, home.registered_on) for home in households))
    return households


async def correct(
    conn: Connection, reach: Reach, household_id: UUID, version: int, body: HouseholdPatch
) -> HouseholdOut:
    """Correct a household's record. 412 if it is no longer at `version`."""
    before = await queries.get(conn, reach, household_id)
    household = before.model_copy(update=body.model_dump(exclude_unset=True))
    return await _update(conn, household, version, HouseholdCorrected, household.registered_on)


async def set_poverty_status(
    conn: Connection, reach: Reach, household_id: UUID, version: int, year: int, body: PovertyStatusIn
) -> HouseholdOut:
    """Record the status of one year; set again, it replaces (the journal keeps both). Its members carry it too."""
    before = await queries.get(conn, reach, household_id)
    if not before.registered_on <= body.effective_on <= today():
        raise invalid("/effective_on", "outside", "Ngoài thời gian quản lý hộ", "Before registration or in the future")
    others = _without(before.timeline, year)
    for spell in others:
        if spell.status_year and (spell.status_year > year) != (spell.since > body.effective_on):
            text = "Không theo thứ tự các năm đã ghi", "Not in the order of the years recorded"
            raise invalid("/effective_on", "out_of_order", *text)
    spells = changed(others, body.effective_on, poverty_status=body.status, status_year=year, standard=body.standard)
    there = await places(conn, Reach(reach.units), {spell.branch for spell in spells}, [])
    spells = placed(spells, there.paths)
    household = before.model_copy(update={"timeline": spells})
    household = await _update(conn, household, version, HouseholdStatusSet, body.effective_on)
    await take_poverty_status(conn, household_id, spells, body.effective_on)
    return household


def _without(timeline: Sequence[HouseholdSpell], year: int) -> list[HouseholdSpell]:
    """The timeline as if nothing had been said of the year."""
    kept: list[HouseholdSpell] = []
    for spell in timeline:
        if spell.status_year != year:
            kept.append(spell)
        elif spell.cause != "changed":
            before = kept[-1] if kept else None
            said = {name: getattr(before, name, None) for name in ("poverty_status", "status_year", "standard")}
            kept.append(spell.model_copy(update=said))
    return kept


async def _update(
    conn: Connection, household: HouseholdOut, version: int, event: type[Event], occurredon: date
) -> HouseholdOut:
    """Write the household over `version`."""
    household = household.model_copy(update={"version": version + 1, "recorded_at": journal.now()})
    change = """
        update household set (id, unit, branch, address, registered_on, timeline, version, recorded_at)
            = ($1, $2, $3, $4, $5, $6, $7, $8)
        where id = $1 and version = $7 - 1 returning 1
    """
    if not await journal.record(conn, _fact(event, household, occurredon), change, *_row(household)):
        raise Stale
    return household


def _registered(body: HouseholdIn, paths: Mapping[UUID, Sequence[BranchSpell]]) -> HouseholdOut:
    since, unit = body.registered_on or today(), paths[body.branch][-1].unit
    began = HouseholdSpell(since=since, cause="began", unit=unit, branch=body.branch)
    return HouseholdOut(
        id=journal.new_id(),
        unit=unit,
        branch=body.branch,
        address=body.address,
        registered_on=since,
        timeline=placed([began], paths),
        version=1,
        recorded_at=journal.now(),
    )


def _row(household: HouseholdOut) -> tuple[object, ...]:
    """A household in the order of COLUMNS."""
    values = household.model_dump() | {"timeline": to_json(household.timeline).decode()}
    return tuple(values[name] for name in COLUMNS)


def _fact(event: type[Event], household: HouseholdOut, occurredon: date) -> journal.Fact:
    data = event(timeline=household.timeline)
    return journal.Fact(data, household.id, household.version, occurredon, household.unit, household.branch)
