"""A member as the service keeps it: the person, and the timeline of her membership."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json

from contracts.members import MemberCorrected, MemberEnrolled, MemberLeft, MemberSpell
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Row
from services.chassis.paging import fold
from services.members import timeline
from services.members.members.schemas import MemberOut

Event = MemberEnrolled | MemberCorrected | MemberLeft
TIMELINE = TypeAdapter(list[MemberSpell])
COLUMNS = (
    *("id", "name", "name_folded", "birth_date", "birth_year", "ethnicity_system", "timeline", "due_on", "version"),
    *("recorded_at", "unit", "branch", "household", "ethnicity", "kind", "core", "joined_on", "status", "left_on"),
    *("leaving_reason", "poverty_status"),
)
"""What is kept; from `unit` on, what the timeline says today, kept for lists."""
_PLACES = ", ".join(f"${number}" for number in range(1, len(COLUMNS) + 1))
INSERT = f"insert into member ({', '.join(COLUMNS)}) values ({_PLACES}) returning 1"  # noqa: S608  # own names
UPDATE = (
    f"update member set ({', '.join(COLUMNS)}) = ({_PLACES})"  # noqa: S608  # own names
    f" where id = $1 and version = ${len(COLUMNS) + 1} returning 1"
)


class Member(BaseModel):
    """One member, whole."""

    id: UUID
    name: str
    birth_date: date | None
    birth_year: int | None
    ethnicity_system: Literal["1979"] = "1979"
    timeline: list[MemberSpell]
    version: int
    recorded_at: datetime

    @classmethod
    def of(cls, row: Row) -> Self:
        """A `member` row."""
        return cls.model_validate({**dict(row), "timeline": TIMELINE.validate_json(row["timeline"])})

    def on(self, day: date) -> MemberOut:
        """As the door shows it, as of a day."""
        spell = timeline.nearest(self.timeline, day)
        first = self.timeline[timeline.joined(self.timeline, day)]
        left = None
        if spell.status != "active":
            left = next(s.since for s in self.timeline if s.status != "active" and s.since >= first.since)
        return MemberOut(
            **spell.model_dump(exclude={"since", "cause"}),
            **self.model_dump(exclude={"timeline"}),
            joined_on=first.since,
            left_on=left,
        )

    def row(self) -> tuple[Any, ...]:
        """Its values in the order of COLUMNS."""
        now = today()
        values = self.on(now).model_dump() | {
            "name_folded": fold(self.name),
            "timeline": to_json(self.timeline).decode(),
            "due_on": timeline.next_after(self.timeline, now),
        }
        return tuple(values[name] for name in COLUMNS)

    def fact(self, event: type[Event], occurredon: date) -> journal.Fact:
        """The event that tells this state."""
        spell = timeline.nearest(self.timeline, today())
        data = event.model_construct(
            ethnicity_system=self.ethnicity_system, birth_year=self.birth_year, timeline=self.timeline
        )
        return journal.Fact(data, self.id, self.version, occurredon, spell.unit, spell.branch)

    def next(self, spells: Sequence[MemberSpell], **values: Any) -> Self:
        """Its next version, with this timeline."""
        news = {"timeline": list(spells), "version": self.version + 1, "recorded_at": journal.now()}
        return self.model_copy(update=values | news)
