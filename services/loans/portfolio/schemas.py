"""The portfolio as supervised, at the door. Money is whole VND."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from contracts.loans import ProgrammeCode

RuleCode = Literal[
    "due_unpaid",
    "first_overdue",
    "check_overdue",
    "check_misused",
    "group_rating_fell",
    "group_rating_weak",
    "receipts_pending",
    "freeze_ending",
]
CollectionBy = Literal["programme", "group"]


class OverdueBucketOut(BaseModel):
    """Debt that has been overdue for so many days, the first day counted as 1."""

    from_days: int
    to_days: int | None
    loans: int
    amount: int


class OverdueOut(BaseModel):
    """Overdue debt by age."""

    loans: int
    overdue: int = Field(description="The sum of the buckets")
    buckets: list[OverdueBucketOut]


class ProgrammeOverdueOut(OverdueOut):
    """Overdue debt of one programme by age."""

    programme: ProgrammeCode


class OverdueAgeingOut(BaseModel):
    """Overdue debt by age, of all and of each programme that has any."""

    as_of: date
    total: OverdueOut
    items: list[ProgrammeOverdueOut]


class StateMovesOut(BaseModel):
    """One state of debt, and in which states what was in it at the beginning is at the end."""

    state: str = Field(description="`in_term`, `overdue_<first day>_<last day>`, `frozen`, or `none`: not owed")
    opening: int
    moved: dict[str, int] = Field(
        description="By state at the end. Sums to `opening`; of `none` to `disbursed`. "
        "`none` is what was repaid or written off"
    )
    closing: int


class MoneyMigrationOut(BaseModel):
    """Debt by state at both ends of a month: opening + disbursed - repaid - written_off = closing."""

    month: str
    opening_on: date = Field(description="At the end of this day, the last before the month")
    closing_on: date = Field(description="At the end of this day: the month's last, or `as_of` if that is earlier")
    opening: int
    disbursed: int
    repaid: int
    written_off: int
    closing: int
    states: list[StateMovesOut]


class CollectionOut(BaseModel):
    """What is expected of one programme or group in one month."""

    month: str
    key: str | None = Field(description="The programme's code or the group's id; null: households in no group")
    loans: int = Field(description="Loans whose principal falls due")
    principal: int = Field(description="In term on `as_of`, and due in the month")
    interest: int = Field(description="Running in the month on what is in term, if all is repaid on its due day")


class WarningRuleOut(BaseModel):
    """A rule that fired, and the figures that fired it in the caller's language."""

    code: RuleCode
    message: str


class WarningOut(BaseModel):
    """A loan to look at, and why."""

    loan: UUID
    unit: str
    borrower: UUID
    customer_code: str
    programme: ProgrammeCode
    group: UUID | None
    amount: int = Field(description="VND outstanding")
    rules: list[WarningRuleOut]
