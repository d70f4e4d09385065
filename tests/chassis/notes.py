"""The smallest service there can be: one noun, to test what the chassis does for any."""

from pathlib import Path
from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from contracts.event import Data
from services.chassis import journal, schema
from services.chassis.app import Service
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.errors import Conflict, NotFound, Stale
from services.chassis.web import IDEMPOTENT, MONEY_COMMAND, IfMatch, Reading, Writing, etag, noun

TABLES = (
    schema.OWNER_1
    + """
    create table note (
        id uuid primary key, unit text not null, size integer not null, version integer not null,
        constraint small unique (size) deferrable initially deferred
    );
    """
)
router = noun("notes")
Writer = Annotated[Caller, Depends(needs("notes:write"))]


class NoteWritten(Data):
    """A note was written."""

    TYPE: ClassVar[str] = "vn.danvan.notes.note.written.v1"

    size: int


class NoteIn(BaseModel):
    """A note."""

    model_config = ConfigDict(extra="forbid")

    unit: str = "06760"
    size: Annotated[int, Field(ge=1, le=1000)]


class NoteOut(NoteIn):
    """A note as it is."""

    id: UUID
    version: int


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def write_note(body: NoteIn, conn: Writing, caller: Writer, response: Response) -> NoteOut:
    """Write a note; two notes may not have one size, which the database finds out at commit."""
    if body.unit not in caller.reach:
        raise NotFound
    note = NoteOut(id=journal.new_id(), version=1, **body.model_dump())
    fact = journal.Fact(NoteWritten(size=note.size), note.id, 1, today(), note.unit, None)
    insert = "insert into note values ($1, $2, $3, 1) returning 1"
    await journal.record(conn, fact, insert, note.id, note.unit, note.size)
    if body.size == 500:
        raise RuntimeError("a bug")
    if body.size == 409:
        raise Conflict
    etag(response, 1)
    return note


@router.patch("/{note_id}")
async def change_note(
    note_id: UUID, body: NoteIn, version: IfMatch, conn: Writing, _: Writer, response: Response
) -> NoteOut:
    """Change a note."""
    note = NoteOut(id=note_id, version=version + 1, **body.model_dump())
    fact = journal.Fact(NoteWritten(size=note.size), note.id, note.version, today(), note.unit, None)
    update = "update note set size = $3, version = $2 + 1 where id = $1 and version = $2 returning 1"
    if not await journal.record(conn, fact, update, note.id, version, note.size):
        raise Stale
    etag(response, note.version)
    return note


@router.post("/money", status_code=201, openapi_extra=MONEY_COMMAND)
async def pay(body: NoteIn, conn: Writing, caller: Writer, response: Response) -> NoteOut:
    """A money command."""
    return await write_note(body, conn, caller, response)


@router.get("")
async def count(conn: Reading, _: Annotated[Caller, Depends(needs("notes:read"))]) -> dict[str, int]:
    """How many notes there are."""
    return {"notes": await conn.fetchval("select count(*) from note")}


@router.get("/slow")
async def slow(conn: Reading, _: Annotated[Caller, Depends(needs("notes:read"))]) -> dict[str, int]:
    """A statement that takes ten seconds."""
    await conn.execute("select pg_sleep(10)")
    return {}


SERVICE = Service(name="notes", routers=[router], migrations=Path(__file__).parent)
