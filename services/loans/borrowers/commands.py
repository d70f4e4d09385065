"""Writes of borrowers. A borrower is locked before anything of its own, so locks cannot cross."""

import json
from collections.abc import Sequence
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
from services.loans.batches import BatchIn, BatchOut, each
from services.loans.borrowers import queries
from services.loans.borrowers.schemas import BorrowerIn, BorrowerOut, BorrowerPatch
from services.loans.checks.queries import done_of
from services.loans.entries.books import Balance
from services.loans.entries.queries import entries_of
from services.loans.loans.record import state_of
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
    """Register a household as a customer. 404 outside `reach`; 409 naming what is taken."""
    if not reach.covers(body.unit, body.branch):
        raise NotFound
    since = body.customer_since or today()
    if since > today():
        raise invalid("/customer_since", "future", "Không được ở tương lai", "May not lie in the future")
    places = [Place(since=since, **body.model_dump(include={"unit", "branch", "poverty_status"}))]
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
        **body.model_dump(exclude={"customer_since"}),
    )
    event = BorrowerRegistered(timeline=timeline.of_borrower(places, []), disbursements=[])
    fact = journal.Fact(event, borrower.id, 1, since, body.unit, body.branch)
    who = (body.household, body.unit, body.branch, body.customer_code, body.representative, body.poverty_status)
    kept = (_json(places), event.model_dump_json(), borrower.recorded_at)
    try:
        await journal.record(conn, fact, INSERT, borrower.id, *who, *kept)
    except UniqueViolation as error:
        pointer, vi, en = TAKEN[str(error.constraint_name)]
        raise Conflict(slug="borrower-taken", faults=[Fault(pointer, "taken", Text(vi, en))]) from None
    return borrower


async def register_many(conn: Connection, reach: Reach, body: BatchIn) -> BatchOut:
    """Register up to 1,000 households: a verdict for each."""
    return await each(conn, body, BorrowerIn, lambda row: register(conn, reach, row))


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
    before = queries.places_of(row)
    places = timeline.put_right(before, given, body.effective_on)
    since = body.effective_on or places[0].since
    named = [timeline.place_on(places, since)] if {"unit", "branch"} & given.keys() else []
    if not all(reach.covers(place.unit, place.branch) for place in (places[-1], *named)):
        raise NotFound
    loans = await queries.balances(conn, borrower_id)
    state = BorrowerCorrected(**await _state(conn, borrower_id, places, list(loans.values())))
    name = body.representative if "representative" in body.model_fields_set else row["representative"]
    last = places[-1]
    values = (last.unit, last.branch, last.poverty_status, _json(places), state.model_dump_json(), name)
    fact = journal.Fact(state, borrower_id, version + 1, since, last.unit, last.branch)
    await journal.record(conn, fact, UPDATE, borrower_id, *values, version + 1, journal.now())
    if timeline.whereabouts(before) != timeline.whereabouts(places):
        await _move_loans(conn, borrower_id, places, since)
    return await queries.get(conn, reach, borrower_id)


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
