"""Writes of imports: those of the API, and what the importer stores step by step."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import IO, Any, get_args
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from contracts import units
from services.chassis import journal
from services.chassis.db import Connection
from services.chassis.errors import Conflict, Fault, Text, UnsupportedMediaType, invalid
from services.chassis.reach import Reach
from services.chassis.sheets.headings import Plan, key
from services.chassis.sheets.sheet import CSV_TYPE, XLSX_TYPE, Sheet
from services.members.imports import queries
from services.members.imports.deciding import Decision, Task
from services.members.imports.schemas import FieldName, ImportOut, Mode
from services.members.reorganisations import queries as reorganisations

MAPPING: TypeAdapter[dict[str, FieldName | None]] = TypeAdapter(dict[str, FieldName | None])
PART = 1 << 18
ATTEMPTS = 5
ROW_COLUMNS = ("import", "row", "verdict", "member", "key", "citizen", "errors", "warnings")
FAILED = Fault(
    "",
    "unexpected",
    Text(
        "Hệ thống không xử lý được tệp này; các dòng đã nhận được giữ nguyên, hãy báo cho quản trị viên",
        "The importer failed on this file several times; rows already in are kept. Tell the operators",
    ),
)


async def receive(
    conn: Connection,
    file: IO[bytes],
    media_type: str,
    *,
    actor: str,
    unit: str,
    reach: Reach,
    language: str,
    traceparent: str | None,
    mode: Mode,
    create_branches: bool,
    default_unit: str | None,
    default_branch: UUID | None,
    mapping: str,
) -> ImportOut:
    """Store a file for the importer. 415 for another kind of file; 422 for a place outside `reach`.

    Of an officer of a branch the file is of that branch: rows need not name it, and cannot open others.
    """
    if media_type.partition(";")[0].strip().lower() not in (CSV_TYPE, XLSX_TYPE):
        raise UnsupportedMediaType(
            Text(f"Chỉ nhận {CSV_TYPE} hoặc {XLSX_TYPE}", f"Only {CSV_TYPE} and {XLSX_TYPE} are taken")
        )
    if default_unit is not None and default_unit not in reach.units:
        raise invalid("query:unit", "unknown", "Không có xã, phường này", "There is no such commune")
    if default_branch is not None and not await queries.is_open(conn, reach, default_branch):
        raise invalid("query:branch", "unknown", "Không có chi hội đang hoạt động này", "There is no such open branch")
    if create_branches and reach.branch is not None:
        text = "Cán bộ chi hội không mở được chi hội", "An officer of a branch cannot open branches"
        raise invalid("query:create_branches", "not_allowed", *text)
    await _remember(conn, actor, _mapping(mapping))
    import_id = journal.new_id()
    await conn.execute(
        """
        insert into import (id, unit, actor, language, traceparent, mode, create_branches, default_unit,
                            default_branch, branch, size)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)
        """,
        *(import_id, unit, actor, language, traceparent, mode, create_branches, default_unit),
        default_branch or reach.branch,
        reach.branch,
    )
    size = await keep_file(conn, import_id, "source", file)
    await conn.execute("update import set size = $2 where id = $1", import_id, size)
    return await queries.get(conn, reach, import_id, language)


def _mapping(written: str) -> dict[str, FieldName | None]:
    try:
        return MAPPING.validate_json(written)
    except ValidationError:
        fields = ", ".join(get_args(FieldName))
        raise invalid(
            "query:mapping",
            "mapping",
            f"Phải là JSON: tiêu đề → {fields} hoặc null",
            f"JSON: heading → {fields} or null",
        ) from None


async def _remember(conn: Connection, actor: str, mapping: Mapping[str, FieldName | None]) -> None:
    """What the caller's headings mean, from now on."""
    await conn.executemany(
        """
        insert into import_heading (actor, heading, field) values ($1, $2, $3)
        on conflict (actor, heading) do update set field = excluded.field
        """,
        [(actor, key(heading), field) for heading, field in mapping.items()],
    )


async def keep_file(conn: Connection, import_id: UUID, kind: str, file: IO[bytes]) -> int:
    """Store a file in parts, in place of an earlier one; its size in bytes."""
    await conn.execute("delete from import_file where import = $1 and kind = $2", import_id, kind)
    size = number = 0
    while part := file.read(PART):
        await conn.execute(
            "insert into import_file (import, kind, part, bytes) values ($1, $2, $3, $4)", import_id, kind, number, part
        )
        size, number = size + len(part), number + 1
    return size


async def apply_validated(conn: Connection, reach: Reach, import_id: UUID, language: str) -> ImportOut:
    """Apply a file that was only validated. 409 in any other state, or when the file is kept no longer."""
    row = await queries.row_of(conn, reach, import_id)
    applied = await conn.execute(
        """
        update import set mode = 'apply', state = 'received', row_at = 0, rows_done = 0, created = 0, valid = 0,
                          unchanged = 0, refused = 0, finished_at = null
        where id = $1 and mode = 'validate' and state = 'done'
              and exists (select from import_file where import = $1 and kind = 'source')
        """,
        import_id,
    )
    if applied == "UPDATE 0":
        raise Conflict(
            Text(
                f"Chỉ áp dụng được tệp đã kiểm tra xong và còn lưu (đang: {row['mode']}, {row['state']})",
                f"Only a file that was validated and is still kept can be applied (now: {row['mode']}, {row['state']})",
            ),
            slug="import-not-validated",
        )
    await conn.execute("delete from import_row where import = $1", import_id)
    await conn.execute("delete from import_file where import = $1 and kind = 'errors'", import_id)
    return await queries.get(conn, reach, import_id, language)


async def begin(conn: Connection, import_id: UUID) -> Task | None:
    """The import as the importer needs it; None if there is nothing to do. After ATTEMPTS without progress it fails."""
    row = await conn.fetchrow(
        "update import set attempts = attempts + 1 where id = $1 and state = any($2) returning *",
        import_id,
        queries.UNFINISHED,
    )
    if row is None:
        return None
    if row["attempts"] > ATTEMPTS:
        await end(conn, import_id, "failed", FAILED)
        return None
    own = await queries.headings(conn, row["actor"])
    went = await reorganisations.went(conn, units.province_of(row["unit"]))
    return Task(own=own, went=went, **{name: row[name] for name in Task.__dataclass_fields__ if name in row.keys()})  # noqa: SIM118


async def plan(conn: Connection, task: Task, sheet: Sheet, found: Plan) -> None:
    """Note how the file is read."""
    await conn.execute(
        """
        update import set state = $2, format = $3, encoding = $4, columns = $5, rows_total = $6 where id = $1
        """,
        task.id,
        "applying" if task.mode == "apply" else "checking",
        sheet.format,
        sheet.encoding,
        json.dumps([column._asdict() for column in found.columns], ensure_ascii=False),
        sheet.filled - found.filled_above,
    )


async def keep(conn: Connection, task: Task, decisions: Sequence[Decision]) -> None:
    """Store what became of a chunk's rows, and that the import has come so far."""
    made = [(each.key, each.member) for each in decisions if each.verdict == "created" and each.key]
    await conn.copy_records_to_table("import_key", records=made, columns=("key", "member"))
    await conn.copy_records_to_table(
        "import_row", records=[_record(task.id, each) for each in decisions], columns=ROW_COLUMNS
    )
    count = Counter(each.verdict for each in decisions)
    await conn.execute(
        """
        update import set row_at = $2, rows_done = rows_done + $3, created = created + $4, valid = valid + $5,
                          unchanged = unchanged + $6, refused = refused + $7, attempts = 0
        where id = $1
        """,
        task.id,
        decisions[-1].row,
        len(decisions),
        *(count[verdict] for verdict in ("created", "valid", "unchanged", "refused")),
    )


def _record(import_id: UUID, each: Decision) -> tuple[Any, ...]:
    told = [json.dumps([one.model_dump() for one in some], ensure_ascii=False) if some else None for some in each[-2:]]
    return (import_id, *each[:-2], *told)


async def end(conn: Connection, import_id: UUID, state: str, fault: Fault | None = None) -> None:
    """The import is over; `fault` says why the file was refused."""
    faults = [{"pointer": fault.pointer, "code": fault.code, **fault.message._asdict()}] if fault else []
    await conn.execute(
        """
        update import set state = $2, faults = $3, finished_at = now(),
                          rows_total = case when $2 = 'done' then rows_done else rows_total end
        where id = $1
        """,
        import_id,
        state,
        json.dumps(faults, ensure_ascii=False),
    )


async def forget_member(conn: Connection, member_id: UUID) -> bool:
    """Delete the files in which a member stands, and the hashes of her rows; whether there were any.

    A file can only be found by a row of hers that was read whole. 409 while one of these imports is under way.
    """
    rows = await conn.fetch(
        """
        with hers as (delete from import_key where member = $1 returning key)
        update import_row set key = null, citizen = null, errors = null, warnings = null
        from import
        where import.id = import and (member = $1 or key in (select key from hers))
        returning import.id, finished_at
        """,
        member_id,
    )
    if any(row["finished_at"] is None for row in rows):
        text = Text(
            "Tệp có người này đang được nhập, hãy thử lại sau", "A file that names this person is being imported"
        )
        raise Conflict(text, slug="import-under-way")
    await conn.execute("delete from import_file where import = any($1)", [row["id"] for row in rows])
    return bool(rows)


async def forget(conn: Connection, days: int) -> None:
    """Delete files and rows of imports that ended more than `days` ago; what was counted stays."""
    await conn.execute(
        """
        with old as (select id from import where finished_at < now() - make_interval(days => $1)),
             files as (delete from import_file using old where import = old.id)
        delete from import_row using old where import = old.id
        """,
        days,
    )
