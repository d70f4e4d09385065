"""One person's data, whole."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.members.access_log.schemas import AccessOut
from services.members.consents.schemas import EntryOut
from services.members.households.schemas import HouseholdOut
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


class ExportOut(BaseModel):
    """Everything held about one member. `accesses` are the newest 10,000."""

    id: UUID
    exported_at: datetime
    member: MemberOut
    household: HouseholdOut | None
    history: list[ChangeOut]
    consents: list[EntryOut]
    requests: list[RequestOut]
    accesses: list[AccessOut]
