"""Writes of households."""

from collections.abc import Sequence, Set
from datetime import date
from uuid import UUID

from contracts.members import HouseholdCorrected, HouseholdCreated, HouseholdStatusSet
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Fault, Stale, Text, Unprocessable, invalid
from services.members.households import queries
from services.members.households.schemas import (
    HouseholdIn,
    HouseholdOut,
    HouseholdPatch,
    PovertyStatusIn,
    YearOut,
)
from services.members.members.commands import take_poverty_status

Event = HouseholdCreated | HouseholdCorrected | HouseholdStatusSet
COLUMNS = ("id", "unit", "branch", "address", "registered_on", "version", "recorded_at")


async def register(
    conn: Connection, reach: Set[str], bodies: Sequence[HouseholdIn], at: str = ""
) -> list[HouseholdOut]:
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
    households = [
        HouseholdOut(
            id=journal.new_id(),
            unit=branches[body.branch]["unit"],
            branch=body.branch,
            address=body.address,
            registered_on=body.registered_on or today(),
            poverty=[],
            version=1,
            recorded_at=journal.now(),
        )
        for body in bodies
    ]
    records = [tuple(getattr(household, name) for name in COLUMNS) for household in households]
    await conn.copy_records_to_table("household", records=records, columns=COLUMNS)
    await journal.append(conn, *(_fact(HouseholdCreated, home, home.registered_on) for home in households))
    return households


async def correct(
    conn: Connection, reach: Set[str], household_id: UUID, version: int, body: HouseholdPatch
) -> HouseholdOut:
    """Correct a household's record. 412 if it is no longer at `version`."""
    before = await queries.get(conn, reach, household_id)
    household = before.model_copy(update=body.model_dump(exclude_unset=True))
    return await _update(conn, household, version, HouseholdCorrected, household.registered_on)


async def set_poverty_status(
    conn: Connection, reach: Set[str], household_id: UUID, version: int, year: int, body: PovertyStatusIn
) -> HouseholdOut:
    """Record the status of one year; what is newest goes to the household's members too."""
    before = await queries.get(conn, reach, household_id)
    if not before.registered_on <= body.effective_on <= today():
        raise invalid("/effective_on", "outside", "Ngoài thời gian quản lý hộ", "Before registration or in the future")
    await _write_year(conn, household_id, year, body)
    years = [YearOut(year=year, status=body.status, standard=body.standard)]
    years += [other for other in before.poverty if other.year != year]
    household = before.model_copy(update={"poverty": sorted(years, key=lambda y: -y.year)})
    household = await _update(conn, household, version, HouseholdStatusSet, body.effective_on)
    await take_poverty_status(conn, household_id, household.poverty[0].status, body.effective_on)
    return household


async def _write_year(conn: Connection, household_id: UUID, year: int, body: PovertyStatusIn) -> None:
    """One status a year; set again, it replaces (the journal keeps both)."""
    await conn.execute(
        """
        insert into household_poverty (household, year, status, standard) values ($1, $2, $3, $4)
        on conflict (household, year) do update set status = $3, standard = $4, recorded_at = now()
        """,
        household_id,
        year,
        body.status,
        body.standard,
    )


async def _update(
    conn: Connection, household: HouseholdOut, version: int, event: type[Event], occurredon: date
) -> HouseholdOut:
    """Write the household over `version`."""
    household = household.model_copy(update={"version": version + 1, "recorded_at": journal.now()})
    change = """
        update household set address = $3, version = $2 + 1, recorded_at = $4
        where id = $1 and version = $2 returning 1
    """
    values = (household.id, version, household.address, household.recorded_at)
    if not await journal.record(conn, _fact(event, household, occurredon), change, *values):
        raise Stale
    return household


def _fact(event: type[Event], household: HouseholdOut, occurredon: date) -> journal.Fact:
    newest = household.poverty[0] if household.poverty else None
    data = event(
        branch=household.branch,
        poverty_status=newest.status if newest else None,
        status_year=newest.year if newest else None,
        standard=newest.standard if newest else None,
    )
    return journal.Fact(data, household.id, household.version, occurredon, household.unit, household.branch)
