"""Writes of corrections: one person proposes, another approves, and only then is anything posted."""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from contracts.loans import LoanDisbursed, LoanExtended, LoanReclassified, LoanRepaid, LoanState, LoanWrittenOff
from contracts.reconciliation import (
    CorrectionApproved,
    CorrectionLine,
    CorrectionProposed,
    CorrectionRefused,
    CorrectionState,
    Owed,
    PostedKind,
)
from services.chassis import journal
from services.chassis.db import Connection, Row, part
from services.chassis.errors import Conflict, NotFound, Stale, Text, invalid
from services.chassis.reach import Reach
from services.loans.corrections import queries
from services.loans.corrections.schemas import CorrectionIn, CorrectionOut, LineIn, LineOut, RefusalIn
from services.loans.entries.books import KINDS, Entry
from services.loans.entries.commands import Held, Line, begin, hold, post, reverse
from services.loans.entries.schemas import ReversalIn
from services.loans.loans.schemas import Action

INSERT = """
insert into correction (id, statement, loan, lines, ledger_entries, before, after, reference, note, state, proposed_by,
                        version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'proposed', $10, 1, $11) returning 1
"""
DECIDE = """
update correction set state = $2, decided_by = $3, entries = $4, note = coalesce($5, note), version = $6,
                      recorded_at = $7
where id = $1 returning 1
"""


class Posted(NamedTuple):
    """Under which action of a loan's life a kind of entry falls, and which event tells of it."""

    action: Action
    event: type[LoanState]


POSTED: dict[PostedKind, Posted] = {
    "disbursement": Posted("disbursements", LoanDisbursed),
    "principal": Posted("repayments", LoanRepaid),
    "interest": Posted("repayments", LoanRepaid),
    "extension": Posted("extensions", LoanExtended),
    "to_overdue": Posted("overdue", LoanReclassified),
    "freeze": Posted("freezes", LoanReclassified),
    "unfreeze": Posted("unfreezing", LoanReclassified),
    "write_off": Posted("write-off", LoanWrittenOff),
}


class _Rehearsed(Exception):
    """It can be posted; nothing is kept."""


async def propose(conn: Connection, reach: Reach, actor: str, body: CorrectionIn) -> CorrectionOut:
    """Propose what to post. 422 if the statement has no difference on that loan, or the ledger would not take it."""
    statement = await _statement(conn, reach, body.statement, body.loan)
    held = await hold(conn, reach, body.loan)
    lines = [_line(line, held.entries, n) for n, line in enumerate(body.lines)]
    before, after = await _rehearse(conn, reach, statement, body.loan, lines)
    id_ = journal.new_id()
    event = CorrectionProposed(
        statement=body.statement,
        loan=body.loan,
        state="proposed",
        lines=[CorrectionLine(**line.model_dump(exclude={"until"})) for line in lines],
        as_of=statement["as_of"],
        before=before,
        after=after,
    )
    await journal.record(
        conn,
        _fact(event, id_, 1, held),
        INSERT,
        *(id_, body.statement, body.loan, json.dumps([line.model_dump(mode="json") for line in lines])),
        *(len(held.entries), before.model_dump_json(), after.model_dump_json()),
        *(body.reference, body.note, actor, journal.now()),
    )
    return await queries.get(conn, reach, id_)


async def approve(conn: Connection, reach: Reach, actor: str, correction_id: UUID, version: int) -> CorrectionOut:
    """Post it. 409 for who proposed it, whatever token she comes with; 412 if it, or the loan's ledger, has moved."""
    held, row, lines = await _undecided(conn, reach, correction_id, version)
    if row["proposed_by"] == actor:
        raise Conflict(
            Text("Người đề xuất không được tự duyệt", "Whoever proposed it may not approve it"), slug="four-eyes"
        )
    if row["superseded_by"] is not None:
        raise Stale(Text("Sao kê đã được thay bằng bản mới", "The bank has sent another statement of the month"))
    if row["ledger_entries"] != len(held.entries):
        raise Stale(Text("Sổ của khoản vay đã thay đổi: hãy đề xuất lại", "The loan's ledger has moved: propose again"))
    entries = await _post(conn, reach, row["loan"], lines, row["reference"])
    await _decide(conn, held, row, lines, CorrectionApproved, "approved", actor, entries)
    return await queries.get(conn, reach, correction_id)


async def refuse(
    conn: Connection, reach: Reach, actor: str, correction_id: UUID, version: int, body: RefusalIn
) -> CorrectionOut:
    """Refuse it, or take one's own back: nothing is posted."""
    held, row, lines = await _undecided(conn, reach, correction_id, version)
    await _decide(conn, held, row, lines, CorrectionRefused, "refused", actor, [], body.note)
    return await queries.get(conn, reach, correction_id)


async def _statement(conn: Connection, reach: Reach, statement_id: UUID, loan: UUID) -> Row:
    """The statement, if it is its month's current one and has a difference on the loan."""
    row = await conn.fetchrow(
        """
        select * from statement where id = $1 and superseded_by is null and exists (
            select from statement_difference where statement = $1 and loan = $2 and unit = any($3))
        """,
        *(statement_id, loan, list(reach)),
    )
    if row is None:
        vi, en = "Sao kê không có chênh lệch ở khoản vay này", "The statement has no difference on this loan"
        raise invalid("/loan", "no_difference", vi, en)
    return row


def _line(line: LineIn, entries: Sequence[Entry], number: int) -> LineOut:
    """What is to be posted, whole: a reversal with the amount and day of what it reverses."""
    if line.kind != "reversal":
        return LineOut.model_validate({**line.model_dump(exclude={"occurred_on"}), "on": line.occurred_on})
    entry = next((entry for entry in entries if entry.id == line.reverses), None)
    if entry is None:
        vi, en = "Không có bút toán này trong sổ của khoản vay", "The loan's ledger has no such entry"
        raise invalid(f"/lines/{number}/reverses", "unknown", vi, en)
    return LineOut(kind="reversal", amount=entry.amount, on=entry.occurred_on, reverses=entry.id)


async def _rehearse(
    conn: Connection, reach: Reach, statement: Row, loan: UUID, lines: Sequence[LineOut]
) -> tuple[Owed, Owed]:
    """What is owed on the statement's day before and after posting, which is undone."""
    before = after = await _owed(conn, statement, loan)
    try:
        async with part(conn):
            await _post(conn, reach, loan, lines, None)
            after = await _owed(conn, statement, loan)
            raise _Rehearsed
    except _Rehearsed:
        return before, after


async def _owed(conn: Connection, statement: Row, loan: UUID) -> Owed:
    row = await conn.fetchrow(
        "select in_term, overdue, frozen from books_on($1, $2, $3)", loan, statement["month"], statement["as_of"]
    )
    assert row is not None, "a sum is always one row"
    return Owed(**dict(row))


async def _post(
    conn: Connection, reach: Reach, loan: UUID, lines: Sequence[LineOut], reference: str | None
) -> list[UUID]:
    """Post reversals, then by day and within a day as the books count; the entries appended."""
    entries: list[UUID] = []
    for line in lines:
        if line.reverses is not None:
            posted = await reverse(conn, reach, line.reverses, ReversalIn(reference=reference))
            entries += posted.entries
    rest = sorted(
        (line for line in lines if line.kind != "reversal"), key=lambda line: (line.on, KINDS.index(line.kind))
    )
    for (on, kind), group in groupby(rest, key=lambda line: (line.on, POSTED[line.kind])):
        same = list(group)
        held, _ = await begin(conn, reach, loan, None, kind.action, on)
        appended = [Line(line.kind, line.amount, line.until) for line in same]
        posted = await post(conn, held, on, appended, kind.event, reference=reference, **_extra(kind.event, same))
        entries += posted.entries
    return entries


def _extra(event: type[LoanState], lines: Sequence[LineOut]) -> dict[str, Any]:
    """What is particular to the event that tells of these lines."""
    if event is LoanRepaid:
        kinds: tuple[PostedKind, PostedKind] = ("principal", "interest")
        return {kind: sum(line.amount for line in lines if line.kind == kind) for kind in kinds}
    return {} if event is LoanExtended else {"amount": sum(line.amount for line in lines)}


async def _undecided(
    conn: Connection, reach: Reach, correction_id: UUID, version: int
) -> tuple[Held, Row, list[LineOut]]:
    """A proposed correction of a loan, both locked. 409 if it is decided, 412 if stale."""
    held = await hold(conn, reach, (await queries.get(conn, reach, correction_id)).loan)
    row = await conn.fetchrow(
        """
        select correction.*, as_of, superseded_by from correction join statement on statement.id = statement
        where correction.id = $1 for update of correction
        """,
        correction_id,
    )
    if row is None:
        raise NotFound
    if row["state"] != "proposed":
        raise Conflict(Text("Đề xuất đã được quyết định", "The correction is decided"), slug="correction-decided")
    if row["version"] != version:
        raise Stale
    return held, row, queries.out(row).lines


async def _decide(
    conn: Connection,
    held: Held,
    row: Row,
    lines: Sequence[LineOut],
    event: type[CorrectionState],
    state: str,
    actor: str,
    entries: list[UUID],
    note: str | None = None,
) -> None:
    version = row["version"] + 1
    data = event.model_validate(
        {
            **{name: row[name] for name in ("statement", "loan", "as_of")},
            "state": state,
            "lines": [line.model_dump(exclude={"until"}) for line in lines],
            "before": json.loads(row["before"]),
            "after": json.loads(row["after"]),
        }
    )
    fact = _fact(data, row["id"], version, held)
    await journal.record(conn, fact, DECIDE, row["id"], state, actor, entries, note, version, journal.now())


def _fact(event: CorrectionState, correction_id: UUID, version: int, held: Held) -> journal.Fact:
    return journal.Fact(event, correction_id, version, event.as_of, held.loan["unit"], held.borrower["branch"])
