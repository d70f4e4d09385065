"""Writes of the ledger. It is append-only; what it adds up to is kept beside it and checked at commit."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import takewhile
from typing import Any, NamedTuple
from uuid import UUID

from contracts.event import Data
from contracts.loans import LoanReversed
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, Row
from services.chassis.errors import Conflict, NotFound, Stale, Text, Unprocessable, invalid
from services.chassis.reach import Reach
from services.loans.borrowers import commands as borrowers
from services.loans.borrowers.queries import places_of
from services.loans.checks.course import Done
from services.loans.checks.queries import done_of
from services.loans.entries import actions, books
from services.loans.entries.books import Balance, Entry, Impossible, Kind
from services.loans.entries.queries import entries_of
from services.loans.entries.schemas import PostedOut, ReversalIn
from services.loans.loans import queries as loans
from services.loans.loans.record import Fields, contract_of, state_of
from services.loans.loans.schemas import Action

ENTRIES = """
insert into entry (id, loan, kind, amount, occurred_on, until, reference, reverses, reverses_kind, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
BALANCES = """
with gone as (delete from balance where loan = $1 and since >= $2 and since <> all($3::date[]))
insert into balance (loan, since, status, due_on, in_term, overdue, frozen, overdue_since)
select $1, * from unnest($3::date[], $4::text[], $5::date[], $6::bigint[], $7::bigint[], $8::bigint[], $9::date[])
on conflict (loan, since) do update set status = excluded.status, due_on = excluded.due_on, in_term = excluded.in_term,
    overdue = excluded.overdue, frozen = excluded.frozen, overdue_since = excluded.overdue_since
"""


POINTERS: dict[Kind, str] = {"principal": "/principal", "interest": "/interest", "extension": "/until"}
"""The field that is at fault, where it is not `/amount`."""


class Line(NamedTuple):
    """What an entry says: its kind, VND, and until when, where that is said."""

    kind: Kind
    amount: int
    until: date | None = None


class Held(NamedTuple):
    """A loan and its borrower, both locked, with its ledger, balances and the checks done."""

    borrower: Row
    loan: Fields
    entries: list[Entry]
    balances: list[Balance]
    checks: Mapping[UUID, Done]


async def hold(conn: Connection, reach: Reach, loan_id: UUID, version: int | None = None) -> Held:
    """Lock the borrower, then the loan, in this order everywhere. 404 outside `reach`, 412 if stale."""
    borrower = await borrowers.lock_owner(conn, reach, "loan", loan_id)
    loan = await conn.fetchrow("select * from loan where id = $1 for update", loan_id)
    assert loan is not None, "loans are never deleted"
    if version is not None and loan["version"] != version:
        raise Stale
    entries = await entries_of(conn, loan_id)
    kept = books.balances(contract_of(loan), entries)
    return Held(borrower, loan, entries, kept, await done_of(conn, loan_id))


async def begin(
    conn: Connection, reach: Reach, loan_id: UUID, version: int | None, action: Action, on: date
) -> tuple[Held, Balance]:
    """`hold` a loan to do something to it on a day, and its balance at the end of that day so far.

    422 for a day before the contract or to come; 409 naming what is legal for a loan in its status of that day.
    """
    held = await hold(conn, reach, loan_id, version)
    before = books.at(held.balances, on)
    if before is None or on > today():
        text = "Trước ngày ký hoặc ở tương lai", "Before the contract or in the future"
        raise invalid("/occurred_on", "outside", *text)
    actions.demand(action, "withdrawn" if held.loan["withdrawn_on"] else before.status)
    return held, before


async def post(
    conn: Connection,
    held: Held,
    on: date,
    lines: Sequence[Line],
    event: Callable[..., Data],
    *,
    reference: str | None = None,
    **extra: Any,
) -> PostedOut:
    """Append entries of one day and journal the loan as `event` with `extra`, and its borrower if that changes.

    422 naming what is there to be taken, on that day or on a later one.
    """
    fresh = [Entry(journal.new_id(), kind, amount, on, until) for kind, amount, until in lines]
    try:
        after = books.balances(contract_of(held.loan), [*held.entries, *fresh])
    except Impossible as refusal:
        raise _unavailable(refusal, fresh) from None
    await _append(conn, held, fresh, reference)
    return await restate(conn, held, [*held.entries, *fresh], after, event, on, [each.id for each in fresh], **extra)


async def restate(
    conn: Connection,
    held: Held,
    entries: Sequence[Entry],
    after: list[Balance],
    event: Callable[..., Data],
    on: date,
    appended: Sequence[UUID] = (),
    **extra: Any,
) -> PostedOut:
    """Keep the balances that differ, and journal the loan, then its borrower, as they are now."""
    loan, version, now = held.loan, held.loan["version"] + 1, journal.now()
    await keep(conn, loan["id"], held.balances, after)
    data = event(**state_of(loan, places_of(held.borrower), entries, held.checks, after), **extra)
    fact = journal.Fact(data, loan["id"], version, on, loan["unit"], held.borrower["branch"])
    change = "update loan set version = $2, recorded_at = $3 where id = $1 returning 1"
    await journal.record(conn, fact, change, loan["id"], version, now)
    if books.standing(held.balances, held.entries) != books.standing(after, entries):
        await borrowers.restate(conn, held.borrower, on)
    shown = loans.shown({**dict(loan), "version": version, "recorded_at": now}, after, entries, today())
    return PostedOut(**shown.model_dump(), entries=list(appended))


async def keep(conn: Connection, loan_id: UUID, before: Sequence[Balance], after: Sequence[Balance]) -> None:
    """Replace the balances from the first that differs on."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
    changed = after[same:]
    if days := [balance.since for balance in (*before[same:], *changed)]:
        columns = [[getattr(balance, name) for balance in changed] for name in Balance._fields]
        await conn.execute(BALANCES, loan_id, min(days), *columns)


async def _append(conn: Connection, held: Held, fresh: Sequence[Entry], reference: str | None) -> None:
    """Append to the ledger."""
    kinds = {entry.id: entry.kind for entry in held.entries}
    now, loan_id = journal.now(), held.loan["id"]
    rows = [
        (
            *(entry.id, loan_id, entry.kind, entry.amount, entry.occurred_on, entry.until, reference),
            *(entry.reverses, kinds[entry.reverses] if entry.reverses else None, now),
        )
        for entry in fresh
    ]
    await conn.executemany(ENTRIES, rows)


def _unavailable(refusal: Impossible, fresh: Sequence[Entry]) -> Unprocessable:
    """Why entries cannot be: what is there on their own day, or what a later day would lack."""
    entry, there = refusal.entry, refusal.available
    pointer = POINTERS.get(fresh[0].kind, "/amount")
    if any(each.id == entry.id for each in fresh):
        return invalid(pointer, "over_balance", f"Chỉ còn {there} đồng", f"Only {there} VND are there")
    on = entry.occurred_on
    vi = f"Ngày {on:%d/%m/%Y} đã ghi {entry.amount} đồng, khi đó chỉ còn {there} đồng"
    return invalid(
        pointer, "over_balance", vi, f"{entry.amount} VND were taken on {on}, when only {there} would be left"
    )


async def reverse(conn: Connection, reach: Reach, entry_id: UUID, body: ReversalIn) -> PostedOut:
    """Append the counter-entry of an entry, on its day: it counts on no day any more.

    409 if it is reversed already, is a reversal, or if on that day or a later one something else would lack it.
    """
    owner = await conn.fetchval("select loan from entry where id = $1", entry_id)
    if owner is None:
        raise NotFound
    held = await hold(conn, reach, owner)
    entry = next(each for each in held.entries if each.id == entry_id)
    if entry.kind == "reversal":
        raise Conflict(Text("Bút toán đảo không thể đảo", "A reversal cannot be reversed"), slug="entry-is-reversal")
    if any(each.reverses == entry_id for each in held.entries):
        raise Conflict(Text("Bút toán đã được đảo", "The entry is reversed already"), slug="entry-reversed")
    counter = Entry(journal.new_id(), "reversal", entry.amount, entry.occurred_on, None, entry_id)
    try:
        after = books.balances(contract_of(held.loan), [*held.entries, counter])
    except Impossible as refusal:
        other, there = refusal.entry, refusal.available
        raise Conflict(
            Text(
                f"Ngày {other.occurred_on:%d/%m/%Y} đã ghi {other.amount} đồng, khi đó sẽ chỉ còn {there} đồng",
                f"{other.amount} VND were taken on {other.occurred_on}, when only {there} would be left",
            ),
            slug="entry-needed",
        ) from None
    await _append(conn, held, [counter], body.reference)
    entries = [*held.entries, counter]
    return await restate(conn, held, entries, after, LoanReversed, entry.occurred_on, [counter.id])
