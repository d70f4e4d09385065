"""Events of transfers, which the members service owns: a member on her way from one commune to another."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from contracts.event import Data, UnitCode


class TransferState(Data):
    """A transfer of a member. It counts nowhere: the member's own timeline does, once it is accepted."""

    member: UUID
    from_unit: UnitCode
    from_branch: UUID
    to_unit: UnitCode
    to_branch: UUID | None = Field(None, description="Until the receiving commune names one, there may be none")
    effective_on: date
    state: Literal["requested", "accepted", "refused", "withdrawn", "void", "cancelled"] = Field(
        description="`void`: she left, moved or was merged before it was decided; `cancelled`: taken back afterwards"
    )


class TransferRequested(TransferState):
    """A commune asked another to take a member over. The event's unit is the commune that is asked; told again when a
    reorganisation puts another in its place, or in that of the one that asks."""

    TYPE: ClassVar[str] = "vn.danvan.members.transfer.requested.v1"


class TransferSettled(TransferState):
    """A transfer was accepted or refused (the event's unit is where she came from), or came to nothing otherwise (the
    receiving one)."""

    TYPE: ClassVar[str] = "vn.danvan.members.transfer.settled.v1"
