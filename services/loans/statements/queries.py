"""Reads of bank statements: a commune sees of its province's statement what lies in it."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from uuid import UUID

from contracts import units
from contracts.reconciliation import DifferenceKind
from services.chassis.db import Connection, Row
from services.chassis.errors import FaultOut, NotFound
from services.chassis.paging import Page, after, fold, page_of
from services.chassis.reach import Reach
from services.loans.statements.matching import each
from services.loans.statements.schemas import (
    FIGURES,
    CellOut,
    DifferenceOut,
    ExplainedOut,
    Figures,
    ReconciliationOut,
    StatementOut,
)


def _visible(reach: Reach) -> list[str]:
    """Units whose statements say something of what is reached; none for a caller of a branch."""
    return list(reach | {units.province_of(unit) for unit in reach})


def _out(row: Row) -> StatementOut:
    return StatementOut.model_validate({**dict(row), "columns": json.loads(row["columns"])}, extra="ignore")


async def get(conn: Connection, reach: Reach, statement_id: UUID) -> StatementOut:
    """One statement, or 404."""
    row = await conn.fetchrow("select * from statement where id = $1 and unit = any($2)", statement_id, _visible(reach))
    if row is None:
        raise NotFound
    return _out(row)


async def find(
    conn: Connection, reach: Reach, month: date | None, superseded: bool, limit: int, cursor: str | None
) -> Page[StatementOut]:
    """Statements by month, the latest first; of a month with its earlier revisions if `superseded`."""
    start = after(cursor, date.fromisoformat, UUID)
    rows = await conn.fetch(
        """
        select * from statement
        where unit = any($1) and ($2::date is null or month = date_trunc('month', $2))
          and ($3 or superseded_by is null) and ($4::date is null or (month, id) < ($4, $5::uuid))
        order by month desc, id desc limit $6
        """,
        *(_visible(reach), month, superseded, *(start or (None, None)), limit + 1),
    )
    page, following = page_of(rows, limit, lambda row: (row["month"], row["id"]))
    return Page(items=[_out(row) for row in page], next_cursor=following)


async def differences(
    conn: Connection,
    reach: Reach,
    statement_id: UUID,
    kind: DifferenceKind | None,
    unit: str | None,
    language: str,
    limit: int,
    cursor: str | None,
) -> Page[DifferenceOut]:
    """Differences inside `reach`, by unit and in the order of the file."""
    await get(conn, reach, statement_id)
    start = after(cursor, int)
    rows = await conn.fetch(
        """
        select difference.*, coalesce(line.contract_number, loan.contract_number) as contract_number,
               coalesce(line.customer_code, borrower.customer_code) as customer_code, line.faults
        from statement_difference as difference
        left join statement_line as line on line.statement = difference.statement and line.row = difference.row
        left join loan on loan.id = difference.loan left join borrower on borrower.id = loan.borrower
        where difference.statement = $1 and number > $2::bigint and difference.unit = any($3)
          and ($4::text is null or kind = $4)
        order by number limit $5
        """,
        *(statement_id, *(start or (0,)), list(reach.within(unit)), kind, limit + 1),
    )
    page, following = page_of(rows, limit, lambda row: (row["number"],))
    return Page(items=[_difference(row, language) for row in page], next_cursor=following)


def _difference(row: Row, language: str) -> DifferenceOut:
    faults = [
        FaultOut(pointer=fault["pointer"], code=fault["code"], message=fault[language])
        for fault in json.loads(row["faults"] or "[]")
    ]
    sides = {"bank": _figures(row, "bank_"), "ours": _figures(row, "our_")}
    shown = {**dict(row), "programme": row["programme"] or None, **sides, "faults": faults}
    return DifferenceOut.model_validate(shown, extra="ignore")


def _figures(row: Row, prefix: str) -> Figures:
    return Figures(**{name: row[prefix + name] for name in FIGURES})


async def reconciliation(conn: Connection, reach: Reach, statement_id: UUID, unit: str | None) -> ReconciliationOut:
    """Bank less ours, explained by kind of difference, for each programme in each unit, and for all of them."""
    statement = await get(conn, reach, statement_id)
    inside = list(reach.within(unit))
    totals = await conn.fetch(
        "select * from statement_total where statement = $1 and unit = any($2) order by unit, programme",
        *(statement_id, inside),
    )
    sums = await conn.fetch(
        f"""
        select unit, programme, kind, count(*) as differences, {each("sum(bank_{0} - our_{0})::bigint as {0}")}
        from statement_difference where statement = $1 and unit = any($2)
        group by unit, programme, kind order by kind
        """,  # noqa: S608  # names of figures
        *(statement_id, inside),
    )
    explained: dict[tuple[str, str], list[ExplainedOut]] = defaultdict(list)
    for row in sums:
        found = ExplainedOut(kind=row["kind"], differences=row["differences"], sum=_figures(row, ""))
        explained[row["unit"], row["programme"]].append(found)
    items = [
        _cell(
            row["unit"],
            row["programme"] or None,
            (row["lines"], row["loans"]),
            (_figures(row, "bank_"), _figures(row, "our_")),
            explained[row["unit"], row["programme"]],
        )
        for row in totals
    ]
    total = _cell(
        unit,
        None,
        (sum(cell.lines for cell in items), sum(cell.loans for cell in items)),
        (_sum(cell.bank for cell in items), _sum(cell.ours for cell in items)),
        _by_kind(found for cell in items for found in cell.explained),
    )
    bank, ours = (side.in_term + side.overdue + side.frozen for side in (total.bank, total.ours))
    return ReconciliationOut(
        statement=statement_id,
        as_of=statement.as_of,
        outstanding_bank=bank,
        outstanding_ours=ours,
        total=total,
        items=items,
    )


def _cell(
    unit: str | None,
    programme: str | None,
    counts: tuple[int, int],
    sides: tuple[Figures, Figures],
    explained: list[ExplainedOut],
) -> CellOut:
    bank, ours = sides
    return CellOut(
        unit=unit,
        programme=programme,
        lines=counts[0],
        loans=counts[1],
        bank=bank,
        ours=ours,
        explained=explained,
        remainder=bank - ours - _sum(found.sum for found in explained),
    )


def _sum(parts: Iterable[Figures]) -> Figures:
    return sum(parts, Figures())


def _by_kind(parts: Iterable[ExplainedOut]) -> list[ExplainedOut]:
    found: dict[DifferenceKind, ExplainedOut] = {}
    for part in parts:
        before = found.get(part.kind, ExplainedOut(kind=part.kind, differences=0, sum=Figures()))
        differences = before.differences + part.differences
        found[part.kind] = ExplainedOut(kind=part.kind, differences=differences, sum=before.sum + part.sum)
    return [found[kind] for kind in sorted(found)]


async def programmes(conn: Connection, unit: str) -> dict[str, str]:
    """Codes of the province's programmes by how a file may write them: code or name, folded."""
    rows = await conn.fetch(
        "select code, name_vi, name_en from programme where province = $1 order by valid_from", units.province_of(unit)
    )
    return {fold(name): row["code"] for row in rows for name in row}


async def headings(conn: Connection, actor: str) -> dict[str, str | None]:
    """What the caller's headings mean, by key."""
    rows = await conn.fetch("select heading, field from statement_heading where actor = $1", actor)
    return {row["heading"]: row["field"] for row in rows}


async def pending(conn: Connection, reach: Reach, statement_id: UUID, limit: int) -> list[Row]:
    """Loans whose difference pending receipts explain, with what the bank has more of each; in the order of locks."""
    return await conn.fetch(
        f"""
        select difference.loan, statement.month, statement.as_of, {each("our_{0}")},
               our_in_term + our_overdue + our_frozen - bank_in_term - bank_overdue - bank_frozen as principal,
               case when 'interest' = any(compared) then bank_interest - our_interest end as interest
        from statement_difference as difference
        join statement on statement.id = difference.statement join loan on loan.id = difference.loan
        where difference.statement = $1 and kind = 'pending' and difference.unit = any($2)
        order by loan.borrower limit $3
        """,  # noqa: S608  # names of figures
        *(statement_id, list(reach), limit),
    )
