"""One person's data, whole."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.members.access_log.schemas import AccessOut
from services.members.consents.schemas import EntryOut
from services.members.households.schemas import HouseholdOut
from services.members.imports.schemas import Verdict
from services.members.members.schemas import MemberOut
from services.members.subject_requests.schemas import RequestOut


class ChangeOut(BaseModel):
    """One event of the journal."""

    type: str
    version: int
    occurred_on: date
    recorded_at: datetime
    actor: str
    data: dict[str, Any]


class ImportedOut(BaseModel):
    """A row of a file that carried her, as long as rows are kept."""

    id: UUID = Field(description="Of the import")
    row: int
    verdict: Verdict
    unit: str = Field(description="Of whoever imported the file")
    actor: str
    format: str | None
    recorded_at: datetime
    finished_at: datetime | None


class RecordOut(BaseModel):
    """Everything held under one record. `accesses` are the newest 10,000."""

    id: UUID
    member: MemberOut
    household: HouseholdOut | None
    history: list[ChangeOut]
    consents: list[EntryOut]
    requests: list[RequestOut]
    imports: list[ImportedOut]
    accesses: list[AccessOut]


class MergedOut(RecordOut):
    """A record that was merged into hers (or into such a one), as it was before."""

    merged_at: datetime


class ExportOut(RecordOut):
    """Everything held about one member, wherever a record merged into hers was."""

    exported_at: datetime
    merged: list[MergedOut]
