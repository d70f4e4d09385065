"""Events of the loans service about what the bank says: statements, corrections, and cash not yet confirmed.

They count in no balance: the ledger does, once something is posted to it. Money is whole VND.
"""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.event import Data
from contracts.loans import Amount, Vnd

DifferenceKind = Literal[
    "missing_here", "missing_there", "identity", "amount", "state", "movement", "unreadable", "pending", "late"
]
PostedKind = Literal[
    "disbursement", "principal", "interest", "extension", "to_overdue", "freeze", "unfreeze", "write_off", "reversal"
]


class Owed(BaseModel):
    """What is owed, by state."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_term: Vnd
    overdue: Vnd
    frozen: Vnd


class Counted(BaseModel):
    """Differences of one class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: DifferenceKind
    differences: Annotated[int, Field(gt=0)]
    outstanding: int = Field(description="The bank's less ours, VND")


class StatementState(Data):
    """A bank statement of a month, matched against the ledger as of its day. bank - ours = the sum of `differences`."""

    month: date = Field(description="Its first day")
    as_of: date
    revision: Annotated[int, Field(ge=1, description="1, 2 … of this month: a corrected file replaces the earlier")]
    lines: Annotated[int, Field(ge=1)]
    unreadable: Annotated[int, Field(ge=0)]
    bank: Owed
    ours: Owed
    differences: list[Counted]


class StatementMatched(StatementState):
    """A statement was matched, or matched again after the ledger moved."""

    TYPE: ClassVar[str] = "vn.danvan.loans.statement.matched.v1"


class CorrectionLine(BaseModel):
    """An entry that is to be posted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: PostedKind
    amount: Amount
    on: date
    reverses: UUID | None = None


class CorrectionState(Data):
    """A correction of the ledger towards a bank statement: posted once a second person has approved it."""

    statement: UUID
    loan: UUID
    state: Literal["proposed", "approved", "refused"]
    lines: Annotated[list[CorrectionLine], Field(min_length=1)]
    as_of: date
    before: Owed = Field(description="By the ledger on `as_of` without it")
    after: Owed = Field(description="and with it")


class CorrectionProposed(CorrectionState):
    """Somebody proposed it."""

    TYPE: ClassVar[str] = "vn.danvan.loans.correction.proposed.v1"


class CorrectionApproved(CorrectionState):
    """A second person approved it, and it was posted."""

    TYPE: ClassVar[str] = "vn.danvan.loans.correction.approved.v1"


class CorrectionRefused(CorrectionState):
    """It was refused; nothing was posted."""

    TYPE: ClassVar[str] = "vn.danvan.loans.correction.refused.v1"


class ReceiptState(Data):
    """Cash collected in the field. It is pending, and counts in no balance, until the bank confirms it."""

    loan: UUID
    group: UUID | None = None
    collector: UUID = Field(description="Who collected it, by her id in the members service")
    collected_on: date
    principal: Vnd
    interest: Vnd
    state: Literal["pending", "confirmed", "cancelled"]
    settled_on: date | None = Field(None, description="The bank's day, or the day it was cancelled")


class ReceiptRecorded(ReceiptState):
    """Cash was collected."""

    TYPE: ClassVar[str] = "vn.danvan.loans.receipt.recorded.v1"


class ReceiptConfirmed(ReceiptState):
    """The bank has it: it was posted to the ledger."""

    TYPE: ClassVar[str] = "vn.danvan.loans.receipt.confirmed.v1"


class ReceiptCancelled(ReceiptState):
    """It was recorded in error, or given back."""

    TYPE: ClassVar[str] = "vn.danvan.loans.receipt.cancelled.v1"


STATES: dict[str, type[Data]] = {
    "loans.statement": StatementState,
    "loans.correction": CorrectionState,
    "loans.receipt": ReceiptState,
}
EVENTS: tuple[type[Data], ...] = (
    StatementMatched,
    CorrectionProposed,
    CorrectionApproved,
    CorrectionRefused,
    ReceiptRecorded,
    ReceiptConfirmed,
    ReceiptCancelled,
)
