"""Bank statements at the door. Money is whole VND."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from contracts.reconciliation import DifferenceKind
from services.chassis.errors import FaultOut
from services.loans.statements.lines import FieldName


class ColumnOut(BaseModel):
    """A column of the file, and what it is taken for."""

    column: str = Field(description="As a spreadsheet calls it: A, B …")
    heading: str
    field: FieldName | None = Field(description="null: not read")


class Figures(BaseModel):
    """What is owed on the day, by state, and what moved in the month up to it; 0 where the file has no such column."""

    in_term: int = 0
    overdue: int = 0
    frozen: int = 0
    interest: int = 0
    disbursed: int = 0
    repaid: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        """Both together."""
        return Figures(**{name: getattr(self, name) + getattr(other, name) for name in FIGURES})

    def __sub__(self, other: "Figures") -> "Figures":
        """This less the other."""
        return Figures(**{name: getattr(self, name) - getattr(other, name) for name in FIGURES})


FIGURES: tuple[str, ...] = tuple(Figures.model_fields)


class StatementOut(BaseModel):
    """The bank's file of a month, as last matched against the ledger as of its day."""

    id: UUID
    unit: str = Field(description="Of the caller who sent it: all that lies in it should be in the file")
    month: date = Field(description="Its first day")
    as_of: date
    revision: int = Field(description="1, 2 … of the month: a corrected file replaces the earlier, which is kept")
    superseded_by: UUID | None
    columns: list[ColumnOut]
    compared: list[str] = Field(description="Figures the file has; others are compared nowhere")
    late_days: int = Field(description="Books that agree on another day, at most so many days off, are `late`")
    lines: int
    unreadable: int
    matched_at: datetime
    version: int
    recorded_at: datetime


class ConfirmedOut(StatementOut):
    """The statement, matched again."""

    confirmed: int = Field(description="Receipts posted to the ledger")
    refused: int = Field(description="Loans whose ledger moved since the match, or would not take them: match again")


class DifferenceOut(BaseModel):
    """Where the bank and the ledger do not say the same of one contract."""

    number: int
    kind: DifferenceKind
    row: int | None = Field(description="In the file, as a spreadsheet shows it; null: the bank does not have it")
    loan: UUID | None = Field(description="null: the ledger does not have it")
    contract_number: str | None
    customer_code: str | None
    unit: str = Field(description="The loan's; of a customer known to us hers; else the statement's own")
    programme: str | None
    bank: Figures
    ours: Figures
    faults: list[FaultOut] = Field(description="Why a line is unreadable, each with its column")


class ExplainedOut(BaseModel):
    """Differences of one kind, added up: the bank's less ours."""

    kind: DifferenceKind
    differences: int
    sum: Figures


class CellOut(BaseModel):
    """One programme in one unit, or all of them: bank - ours = the sum of `explained`; `remainder` is 0."""

    unit: str | None
    programme: str | None
    lines: int
    loans: int
    bank: Figures
    ours: Figures
    explained: list[ExplainedOut]
    remainder: Figures = Field(description="bank - ours - explained: 0")


class ReconciliationOut(BaseModel):
    """The statement explained to the last đồng."""

    statement: UUID
    as_of: date
    outstanding_bank: int
    outstanding_ours: int
    total: CellOut
    items: list[CellOut]
