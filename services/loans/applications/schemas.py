"""Applications at the door. Money is whole VND; the day of each step may lie in the past, never in the future."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.calendars import Day
from contracts.loans import Body, ProgrammeCode, StepKind
from services.loans.applications.chain import State, Step
from services.loans.applications.eligibility import Verdict
from services.loans.loans.schemas import Money
from services.loans.programmes.schemas import Code
from services.loans.programmes.schemas import Step as Stage

Free = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Term = Annotated[int, Field(ge=1, le=600)]
Codes = Annotated[list[Code], Field(max_length=30)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EligibilityIn(_Strict):
    """May this household have this loan? Nothing is recorded."""

    borrower: UUID
    programme: ProgrammeCode
    amount: Money
    term_months: Term
    conditions: Codes = Field([], description="Codes of the programme's conditions that are attested")
    on: Day | None = Field(None, description="Default today")


class RuleOut(BaseModel):
    """One rule, its verdict and why, in the caller's language. `open`: somebody has to attest it."""

    rule: str
    verdict: Verdict
    reason: str


class EligibilityOut(BaseModel):
    """Every rule. `eligible` unless one failed; `open` rules are for the group's meeting."""

    eligible: bool
    items: list[RuleOut]


class ApplicationIn(_Strict):
    """A household's request for a loan."""

    borrower: UUID
    group: UUID | None = Field(None, description="The savings-and-credit group whose meeting appraises it")
    programme: ProgrammeCode
    amount: Money
    term_months: Term
    purpose: Free | None = Field(None, description="What for")
    applied_on: Day
    conditions: Codes = Field([], description="Codes of the programme's conditions that are attested")
    papers: Codes = Field([], description="Codes of the programme's papers handed in")


class StepOut(BaseModel):
    """One step that was taken."""

    step: StepKind
    on: date
    amount: int | None = None
    by: Body | None = Field(None, description="Who took it, if not the household")
    present: int | None = None
    in_favour: int | None = None
    against: int | None = None
    reason: str | None = None


class ApplicationOut(BaseModel):
    """An application and how far it has come."""

    id: UUID
    borrower: UUID
    group: UUID | None
    unit: str
    programme: str
    amount: int = Field(description="VND asked for")
    agreed: int = Field(description="VND as last agreed or approved")
    term_months: int
    purpose: str | None
    conditions: list[str]
    papers: list[str]
    applied_on: date
    state: State
    steps: list[StepOut]
    decision_due_on: date | None = Field(description="By when the bank decides, once it is confirmed")
    late: bool = Field(description="It has not decided by then")
    legal: list[Step] = Field(description="What may come next")
    loan: UUID | None
    version: int
    recorded_at: datetime


class PaperOut(BaseModel):
    """A paper, and whether it was handed in."""

    code: str
    vi: str
    en: str
    required: bool
    handed_in: bool


class GuidanceOut(BaseModel):
    """A stage of the procedure in plain words."""

    step: Stage
    vi: str
    en: str
    progress: Literal["done", "next", "later"]


class GuideOut(BaseModel):
    """What an application still needs and what comes next, by the terms it was made under."""

    application: UUID
    papers: list[PaperOut]
    procedure: list[GuidanceOut]
    unconfirmed: list[str] = Field(description="Terms that no public source confirms")
