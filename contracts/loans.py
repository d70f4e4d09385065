"""Events of the loans service. Money is whole VND. No personal data."""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from contracts.event import Data
from contracts.members import PovertyStatus

Vnd = Annotated[int, Field(ge=0, le=9_000_000_000_000_000, description="Whole VND")]
Amount = Annotated[int, Field(gt=0, le=9_000_000_000_000_000, description="Whole VND")]
ProgrammeCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
CapitalSource = Literal["central", "mobilised", "local"]


class ProgrammeState(Data):
    """A credit programme as decided for some time; its names are the decision's own."""

    code: ProgrammeCode
    name_vi: Annotated[str, Field(min_length=1, max_length=200)]
    name_en: Annotated[str, Field(min_length=1, max_length=200)]
    valid_from: date
    valid_to: date | None = None


class ProgrammePublished(ProgrammeState):
    """A programme came into force, or its terms changed."""

    TYPE: ClassVar[str] = "vn.danvan.loans.programme.published.v1"


class Disbursement(Data):
    """A day on which a borrower received money under a programme."""

    on: date
    programme: ProgrammeCode


class BorrowerState(Data):
    """A borrowing household: the sum of its loans."""

    loans: Annotated[int, Field(ge=0, description="Loans ever opened")]
    outstanding: Vnd
    overdue_from: date | None = Field(None, description="First day any balance is overdue: the earliest due date + 1")
    disbursements: list[Disbursement] = Field(description="Every disbursement not reversed, by day")
    poverty_status: PovertyStatus | None = None


class BorrowerRegistered(BorrowerState):
    """A household became a customer."""

    TYPE: ClassVar[str] = "vn.danvan.loans.borrower.registered.v1"


class BorrowerUpdated(BorrowerState):
    """An entry changed what the household owes or has received."""

    TYPE: ClassVar[str] = "vn.danvan.loans.borrower.updated.v1"


class LoanState(Data):
    """A loan: household × programme × contract. Balances are sums of its ledger entries."""

    borrower: UUID
    programme: ProgrammeCode
    capital_source: CapitalSource
    contract_on: date
    due_on: date
    disbursed: Vnd
    principal_repaid: Vnd
    outstanding: Vnd
    status: Literal["open", "repaid"]


class LoanOpened(LoanState):
    """A contract was signed; nothing is disbursed yet."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.opened.v1"


class LoanDisbursed(LoanState):
    """A tranche was paid out."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.disbursed.v1"

    amount: Amount


class LoanRepaid(LoanState):
    """Principal was repaid."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.repaid.v1"

    amount: Amount


STATES: dict[str, type[Data]] = {
    "loans.programme": ProgrammeState,
    "loans.borrower": BorrowerState,
    "loans.loan": LoanState,
}
EVENTS: tuple[type[Data], ...] = (
    ProgrammePublished,
    BorrowerRegistered,
    BorrowerUpdated,
    LoanOpened,
    LoanDisbursed,
    LoanRepaid,
)
