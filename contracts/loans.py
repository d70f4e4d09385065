"""Events of the loans service. Money is whole VND. No personal data.

As with members, what changes with time is a `timeline` of dated spells, and an event carries the whole of it. What
falls on one day (money paid out or back, a step of an application) is a list with the day of each. So a state says
every figure of every day, and news of the past, a reversal or an extension put all of them right.
"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts import credit_groups
from contracts.checks import FundsCheck
from contracts.event import Data
from contracts.members import Ordered, PovertyStatus, Spell

Vnd = Annotated[int, Field(ge=0, le=9_000_000_000_000_000, description="Whole VND")]
Amount = Annotated[int, Field(gt=0, le=9_000_000_000_000_000, description="Whole VND")]
ProgrammeCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
CapitalSource = Literal["central", "mobilised", "local"]
LoanStatus = Literal["signed", "in_term", "extended", "overdue", "frozen", "repaid", "written_off", "withdrawn"]
FlowKind = Literal["disbursed", "repaid", "interest", "written_off"]
StepKind = Literal["applied", "appraised", "confirmed", "approved", "rejected", "withdrawn"]
Decision = Literal["pending", "approved", "rejected", "withdrawn"]
Body = Literal["group", "committee", "bank"]


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


class Dated(BaseModel):
    """Something that fell on one day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: date


def _by_day(dated: Sequence[Dated]) -> Sequence[Dated]:
    if any(later.on < earlier.on for earlier, later in pairwise(dated)):
        raise ValueError("what is dated stands oldest first")
    return dated


ByDay = AfterValidator(_by_day)


class BorrowerSpell(Spell):
    """A borrowing household in one place, and whether it owes anything."""

    branch: UUID | None = None
    poverty_status: PovertyStatus | None = None
    owing: bool = Field(description="Any of its loans has a balance")
    overdue: bool = Field(description="Any of its loans has an overdue balance")


class Disbursement(Dated):
    """A day on which a borrower received money under a programme."""

    programme: ProgrammeCode


class BorrowerState(Data):
    """A borrowing household: the sum of its loans. A spell may begin in the future: a loan falls due by date alone."""

    timeline: Annotated[list[BorrowerSpell], Ordered, Field(min_length=1)]
    disbursements: Annotated[list[Disbursement], ByDay] = Field(
        description="Every day of disbursement not reversed, once a programme"
    )


class BorrowerRegistered(BorrowerState):
    """A household became a customer."""

    TYPE: ClassVar[str] = "vn.danvan.loans.borrower.registered.v1"


class BorrowerUpdated(BorrowerState):
    """An entry changed whether or since when the household owes, or has received."""

    TYPE: ClassVar[str] = "vn.danvan.loans.borrower.updated.v1"


class BorrowerCorrected(BorrowerState):
    """A household's place or poverty status changed, or was put right."""

    TYPE: ClassVar[str] = "vn.danvan.loans.borrower.corrected.v1"


class ApplicationStep(Dated):
    """One step of an application."""

    step: StepKind
    amount: Vnd | None = Field(None, description="VND asked for, agreed or approved")


class ApplicationState(Data):
    """An application for a loan (*hồ sơ vay vốn*). It counts on the day it was made, in the place of the event."""

    borrower: UUID
    group: UUID | None = Field(None, description="The savings-and-credit group whose meeting appraises it")
    programme: ProgrammeCode
    decision: Decision = Field(description="What has become of it by now")
    rejected_by: Body | None = Field(None, description="The group's meeting, the People's Committee or the bank")
    decision_due_on: date | None = Field(None, description="By when the bank has to decide, once confirmed")
    steps: Annotated[list[ApplicationStep], ByDay, Field(min_length=1)]


class ApplicationSubmitted(ApplicationState):
    """A household applied."""

    TYPE: ClassVar[str] = "vn.danvan.loans.application.submitted.v1"


class ApplicationAppraised(ApplicationState):
    """The group's meeting agreed to it, or did not."""

    TYPE: ClassVar[str] = "vn.danvan.loans.application.appraised.v1"


class ApplicationConfirmed(ApplicationState):
    """The commune's People's Committee confirmed it, or did not."""

    TYPE: ClassVar[str] = "vn.danvan.loans.application.confirmed.v1"


class ApplicationDecided(ApplicationState):
    """The bank approved or rejected it."""

    TYPE: ClassVar[str] = "vn.danvan.loans.application.decided.v1"


class ApplicationWithdrawn(ApplicationState):
    """It was withdrawn before anything was disbursed."""

    TYPE: ClassVar[str] = "vn.danvan.loans.application.withdrawn.v1"


class LoanSpell(Spell):
    """What is owed on a loan in one place. in_term + overdue + frozen is outstanding, always."""

    branch: UUID | None = None
    status: LoanStatus
    in_term: Vnd
    overdue: Vnd
    frozen: Vnd
    overdue_since: date | None = Field(None, description="Since when something has been overdue without a break")


class Flow(Dated):
    """Money of one kind on one day, reversals taken off."""

    kind: FlowKind
    amount: Amount


class LoanState(Data):
    """A loan: household × programme × contract. Its timeline and flows are what its ledger adds up to.

    A spell may begin in the future: what is owed after `due_on` is overdue, and a freeze ends, by date alone.
    """

    borrower: UUID
    programme: ProgrammeCode
    capital_source: CapitalSource
    contract_on: date
    due_on: date = Field(description="As last extended")
    timeline: Annotated[list[LoanSpell], Ordered, Field(min_length=1)]
    flows: Annotated[list[Flow], ByDay]
    checks: list[FundsCheck] = Field([], description="One of each disbursement not reversed, in the order of these")


class LoanOpened(LoanState):
    """A contract was signed; nothing is disbursed yet."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.opened.v1"


class LoanDisbursed(LoanState):
    """A tranche was paid out."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.disbursed.v1"

    amount: Amount


class LoanRepaid(LoanState):
    """Principal, interest or both were paid."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.repaid.v1"

    principal: Vnd
    interest: Vnd


class LoanExtended(LoanState):
    """The day it is due was put off."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.extended.v1"


class LoanReclassified(LoanState):
    """Debt became overdue by the bank's file, was frozen or unfrozen."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.reclassified.v1"

    amount: Amount


class LoanWrittenOff(LoanState):
    """Debt was written off."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.written_off.v1"

    amount: Amount


class LoanReversed(LoanState):
    """An entry of the ledger was reversed: it counts on no day any more."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.reversed.v1"


class LoanWithdrawn(LoanState):
    """The application was withdrawn before anything was disbursed."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.withdrawn.v1"


class LoanMoved(LoanState):
    """The borrower's place changed, or was put right."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.moved.v1"


class LoanChecked(LoanState):
    """A use-of-funds check was done, or its record put right."""

    TYPE: ClassVar[str] = "vn.danvan.loans.loan.checked.v1"


STATES: dict[str, type[Data]] = {
    "loans.programme": ProgrammeState,
    "loans.borrower": BorrowerState,
    "loans.application": ApplicationState,
    "loans.loan": LoanState,
    "loans.group": credit_groups.CreditGroupState,
}
EVENTS: tuple[type[Data], ...] = (
    ProgrammePublished,
    BorrowerRegistered,
    BorrowerUpdated,
    BorrowerCorrected,
    ApplicationSubmitted,
    ApplicationAppraised,
    ApplicationConfirmed,
    ApplicationDecided,
    ApplicationWithdrawn,
    LoanOpened,
    LoanDisbursed,
    LoanRepaid,
    LoanExtended,
    LoanReclassified,
    LoanWrittenOff,
    LoanReversed,
    LoanWithdrawn,
    LoanMoved,
    LoanChecked,
    *credit_groups.EVENTS,
)
