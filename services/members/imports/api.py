"""HTTP door of imports."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Query, Response
from fastapi.responses import StreamingResponse

from services.chassis.auth import Caller, needs
from services.chassis.context import context
from services.chassis.errors import invalid
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.sheets.sheet import CSV_TYPE, XLSX_TYPE
from services.chassis.web import IDEMPOTENT, Reading, Recorded, Snapshots, Uploaded, Writing, noun, upload
from services.members.access_log.api import Viewing
from services.members.access_log.commands import note
from services.members.branches.schemas import UnitCode
from services.members.imports import commands, queries
from services.members.imports.schemas import Format, ImportOut, Mode, RowOut, Verdict
from services.members.imports.writing import template

PATH = "/v1/imports"
MEDIA_TYPES = {"csv": f"{CSV_TYPE}; charset=utf-8", "xlsx": XLSX_TYPE}
FILES: dict[int | str, dict[str, Any]] = {200: {"content": {media_type: {} for media_type in (CSV_TYPE, XLSX_TYPE)}}}
router = noun("imports")
router.dependencies = [Depends(needs("members:personal"))]
Importer = Annotated[Caller, Depends(needs("members:write"))]


@router.post("", status_code=202, openapi_extra=upload(CSV_TYPE, XLSX_TYPE))
async def import_members(
    file: Uploaded,
    conn: Writing,
    caller: Importer,
    response: Response,
    content_type: Annotated[str, Header(include_in_schema=False)] = "",
    mode: Annotated[Mode, Query(description="`validate` says what would happen and changes nothing")] = "apply",
    unit: Annotated[UnitCode | None, Query(description="Of rows that name no commune")] = None,
    branch: Annotated[UUID | None, Query(description="Of rows that name no branch")] = None,
    create_branches: Annotated[bool, Query(description="Open branches that the file names and nobody opened")] = False,
    mapping: Annotated[
        str,
        Query(
            max_length=20_000,
            description='JSON object: heading → field, or null to ignore: {"Tên": "name"}. Remembered per caller',
        ),
    ] = "{}",
) -> ImportOut:
    """Send a CSV or XLSX file of members. Rows are taken one by one; sent again, a file changes nothing."""
    made = await commands.receive(
        conn,
        file,
        content_type,
        actor=caller.subject,
        unit=caller.unit,
        reach=caller.reach,
        language=context().language,
        traceparent=context().traceparent,
        mode=mode,
        create_branches=create_branches,
        default_unit=unit,
        default_branch=branch,
        mapping=mapping,
    )
    response.headers["location"] = f"{PATH}/{made.id}"
    return made


@router.get("")
async def list_imports(conn: Reading, caller: Importer, limit: Limit = 100, cursor: Cursor = None) -> Page[ImportOut]:
    """Imports inside the caller's reach, the newest first."""
    return await queries.find(conn, caller.reach, limit, cursor, context().language)


@router.get("/template", response_class=Response, responses=FILES)
async def read_import_template(caller: Importer, format: Format = "xlsx") -> Response:  # noqa: A002
    """A file to fill in: headings and an example; as XLSX with a sheet of what may be written."""
    return Response(template(format, caller.reach.units), headers=_as_file(f"hoi-vien-mau.{format}", format))


@router.get("/{import_id}")
async def read_import(import_id: UUID, conn: Reading, caller: Importer) -> ImportOut:
    """How far an import is."""
    return await queries.get(conn, caller.reach, import_id, context().language)


@router.get("/{import_id}/rows")
async def list_import_rows(
    import_id: UUID,
    conn: Reading,
    caller: Importer,
    verdict: Verdict | None = None,
    doubtful: Annotated[bool, Query(description="Rows with warnings alone")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[RowOut]:
    """What became of each row, in the order of the file; messages in the language the file was sent in."""
    return await queries.verdicts(conn, caller.reach, import_id, verdict, doubtful, limit, cursor)


@router.get("/{import_id}/errors", response_class=Response, responses=FILES)
async def read_import_errors(
    import_id: UUID, conn: Recorded, snapshots: Snapshots, caller: Importer, viewer: Viewing
) -> Response:
    """The refused rows as they were sent, with a column that says what is wrong: correct them, send the file again.

    It is full of names: needs a Purpose, and is logged, as an access to this import, before the first byte is sent.
    """
    if viewer is None:
        raise invalid("header:purpose", "missing", "Tải tệp lỗi cần nêu mục đích", "An error file needs a purpose")
    format_ = await queries.error_file(conn, caller.reach, import_id)
    await note(conn, viewer, [import_id])

    async def parts() -> AsyncIterator[bytes]:
        number, part = 0, b"-"
        while part:
            async with snapshots() as conn:
                part = await queries.part(conn, import_id, "errors", number) or b""
            number += 1
            yield part

    return StreamingResponse(parts(), headers=_as_file(f"loi-{import_id}.{format_}", format_))


@router.post("/{import_id}/application", status_code=202, openapi_extra=IDEMPOTENT)
async def apply_import(import_id: UUID, conn: Writing, caller: Importer) -> ImportOut:
    """Apply a file that was only validated."""
    return await commands.apply_validated(conn, caller.reach, import_id, context().language)


def _as_file(name: str, format_: str) -> dict[str, str]:
    return {"content-type": MEDIA_TYPES[format_], "content-disposition": f'attachment; filename="{name}"'}
