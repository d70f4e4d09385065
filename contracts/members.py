"""Events of the members service. No personal data: ids, codes, dates, numbers, birth year.

What changes with time is a `timeline`: dated spells, oldest first, each holding until the next begins. An event carries
the whole of it, so news of the past, of the future and of a mistake are all told the same way.
"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts.event import Data, UnitCode
from contracts.offices import Fee, OfficerRole
from contracts.transfers import TransferRequested, TransferSettled, TransferState

PovertyStatus = Literal["poor", "near_poor", "newly_escaped", "average", "other"]
LeavingReason = Literal["moved_away", "own_wish", "age_or_health", "long_absence", "expelled", "deceased", "other"]
EthnicityCode = Annotated[str, Field(pattern=r"^\d{2}$", description="In the list `ethnicity_system` names")]


class Spell(BaseModel):
    """What held from `since` until the next spell begins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: date
    cause: Literal["began", "changed", "moved", "reorganised", "ended", "resumed"] = Field(
        description="What began it: founding or enrolment, a change, a transfer, a reorganisation of units, the end,"
        " re-joining"
    )
    unit: UnitCode


def _in_order(timeline: Sequence[Spell]) -> Sequence[Spell]:
    if any(later.since < earlier.since for earlier, later in pairwise(timeline)):
        raise ValueError("a timeline's spells stand oldest first")
    return timeline


Ordered = AfterValidator(_in_order)


class BranchSpell(Spell):
    """A branch in one commune, open or closed."""

    kind: Literal["residential", "sectoral"]
    open: bool


class BranchState(Data):
    """A branch (*chi hội*)."""

    timeline: Annotated[list[BranchSpell], Ordered, Field(min_length=1)]


class BranchCreated(BranchState):
    """A branch was opened."""

    TYPE: ClassVar[str] = "vn.danvan.members.branch.created.v1"


class BranchCorrected(BranchState):
    """A branch's record was put right, from its beginning."""

    TYPE: ClassVar[str] = "vn.danvan.members.branch.corrected.v1"


class BranchClosed(BranchState):
    """A branch closed."""

    TYPE: ClassVar[str] = "vn.danvan.members.branch.closed.v1"


class BranchReorganised(BranchState):
    """A branch was carried to other units by a reorganisation, or back by its reversal."""

    TYPE: ClassVar[str] = "vn.danvan.members.branch.reorganised.v1"


class HouseholdSpell(Spell):
    """A household in one branch, with its poverty status and the year and standard that it is of."""

    branch: UUID
    poverty_status: PovertyStatus | None = None
    status_year: Annotated[int, Field(ge=1990, le=2100)] | None = None
    standard: (
        Annotated[str, Field(max_length=60, description="National or provincial standard, and its version")] | None
    ) = None


class HouseholdState(Data):
    """A household."""

    timeline: Annotated[list[HouseholdSpell], Ordered, Field(min_length=1)]


class HouseholdCreated(HouseholdState):
    """A household was registered."""

    TYPE: ClassVar[str] = "vn.danvan.members.household.created.v1"


class HouseholdCorrected(HouseholdState):
    """A household's record was put right."""

    TYPE: ClassVar[str] = "vn.danvan.members.household.corrected.v1"


class HouseholdStatusSet(HouseholdState):
    """A household's poverty status of a year was recorded."""

    TYPE: ClassVar[str] = "vn.danvan.members.household.status_set.v1"


class HouseholdReorganised(HouseholdState):
    """A household was carried to other units by a reorganisation, or back by its reversal."""

    TYPE: ClassVar[str] = "vn.danvan.members.household.reorganised.v1"


class GroupSpell(Spell):
    """A group in one branch, open or closed."""

    branch: UUID
    open: bool


class GroupState(Data):
    """A group (*tổ*) of a branch."""

    timeline: Annotated[list[GroupSpell], Ordered, Field(min_length=1)]


class GroupCreated(GroupState):
    """A group was formed."""

    TYPE: ClassVar[str] = "vn.danvan.members.group.created.v1"


class GroupCorrected(GroupState):
    """A group's record was put right, from its beginning."""

    TYPE: ClassVar[str] = "vn.danvan.members.group.corrected.v1"


class GroupClosed(GroupState):
    """A group closed."""

    TYPE: ClassVar[str] = "vn.danvan.members.group.closed.v1"


class GroupReorganised(GroupState):
    """A group was carried to other units by a reorganisation, or back by its reversal."""

    TYPE: ClassVar[str] = "vn.danvan.members.group.reorganised.v1"


class PopulationSpell(Spell):
    """How many women of 18 and over a commune declares."""

    women_18: Annotated[int, Field(ge=0, le=10_000_000)]
    heir: UnitCode | None = Field(
        None, description="Of a unit that went into another whole: the unit in which its history counts on today's map"
    )


class PopulationState(Data):
    """The women of a commune, as declared from time to time."""

    timeline: Annotated[list[PopulationSpell], Ordered, Field(min_length=1)]


class PopulationDeclared(PopulationState):
    """A commune declared how many women live there."""

    TYPE: ClassVar[str] = "vn.danvan.members.population.declared.v1"


class PopulationReorganised(PopulationState):
    """What units had declared was carried into another with them by a reorganisation, or back by its reversal."""

    TYPE: ClassVar[str] = "vn.danvan.members.population.reorganised.v1"


class MemberSpell(Spell):
    """A member of one branch as she was, or, once she left, where she had been."""

    branch: UUID
    group: UUID | None = None
    household: UUID | None = None
    status: Literal["active", "left", "deceased"]
    leaving_reason: LeavingReason | None = None
    kind: Literal["ordinary", "honorary"]
    core: bool = Field(description="Core member (*hội viên nòng cốt*)")
    ethnicity: EthnicityCode
    poverty_status: PovertyStatus | None = Field(None, description="Of the household")


class MemberState(Data):
    """A member; without a timeline, one whose record was merged into another's."""

    ethnicity_system: Literal["1979", "2008"]
    birth_year: Annotated[int, Field(ge=1900, le=2100)] | None = None
    merged_into: UUID | None = Field(None, description="The member whose record this one was a duplicate of")
    timeline: Annotated[list[MemberSpell], Ordered]
    roles: list[OfficerRole] = Field([])
    fees: list[Fee] = Field([])


class MemberEnrolled(MemberState):
    """A member joined."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.enrolled.v1"


class MemberCorrected(MemberState):
    """A member's record was put right, or changed."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.corrected.v1"


class MemberLeft(MemberState):
    """A member left, or died."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.left.v1"


class MemberRolesChanged(MemberState):
    """A member took up, left or was put right in an office."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.roles_changed.v1"


class MemberFeesChanged(MemberState):
    """A member paid the fee of a year, was exempted, or that was put right."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.fees_changed.v1"


class MemberErased(MemberState):
    """A member was erased at her own request: whoever holds her name, from wherever, must erase it too.

    The state is as before but for her household; no figure changes.
    """

    TYPE: ClassVar[str] = "vn.danvan.members.member.erased.v1"


class MemberTransferred(MemberState):
    """A member moved to another branch, of her commune or of another."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.transferred.v1"


class MemberRejoined(MemberState):
    """A member who had left came back."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.rejoined.v1"


class MemberMerged(MemberState):
    """A member's record turned out to be another's duplicate: it counts nowhere any more, and never did."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.merged.v1"


class MemberUnmerged(MemberState):
    """A merge was wrong: the record is its own again."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.unmerged.v1"


class MemberReorganised(MemberState):
    """A member was carried to other units by a reorganisation, or back by its reversal."""

    TYPE: ClassVar[str] = "vn.danvan.members.member.reorganised.v1"


STATES: dict[str, type[Data]] = {
    "members.branch": BranchState,
    "members.group": GroupState,
    "members.population": PopulationState,
    "members.household": HouseholdState,
    "members.member": MemberState,
    "members.transfer": TransferState,
}
EVENTS: tuple[type[Data], ...] = (
    BranchCreated,
    BranchCorrected,
    BranchClosed,
    BranchReorganised,
    HouseholdCreated,
    HouseholdCorrected,
    HouseholdStatusSet,
    HouseholdReorganised,
    GroupCreated,
    GroupCorrected,
    GroupClosed,
    GroupReorganised,
    PopulationDeclared,
    PopulationReorganised,
    MemberEnrolled,
    MemberCorrected,
    MemberLeft,
    MemberRolesChanged,
    MemberFeesChanged,
    MemberErased,
    MemberTransferred,
    MemberRejoined,
    MemberMerged,
    MemberUnmerged,
    MemberReorganised,
    TransferRequested,
    TransferSettled,
)
