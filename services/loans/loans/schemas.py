"""Loans and their ledger at the door. Money is whole VND."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.loans import CapitalSource, ProgrammeCode

Money = Annotated[int, Field(strict=True, gt=0, le=10**13, description="Whole VND")]


class LoanIn(BaseModel):
    """A contract between the bank and a household, under the programme's terms of that day."""

    model_config = ConfigDict(extra="forbid")

    borrower: UUID
    programme: ProgrammeCode
    capital_source: CapitalSource
    contract_number: Annotated[str, Field(pattern=r"^[0-9A-Za-z./-]{1,60}$")]
    contract_on: date
    due_on: date = Field(description="The whole balance is due on this day, and overdue after it")


class LoanOut(BaseModel):
    """A loan; balances are sums of its ledger entries up to `as_of`."""

    id: UUID
    borrower: UUID
    unit: str
    programme: str
    capital_source: CapitalSource
    contract_number: str
    contract_on: date
    due_on: date
    disbursed: int
    principal_repaid: int
    outstanding: int
    in_term: int
    overdue: int = Field(description="in_term + overdue = outstanding")
    status: Literal["open", "repaid"]
    as_of: date
    version: int
    recorded_at: datetime


class DisbursementIn(BaseModel):
    """Money paid out at the transaction point."""

    model_config = ConfigDict(extra="forbid")

    amount: Money
    occurred_on: date


class RepaymentIn(BaseModel):
    """Principal paid back."""

    model_config = ConfigDict(extra="forbid")

    principal: Money
    occurred_on: date


class EntryOut(BaseModel):
    """One ledger entry and the balance after it, by day."""

    id: UUID
    kind: Literal["disbursement", "principal"]
    amount: int
    occurred_on: date
    recorded_at: datetime
    balance: int


class LedgerOut(BaseModel):
    """A loan's entries by day, and as recorded within one."""

    loan: UUID
    items: list[EntryOut]
