"""Imports at the door."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter

from services.chassis.errors import FaultOut

Mode = Literal["validate", "apply"]
State = Literal["received", "checking", "applying", "done", "refused", "failed"]
Verdict = Literal["created", "valid", "unchanged", "refused"]
Format = Literal["csv", "xlsx"]
FieldName = Literal[
    "name",
    "birth_date",
    "birth_year",
    "citizen_number",
    "phone",
    "card_number",
    "ethnicity",
    "unit",
    "branch",
    "group",
    "household",
    "joined_on",
    "kind",
    "core",
]


class ColumnOut(BaseModel):
    """A column of the file, and what it is taken for."""

    column: str = Field(description="As a spreadsheet calls it: A, B …")
    heading: str
    field: FieldName | None = Field(description="null: not read")


class ImportOut(BaseModel):
    """A file of members on its way in.

    `received` → `checking` (mode `validate`) or `applying` → `done`; `refused`: the file cannot be read, `faults` say
    why; `failed`: the importer could not go on, nothing is half done, send it again.
    """

    id: UUID
    unit: str = Field(description="The unit of the caller who sent it; seen by whoever reaches it")
    branch: UUID | None = Field(description="Of a sender who is its officer: rows of no other are taken")
    mode: Mode
    state: State
    create_branches: bool
    format: Format | None
    encoding: str | None
    size: int = Field(description="Bytes")
    columns: list[ColumnOut]
    rows_total: int | None = Field(description="Rows below the headings that hold something")
    rows_done: int
    created: int
    valid: int
    unchanged: int = Field(description="Rows of members who are in already")
    refused: int
    faults: list[FaultOut] = Field(description="Why the whole file was refused")
    recorded_at: datetime
    finished_at: datetime | None


class RowFaultOut(FaultOut):
    """What is wrong with a row, or doubtful; `column` is the heading in the file, if there is one."""

    column: str | None = None


FAULTS = TypeAdapter(list[RowFaultOut])


def spoken(errors: Sequence[RowFaultOut]) -> str:
    """All that is wrong with a row, each with its column."""
    return "; ".join(f"{error.column}: {error.message}" if error.column else error.message for error in errors)


class RowOut(BaseModel):
    """What became of one row of the file."""

    row: int = Field(description="Its number as a spreadsheet shows it, from 1")
    verdict: Verdict
    member: UUID | None
    errors: list[RowFaultOut]
    warnings: list[RowFaultOut] = Field(description="What was recorded although it looks doubtful")
