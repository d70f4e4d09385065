"""Events of the members service. No personal data: ids, codes, dates, numbers, birth year."""

from datetime import date
from typing import Annotated, ClassVar, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from contracts.event import Data

PovertyStatus = Literal["poor", "near_poor", "newly_escaped", "average", "other"]
LeavingReason = Literal["moved_away", "own_wish", "age_or_health", "long_absence", "expelled", "deceased", "other"]
EthnicityCode = Annotated[str, Field(pattern=r"^\d{2}$", description="In the list `ethnicity_system` names")]


class BranchState(Data):
    """A branch (*chi hội*)."""

    kind: Literal["residential", "sectoral"]
    opened_on: date
    closed_on: date | None = None


class BranchCreated(BranchState):
    """A branch was opened; counts from `opened_on`."""

    TYPE: ClassVar[str] = "vn.danvan.members.branch.created.v1"


class BranchCorrected(BranchState):
    """A branch's record was put right, from its beginning."""

    TYPE: ClassVar[str] = "vn.danvan.members.branch.corrected.v1"


class BranchClosed(BranchState):
    """A branch closed on `closed_on`."""

    TYPE: ClassVar[str] = "vn.danvan.members.branch.closed.v1"


class HouseholdState(Data):
    """A household and its poverty status as last set."""

    branch: UUID
    poverty_status: PovertyStatus | None = None
    status_year: Annotated[int, Field(ge=1990, le=2100)] | None = None
    standard: (
        Annotated[str, Field(max_length=60, description="National or provincial standard, and its version")] | None
    ) = None


class HouseholdCreated(HouseholdState):
    """A household was registered."""

    TYPE: ClassVar[str] = "vn.danvan.members.household.created.v1"


class HouseholdCorrected(HouseholdState):
    """A household's record was put right."""

    TYPE: ClassVar[str] = "vn.danvan.members.household.corrected.v1"


class HouseholdStatusSet(HouseholdState):
    """A household's poverty status of a year was recorded."""

    TYPE: ClassVar[str] = "vn.danvan.members.household.status_set.v1"


class MemberState(Data):
    """A member."""

    status: Literal["active", "left", "deceased"]
    kind: Literal["ordinary", "honorary"]
    core: bool = Field(description="Core member (*hội viên nòng cốt*)")
    ethnicity: EthnicityCode
    ethnicity_system: Literal["1979", "2008"]
    birth_year: Annotated[int, Field(ge=1900, le=2100)] | None = None
    branch: UUID
    household: UUID | None = None
    joined_on: date
    left_on: date | None = None
    leaving_reason: LeavingReason | None = None
    poverty_status: PovertyStatus | None = Field(None, description="Of the household, as last set")

    @model_validator(mode="after")
    def _left_on_a_day(self) -> Self:
        if (self.status == "active") != (self.left_on is None):
            raise ValueError("left_on is the day an active member left, and only that")
        return self


class MemberEnrolled(MemberState):
    """A member joined on `joined_on`."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.enrolled.v1"


class MemberCorrected(MemberState):
    """A member's record was put right, or changed, from `occurredon` on."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.corrected.v1"


class MemberLeft(MemberState):
    """A member left, or died, on `left_on`."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.left.v1"


STATES: dict[str, type[Data]] = {
    "members.branch": BranchState,
    "members.household": HouseholdState,
    "members.member": MemberState,
}
EVENTS: tuple[type[Data], ...] = (
    BranchCreated,
    BranchCorrected,
    BranchClosed,
    HouseholdCreated,
    HouseholdCorrected,
    HouseholdStatusSet,
    MemberEnrolled,
    MemberCorrected,
    MemberLeft,
)
