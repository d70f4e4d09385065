"""Loans at the door. Money is whole VND."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.calendars import Day
from contracts.loans import CapitalSource, LoanStatus, ProgrammeCode

Money = Annotated[int, Field(strict=True, gt=0, le=10**13, description="Whole VND")]
Action = Literal[
    "disbursements", "repayments", "extensions", "overdue", "freezes", "unfreezing", "write-off", "withdrawal"
]


class LoanIn(BaseModel):
    """A contract between the bank and a household, under the programme's terms of that day."""

    model_config = ConfigDict(extra="forbid")

    application: UUID | None = Field(
        None,
        description="The approved application it follows from; none for a contract taken over from the bank's books",
    )
    borrower: UUID
    programme: ProgrammeCode
    capital_source: CapitalSource
    contract_number: Annotated[str, Field(pattern=r"^[0-9A-Za-z./-]{1,60}$")]
    contract_on: Day
    due_on: Day = Field(description="The whole balance is due on this day, and overdue after it")
    amount: Money | None = Field(None, description="Most that is disbursed; default what was approved, else the cap")


class LoanOut(BaseModel):
    """A loan; balances are what its ledger adds up to on `as_of`."""

    id: UUID
    application: UUID | None
    borrower: UUID
    unit: str
    programme: str
    capital_source: CapitalSource
    contract_number: str
    contract_on: date
    due_on: date = Field(description="As extended by `as_of`")
    amount: int | None
    annual_rate_ppm: int = Field(description="Yearly, in parts per million; fixed by the contract")
    overdue_rate_percent: int = Field(description="What overdue debt bears, in percent of that")
    disbursed: int
    principal_repaid: int
    outstanding: int = Field(description="in_term + overdue + frozen")
    in_term: int
    overdue: int
    overdue_since: date | None
    frozen: int
    status: LoanStatus
    legal: list[Action] = Field(description="What may be done next")
    as_of: date
    version: int
    recorded_at: datetime
