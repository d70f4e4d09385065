"""Events of savings-and-credit groups (*tổ tiết kiệm và vay vốn*), which the loans service owns. No personal data."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts.event import Data
from contracts.members import Ordered, Spell

Rating = Literal["good", "fair", "average", "weak"]
"""As the bank gives it: *tốt, khá, trung bình, yếu*."""
Most = 9_000_000_000_000_000


class CreditGroupSpell(Spell):
    """A group in one commune, entrusted to a branch, open or closed."""

    branch: UUID | None = None
    open: bool


class Rated(BaseModel):
    """A rating, from the first day of the month it is of until the next."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: date
    rating: Rating


class Saved(BaseModel):
    """What savings grew by on one day, reversals taken off; less than nothing if more was taken out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: date
    amount: Annotated[int, Field(ge=-Most, le=Most, description="Whole VND, not 0")]


def _once_a_month(ratings: Sequence[Rated]) -> Sequence[Rated]:
    if any(later.since <= earlier.since for earlier, later in pairwise(ratings)):
        raise ValueError("ratings stand oldest first, one a month")
    return ratings


def _in_hand(savings: Sequence[Saved]) -> Sequence[Saved]:
    held = 0
    for number, saved in enumerate(savings):
        held += saved.amount
        if number and saved.on <= savings[number - 1].on:
            raise ValueError("savings stand oldest first, once a day")
        if held < 0:
            raise ValueError("no more can be taken out than was put in")
    return savings


class CreditGroupState(Data):
    """A group: where it was, how it was rated, and what was saved through it."""

    split_from: UUID | None = Field(None, description="The group it was part of before")
    timeline: Annotated[list[CreditGroupSpell], Ordered, Field(min_length=1)]
    ratings: Annotated[list[Rated], AfterValidator(_once_a_month)]
    savings: Annotated[list[Saved], AfterValidator(_in_hand)]


class CreditGroupFormed(CreditGroupState):
    """A group was formed."""

    TYPE: ClassVar[str] = "vn.danvan.loans.group.formed.v1"

    households: list[UUID] = Field(description="Borrowers who were its first members")


class CreditGroupCorrected(CreditGroupState):
    """A group's record was put right, from its beginning."""

    TYPE: ClassVar[str] = "vn.danvan.loans.group.corrected.v1"


class CreditGroupMoved(CreditGroupState):
    """A group is in another commune, or entrusted to another branch, from a day on."""

    TYPE: ClassVar[str] = "vn.danvan.loans.group.moved.v1"


class CreditGroupSplit(CreditGroupState):
    """Some of a group's members, with their savings, formed another group."""

    TYPE: ClassVar[str] = "vn.danvan.loans.group.split.v1"

    into: UUID


class CreditGroupClosed(CreditGroupState):
    """A group closed; nobody is a member of it any more."""

    TYPE: ClassVar[str] = "vn.danvan.loans.group.closed.v1"


class CreditGroupJoined(CreditGroupState):
    """Households joined."""

    TYPE: ClassVar[str] = "vn.danvan.loans.group.joined.v1"

    households: list[UUID]
    on: date


class CreditGroupLeft(CreditGroupState):
    """A household left."""

    TYPE: ClassVar[str] = "vn.danvan.loans.group.left.v1"

    household: UUID
    on: date = Field(description="The first day it was not a member")


class CreditGroupBoardChanged(CreditGroupState):
    """The management board changed: who leads the group, and who stands in, from a day on."""

    TYPE: ClassVar[str] = "vn.danvan.loans.group.board_changed.v1"

    since: date
    leader: UUID = Field(description="Borrower")
    deputy: UUID | None = None


class CreditGroupRated(CreditGroupState):
    """The bank rated the group for a month."""

    TYPE: ClassVar[str] = "vn.danvan.loans.group.rated.v1"


class CreditGroupSaved(CreditGroupState):
    """Households put savings in, or took them out, on one day."""

    TYPE: ClassVar[str] = "vn.danvan.loans.group.saved.v1"


class CreditGroupSavingReversed(CreditGroupState):
    """An entry of savings was reversed: it counts on no day any more."""

    TYPE: ClassVar[str] = "vn.danvan.loans.group.saving_reversed.v1"


EVENTS: tuple[type[Data], ...] = (
    CreditGroupFormed,
    CreditGroupCorrected,
    CreditGroupMoved,
    CreditGroupSplit,
    CreditGroupClosed,
    CreditGroupJoined,
    CreditGroupLeft,
    CreditGroupBoardChanged,
    CreditGroupRated,
    CreditGroupSaved,
    CreditGroupSavingReversed,
)
