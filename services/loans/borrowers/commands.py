"""Writes of borrowers. A borrower is locked before anything of its own, so locks cannot cross."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal
from uuid import UUID

from contracts.loans import (
    BorrowerCorrected,
    BorrowerRegistered,
    BorrowerUpdated,
    Disbursement,
    LoanMoved,
)
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, Row, UniqueViolation
from services.chassis.errors import Conflict, Fault, NotFound, Stale, Text, invalid
from services.chassis.reach import Reach
from services.loans import timeline
from services.loans.batches import BatchIn, BatchOut, each, ids_of
from services.loans.borrowers import queries
from services.loans.borrowers.schemas import BorrowerIn, BorrowerOut, BorrowerPatch
from services.loans.checks.queries import done_of
from services.loans.entries.books import Balance
from services.loans.entries.queries import entries_of
from services.loans.loans.record import state_of
from services.loans.locks import apart
from services.loans.reorganisations.course import Stay, arrived
from services.loans.reorganisations.queries import stays as told
from services.loans.timeline import Place

INSERT = """
insert into borrower (id, household, unit, branch, customer_code, representative, poverty_status, places, state,
                      version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10) returning 1
"""
UPDATE = """
update borrower set unit = $2, branch = $3, poverty_status = $4, places = $5, state = $6, representative = $7,
                    version = $8, recorded_at = $9
where id = $1 returning 1
"""
RESTATE = "update borrower set state = $2, version = $3, recorded_at = $4 where id = $1 returning 1"
OWNERS = {
    of: f"""
    select * from borrower where id = (select borrower from {of} where id = $1)
      and unit = any($2) and ($3::uuid is null or branch = $3) for update
    """  # noqa: S608  # names of our own tables
    for of in ("loan", "application")
}
TAKEN = {
    "borrower_customer_code_key": ("/customer_code", "Mã khách hàng đã dùng", "Customer code already used"),
    "borrower_household": ("/household", "Hộ đã là khách hàng", "The household is a customer already"),
}


async def register(conn: Connection, reach: Reach, body: BorrowerIn) -> BorrowerOut:
    """Register a household as a customer, where reorganisations have carried it since. 404 outside `reach`; 409 naming
    what is taken."""
    await apart(conn)
    return await _register(conn, reach, body, await told(conn, [body.household]))


async def _register(
    conn: Connection, reach: Reach, body: BorrowerIn, households: Mapping[UUID, Sequence[Stay]]
) -> BorrowerOut:
    since = body.customer_since or today()
    if since > today():
        raise invalid("/customer_since", "future", "Không được ở tương lai", "May not lie in the future")
    first = Place(since=since, **body.model_dump(include={"unit", "branch", "poverty_status"}))
    places = arrived(first, households.get(body.household, ()))
    last = places[-1]
    if not all(reach.covers(place.unit, place.branch) for place in (first, *places)):
        raise NotFound
    borrower = BorrowerOut(
        id=journal.new_id(),
        places=places,
        loans=0,
        outstanding=0,
        in_term=0,
        overdue=0,
        frozen=0,
        as_of=today(),
        version=1,
        recorded_at=journal.now(),
        **body.model_dump(exclude={"customer_since", "unit", "branch"}),
        unit=last.unit,
        branch=last.branch,
    )
    event = BorrowerRegistered(timeline=timeline.of_borrower(places, []), disbursements=[])
    fact = journal.Fact(event, borrower.id, 1, since, last.unit, last.branch)
    who = (body.household, last.unit, last.branch, body.customer_code, body.representative, body.poverty_status)
    kept = (_json(places), event.model_dump_json(), borrower.recorded_at)
    try:
        await journal.record(conn, fact, INSERT, borrower.id, *who, *kept)
    except UniqueViolation as error:
        pointer, vi, en = TAKEN[str(error.constraint_name)]
        raise Conflict(slug="borrower-taken", faults=[Fault(pointer, "taken", Text(vi, en))]) from None
    return borrower


async def register_many(conn: Connection, reach: Reach, body: BatchIn) -> BatchOut:
    """Register up to 1,000 households: a verdict for each."""
    await apart(conn)
    households = await told(conn, ids_of(body.items, "household"))
    return await each(conn, body, BorrowerIn, lambda row: _register(conn, reach, row, households))


async def correct(conn: Connection, reach: Reach, borrower_id: UUID, version: int, body: BorrowerPatch) -> BorrowerOut:
    """Put a borrower right, all along or from `effective_on`; its loans move with it. 412 if not at `version`.

    404 for a place outside `reach`, 422 for a day to come.
    """
    row = await lock(conn, reach, borrower_id)
    if row["version"] != version:
        raise Stale
    if body.effective_on and body.effective_on > today():
        raise invalid("/effective_on", "future", "Không được ở tương lai", "May not lie in the future")
    given = body.model_dump(exclude_unset=True, exclude={"effective_on", "representative"})
    if given.get("unit", "") is None:
        raise invalid("/unit", "null", "Không được để trống", "May not be null")
    if given.get("unit", row["unit"]) != row["unit"]:
        given.setdefault("branch", None)
    places = timeline.put_right(queries.places_of(row), given, body.effective_on)
    since = body.effective_on or places[0].since
    named = [timeline.place_on(places, since)] if {"unit", "branch"} & given.keys() else []
    if not all(reach.covers(place.unit, place.branch) for place in (places[-1], *named)):
        raise NotFound
    name = body.representative if "representative" in body.model_fields_set else row["representative"]
    await place(conn, row, places, since, name)
    return await queries.get(conn, reach, borrower_id)


async def place(conn: Connection, row: Row, places: Sequence[Place], since: date, representative: str | None) -> None:
    """Write where the borrower, which is locked, has lived, and journal it; its loans go with it."""
    borrower_id, version, last = row["id"], row["version"] + 1, places[-1]
    loans = await queries.balances(conn, borrower_id)
    state = BorrowerCorrected(**await _state(conn, borrower_id, places, list(loans.values())))
    values = (last.unit, last.branch, last.poverty_status, _json(places), state.model_dump_json(), representative)
    fact = journal.Fact(state, borrower_id, version, since, last.unit, last.branch)
    await journal.record(conn, fact, UPDATE, borrower_id, *values, version, journal.now())
    if timeline.whereabouts(queries.places_of(row)) != timeline.whereabouts(places):
        await _move_loans(conn, borrower_id, places, since)


async def lock(conn: Connection, reach: Reach, borrower_id: UUID) -> Row:
    """The borrower, locked until the transaction ends. Taken before any of its loans, so locks cannot cross."""
    row = await conn.fetchrow(
        "select * from borrower where id = $1 and unit = any($2) and ($3::uuid is null or branch = $3) for update",
        borrower_id,
        list(reach.units),
        reach.branch,
    )
    if row is None:
        raise NotFound
    return row


async def lock_owner(conn: Connection, reach: Reach, of: Literal["loan", "application"], its: UUID) -> Row:
    """The borrower whose loan or application it is, locked. 404 outside `reach`."""
    row = await conn.fetchrow(OWNERS[of], its, list(reach.units), reach.branch)
    if row is None:
        raise NotFound
    return row


async def lock_owners(conn: Connection, ids: Sequence[UUID]) -> None:
    """Lock the borrowers that these are, or whose loans or applications, in the order of their ids."""
    await conn.execute(
        """
        select from borrower
        where id in (select borrower from loan where id = any($1) union all
                     select borrower from application where id = any($1) union all select unnest($1::uuid[]))
        order by id for update
        """,
        list(ids),
    )


async def restate(conn: Connection, borrower: Row, occurredon: date) -> None:
    """Journal whether and since when the borrower, which is locked, owes: if that has changed."""
    loans = await queries.balances(conn, borrower["id"])
    state = BorrowerUpdated(**await _state(conn, borrower["id"], queries.places_of(borrower), list(loans.values())))
    kept = state.model_dump_json()
    if borrower["state"] == kept:
        return
    version = borrower["version"] + 1
    fact = journal.Fact(state, borrower["id"], version, occurredon, borrower["unit"], borrower["branch"])
    await journal.record(conn, fact, RESTATE, borrower["id"], kept, version, journal.now())


async def _state(
    conn: Connection, borrower_id: UUID, places: Sequence[Place], loans: Sequence[Sequence[Balance]]
) -> dict[str, Any]:
    """The borrower's public state."""
    days = await queries.days_of_disbursement(conn, borrower_id)
    return {
        "timeline": timeline.of_borrower(places, loans),
        "disbursements": [Disbursement(**dict(row)) for row in days],
    }


async def _move_loans(conn: Connection, borrower_id: UUID, places: Sequence[Place], since: date) -> None:
    """Journal the borrower's loans where it lives now."""
    here = places[-1]
    loans = await conn.fetch("select * from loan where borrower = $1 order by id for update", borrower_id)
    for loan in loans:
        entries, done = await entries_of(conn, loan["id"]), await done_of(conn, loan["id"])
        state = LoanMoved(**state_of(loan, places, entries, done))
        fact = journal.Fact(state, loan["id"], loan["version"] + 1, since, here.unit, here.branch)
        change = "update loan set unit = $2, version = $3, recorded_at = $4 where id = $1 returning 1"
        await journal.record(conn, fact, change, loan["id"], here.unit, loan["version"] + 1, journal.now())


def _json(places: Sequence[Place]) -> str:
    return json.dumps([place.model_dump(mode="json") for place in places])
