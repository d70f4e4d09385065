"""Writes of bank statements: a file is read as it is, then matched against the ledger as of its day."""

import asyncio
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile
from typing import IO, Any, NamedTuple
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from contracts.reconciliation import Counted, Owed, StatementMatched
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection, Row
from services.chassis.errors import Conflict, NotFound, Text, Unprocessable, invalid
from services.chassis.reach import Reach
from services.chassis.sheets import headings
from services.chassis.sheets.reading import open_sheet
from services.chassis.sheets.sheet import Sheet, Unreadable
from services.loans.receipts import commands as receipts
from services.loans.statements import matching, queries
from services.loans.statements.lines import HEADINGS, MOVED, NEEDED, FieldName, Line, Reader
from services.loans.statements.schemas import ConfirmedOut, StatementOut

MAPPING: TypeAdapter[dict[str, FieldName | None]] = TypeAdapter(dict[str, FieldName | None])
CHUNK = 5_000
MOST_LINES = 300_000
AT_ONCE = 500


class Upload(NamedTuple):
    """What the caller says of a file: whose unit it covers, as of which day, and what its headings mean (JSON)."""

    actor: str
    unit: str
    as_of: date
    late_days: int
    mapping: str


async def receive(conn: Connection, reach: Reach, file: IO[bytes], said: Upload) -> tuple[StatementOut, bool]:
    """Store the file of a month and match it; whether it is new. The current file sent again changes nothing.

    422 for a day to come, or naming why the file cannot be read. Lines that cannot are kept, each with its faults.
    """
    if not reach:
        raise NotFound
    if said.as_of > today():
        raise invalid("query:as_of", "future", "Không được ở tương lai", "May not lie in the future")
    own = await _remember(conn, said.actor, said.mapping)
    with NamedTemporaryFile() as copy:
        await asyncio.to_thread(copyfileobj, file, copy)
        copy.flush()
        try:
            sheet, plan = await asyncio.to_thread(_open, Path(copy.name), own)
            try:
                return await _receive(conn, reach, said, sheet, plan, Path(copy.name))
            finally:
                sheet.close()
        except Unreadable as error:
            raise Unprocessable(faults=[error.fault]) from None


def _open(path: Path, own: Mapping[str, str | None]) -> tuple[Sheet, headings.Plan]:
    sheet = open_sheet(path)
    try:
        return sheet, headings.plan(sheet, HEADINGS, own, NEEDED)
    except Unreadable:
        sheet.close()
        raise


async def _receive(
    conn: Connection, reach: Reach, said: Upload, sheet: Sheet, plan: headings.Plan, path: Path
) -> tuple[StatementOut, bool]:
    columns = json.dumps([column._asdict() for column in plan.columns], ensure_ascii=False)
    digest = await asyncio.to_thread(_digest, path, f"{said.as_of} {said.late_days} {columns}")
    month = said.as_of.replace(day=1)
    current = await _current(conn, said.unit, month)
    if current is not None and current["digest"] == digest:
        return await queries.get(conn, reach, current["id"]), False
    statement = journal.new_id()
    compared = [column.field for column in plan.columns if column.field in MOVED]
    if current is not None:
        await conn.execute("update statement set superseded_by = id where id = $1", current["id"])
    await conn.execute(
        """
        insert into statement (id, unit, month, as_of, revision, digest, columns, compared, late_days, actor,
                               recorded_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        *(statement, said.unit, month, said.as_of, current["revision"] + 1 if current else 1, digest, columns),
        *(compared, said.late_days, said.actor, journal.now()),
    )
    if current is not None:
        await conn.execute("update statement set superseded_by = $2 where id = $1", current["id"], statement)
    await _keep_lines(conn, statement, sheet, plan, await queries.programmes(conn, said.unit))
    await match(conn, reach, statement)
    return await queries.get(conn, reach, statement), True


def _digest(path: Path, meant: str) -> bytes:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(meant.encode())
    return digest.digest()


async def _current(conn: Connection, unit: str, month: date) -> Row | None:
    """The month's current statement; files of one month take turns until the transaction ends."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('statement'), hashtext($1))", f"{unit} {month}")
    return await conn.fetchrow(
        "select * from statement where unit = $1 and month = $2 and superseded_by is null for update", unit, month
    )


async def _remember(conn: Connection, actor: str, written: str) -> dict[str, str | None]:
    """What the caller's headings mean, by key, from now on."""
    try:
        mapping = MAPPING.validate_json(written)
    except ValidationError:
        fields = ", ".join(HEADINGS)
        vi, en = f"Phải là JSON: tiêu đề → {fields} hoặc null", f"JSON: heading → {fields} or null"
        raise invalid("query:mapping", "mapping", vi, en) from None
    await conn.executemany(
        """
        insert into statement_heading (actor, heading, field) values ($1, $2, $3)
        on conflict (actor, heading) do update set field = excluded.field
        """,
        [(actor, headings.key(heading), field) for heading, field in mapping.items()],
    )
    return await queries.headings(conn, actor)


async def _keep_lines(
    conn: Connection, statement: UUID, sheet: Sheet, plan: headings.Plan, programmes: Mapping[str, str]
) -> None:
    """Copy the lines, a chunk at a time: read in a thread, so that others are answered meanwhile."""
    reader, rows = Reader(plan.columns, programmes), (row for row in sheet.rows() if row.number > plan.heading)
    found = (line for row in rows if (line := reader.read(row)) is not None)
    lines = unreadable = 0
    while chunk := await asyncio.to_thread(_records, statement, islice(found, CHUNK)):
        await conn.copy_records_to_table("statement_line", records=chunk, columns=("statement", *Line._fields))
        lines, unreadable = lines + len(chunk), unreadable + sum(record[-1] is not None for record in chunk)
        if lines > MOST_LINES:
            raise Unreadable(
                "too_many_rows", f"Tệp có hơn {MOST_LINES} dòng", f"The file has more than {MOST_LINES} rows"
            )
    if not lines:
        raise Unreadable("empty", "Không có dòng nào dưới tiêu đề", "There are no rows below the headings")
    await conn.execute("update statement set lines = $2, unreadable = $3 where id = $1", statement, lines, unreadable)


def _records(statement: UUID, lines: Iterator[Line]) -> list[tuple[Any, ...]]:
    return [(statement, *line[:-1], _faults(line)) for line in lines]


def _faults(line: Line) -> str | None:
    if not line.faults:
        return None
    found = [{"pointer": each.pointer, "code": each.code, **each.message._asdict()} for each in line.faults]
    return json.dumps(found, ensure_ascii=False)


async def match(conn: Connection, reach: Reach, statement_id: UUID) -> None:
    """Match a statement against the ledger as of its day, in place of the match before. 409 if it was replaced."""
    row = await conn.fetchrow("select * from statement where id = $1 for update", statement_id)
    if row is None or row["unit"] not in reach:
        raise NotFound
    if row["superseded_by"] is not None:
        raise Conflict(
            Text("Sao kê đã được thay bằng tệp mới hơn", "A later file has replaced this statement"),
            slug="statement-superseded",
        )
    counts = await matching.match(conn, row)
    bank, ours = await matching.owed(conn, statement_id)
    event = StatementMatched(
        **{name: row[name] for name in ("month", "as_of", "revision", "lines", "unreadable")},
        bank=Owed(**bank),
        ours=Owed(**ours),
        differences=[Counted(**each) for each in counts],
    )
    fact = journal.Fact(event, statement_id, row["version"] + 1, row["as_of"], row["unit"], None)
    change = "update statement set version = $2, matched_at = $3 where id = $1 returning 1"
    await journal.record(conn, fact, change, statement_id, row["version"] + 1, journal.now())


async def match_again(conn: Connection, reach: Reach, statement_id: UUID) -> StatementOut:
    """As `match`, after the ledger moved."""
    await match(conn, reach, statement_id)
    return await queries.get(conn, reach, statement_id)


async def confirm(conn: Connection, reach: Reach, statement_id: UUID) -> ConfirmedOut:
    """Post up to 500 loans' receipts that the bank's lines confirm (differences `pending`), and match again."""
    confirmed = refused = 0
    for row in await queries.pending(conn, reach, statement_id, AT_ONCE):
        done = await receipts.confirm_by_line(conn, reach, row)
        confirmed, refused = confirmed + done, refused + (not done)
    await match(conn, reach, statement_id)
    found = await queries.get(conn, reach, statement_id)
    return ConfirmedOut(**found.model_dump(), confirmed=confirmed, refused=refused)
