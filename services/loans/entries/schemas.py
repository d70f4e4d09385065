"""The ledger at the door. Money is whole VND."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.loans.entries.books import Kind
from services.loans.loans.schemas import LoanOut

Reference = Annotated[str, Field(pattern=r"^[0-9A-Za-z./-]{1,60}$", description="The bank's voucher or decision")]


class ReversalIn(BaseModel):
    """Why an entry is reversed."""

    model_config = ConfigDict(extra="forbid")

    reference: Reference | None = None


class PostedOut(LoanOut):
    """The loan as of today, and the entries that were appended."""

    entries: list[UUID]


class EntryOut(BaseModel):
    """One line of the ledger, and what is owed at the end of its day."""

    id: UUID
    kind: Kind
    amount: int
    occurred_on: date
    until: date | None = Field(description="An extension's new due date, a freeze's last day")
    reference: str | None
    reverses: UUID | None
    reversed_by: UUID | None
    recorded_at: datetime
    balance: int


class LedgerOut(BaseModel):
    """A loan's entries by day, and as recorded within one."""

    loan: UUID
    items: list[EntryOut]


class InterestOut(BaseModel):
    """Interest by the morning of a day."""

    loan: UUID
    as_of: date
    annual_rate_ppm: int = Field(description="In force on that day: the contract's")
    overdue_rate_ppm: float = Field(description="What overdue debt bears")
    accrued: int
    paid: int
    due: int = Field(description="accrued - paid; negative if paid ahead")


class InstalmentOut(BaseModel):
    """What is to be paid on a day, if all before is paid as planned."""

    due_on: date
    principal: int
    interest: int


class ScheduleOut(BaseModel):
    """What is in term on a day, in equal instalments."""

    loan: UUID
    as_of: date
    items: list[InstalmentOut]
