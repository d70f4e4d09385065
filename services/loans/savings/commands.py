"""Writes of savings: append-only, and on no day more is taken out than is there (the database checks it at commit)."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from contracts.credit_groups import CreditGroupSaved, CreditGroupSavingReversed, CreditGroupState
from services.chassis import journal
from services.chassis.db import Connection
from services.chassis.errors import Conflict, Fault, NotFound, Text, Unprocessable
from services.chassis.reach import Reach
from services.loans.entries.schemas import ReversalIn
from services.loans.groups import queries as groups
from services.loans.groups.commands import check_empty, check_past, keep, lock
from services.loans.memberships.queries import of_group, on_day
from services.loans.savings import queries
from services.loans.savings.books import Move, available
from services.loans.savings.schemas import Kind, LineIn, SavedOut, SavingsIn

INSERT = """
insert into saving (id, credit_group, borrower, kind, amount, occurred_on, reference, reverses, reverses_kind,
                    recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


async def save(conn: Connection, reach: Reach, group_id: UUID, version: int | None, body: SavingsIn) -> SavedOut:
    """Record a day's sheet. 409 if it leaves anything in a closed group.

    422 names each line of who is no member, or takes out more than is there then or later.
    """
    row = await lock(conn, reach, group_id, version)
    check_past("/occurred_on", body.occurred_on, row["opened_on"])
    members = on_day(await of_group(conn, group_id), body.occurred_on)
    moves = await queries.moves_of(conn, group_id, [line.borrower for line in body.lines])
    if faults := _faults(body.lines, body.occurred_on, members, moves):
        raise Unprocessable(faults=faults)
    lines = [(line.borrower, line.kind, line.amount) for line in body.lines]
    entries = await append(conn, group_id, body.occurred_on, lines, body.reference)
    await _keep(conn, row, CreditGroupSaved, body.occurred_on)
    return SavedOut(**dict(await groups.get(conn, reach, group_id)), entries=entries)


async def reverse(conn: Connection, reach: Reach, entry_id: UUID, body: ReversalIn) -> SavedOut:
    """Append the counter-entry of an entry, on its day.

    409 if it is one, is reversed, if what it put in is gone, or if what it took out would be left in a closed group.
    """
    group_id = await conn.fetchval("select credit_group from saving where id = $1", entry_id)
    if group_id is None:
        raise NotFound
    row = await lock(conn, reach, group_id)
    entry = await conn.fetchrow(
        """
        select *, exists (select from saving as reversal where reversal.reverses = saving.id) as reversed
        from saving where id = $1
        """,
        entry_id,
    )
    assert entry is not None, "savings are never deleted"
    if entry["kind"] == "reversal":
        raise Conflict(Text("Bút toán đảo không thể đảo", "A reversal cannot be reversed"), slug="entry-is-reversal")
    if entry["reversed"]:
        raise Conflict(Text("Bút toán đã được đảo", "The entry is reversed already"), slug="entry-reversed")
    moves = (await queries.moves_of(conn, group_id, [entry["borrower"]]))[entry["borrower"]]
    there = available(moves, entry["occurred_on"])
    if entry["moved"] > there:
        text = Text(f"Tiền đã được rút, chỉ còn {there} đồng", f"It was taken out since: only {there} VND are there")
        raise Conflict(text, slug="entry-needed")
    counter, on = journal.new_id(), entry["occurred_on"]
    rest = (entry["amount"], on, body.reference, entry_id, entry["kind"], journal.now())
    await conn.execute(INSERT, counter, group_id, entry["borrower"], "reversal", *rest)
    await _keep(conn, row, CreditGroupSavingReversed, on)
    return SavedOut(**dict(await groups.get(conn, reach, group_id)), entries=[counter])


async def _keep(conn: Connection, row: dict[str, Any], event: type[CreditGroupState], on: date) -> None:
    """Journal the group with what is saved now. 409 if it is closed and anything is left."""
    savings = await groups.savings(conn, row["id"])
    if row["closed_on"] is not None:
        check_empty(savings, row["closed_on"])
    await keep(conn, row, event, on, savings=savings)


async def append(
    conn: Connection,
    group_id: UUID,
    on: date,
    lines: Sequence[tuple[UUID, Kind, int]],
    reference: str | None = None,
) -> list[UUID]:
    """Append entries of one day to a locked group."""
    now, ids = journal.now(), [journal.new_id() for _ in lines]
    rows = [(entry, group_id, *line, on, reference, None, None, now) for entry, line in zip(ids, lines, strict=True)]
    await conn.executemany(INSERT, rows)
    return ids


async def carried(conn: Connection, group_id: UUID, borrowers: Sequence[UUID]) -> dict[UUID, int]:
    """What of each of these households is in a group, of those who have anything."""
    moves = await queries.moves_of(conn, group_id, borrowers)
    held = {borrower: sum(move.amount for move in found) for borrower, found in moves.items()}
    return {borrower: amount for borrower, amount in held.items() if amount}


def _faults(lines: Sequence[LineIn], on: date, members: set[UUID], moves: dict[UUID, list[Move]]) -> list[Fault]:
    """What is wrong with a sheet: money put in counts before money taken out."""
    held = {borrower: list(found) for borrower, found in moves.items()}
    found = []
    for number, line in sorted(enumerate(lines), key=lambda pair: pair[1].kind):
        if line.kind == "in":
            held[line.borrower].append(Move(on, line.amount))
            if line.borrower not in members:
                text = Text("Không phải tổ viên ngày đó", "Not a member on that day")
                found.append(Fault(f"/lines/{number}/borrower", "not_member", text))
            continue
        if line.amount > (there := available(held[line.borrower], on)):
            text = Text(f"Chỉ rút được {there} đồng", f"Only {there} VND can be taken out")
            found.append(Fault(f"/lines/{number}/amount", "over_balance", text))
        held[line.borrower].append(Move(on, -line.amount))
    return found
