"""A member as the service keeps it: the person, and the timeline of her membership."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json

from contracts.members import MemberSpell, MemberState
from contracts.offices import Fee, OfficerRole
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Row
from services.chassis.paging import fold
from services.chassis.vault import Vault
from services.members import timeline
from services.members.members.schemas import MemberOut

TIMELINE, ROLES, FEES = TypeAdapter(list[MemberSpell]), TypeAdapter(list[OfficerRole]), TypeAdapter(list[Fee])
COLUMNS = (
    *("id", "name", "name_folded", "birth_date", "birth_year", "ethnicity_system", "timeline", "roles", "fees"),
    *("card_number", "citizen_sealed", "citizen_index", "phone_sealed", "phone_index", "due_on", "version"),
    *("recorded_at", "unit", "branch", "group", "household", "ethnicity", "kind", "core", "joined_on", "status"),
    *("left_on", "leaving_reason", "poverty_status"),
)
"""What is kept; from `unit` on, what the timeline says today, kept for lists."""
HELD = ("due_on", *COLUMNS[COLUMNS.index("unit") :])
"""What follows from the timeline and the day."""
SEALED = ("citizen_sealed", "citizen_index", "phone_sealed", "phone_index")
_PLACES = ", ".join(f"${number}" for number in range(1, len(COLUMNS) + 1))
_NAMES, _HELD = (", ".join(f'"{column}"' for column in columns) for columns in (COLUMNS, HELD))
INSERT = f"insert into member ({_NAMES}) values ({_PLACES}) returning 1"  # noqa: S608  # own names


def _written(column: str) -> str:
    """Its place in UPDATE. A number that stays the same (its index says so) stays as it is sealed, perhaps anew."""
    place = f"${COLUMNS.index(column) + 1}"
    if not column.endswith("_sealed"):
        return place
    index = column.replace("_sealed", "_index")
    changed = f"{index} is distinct from ${COLUMNS.index(index) + 1}"
    return f"case when {changed} then {place} else {column} end"


UPDATE = (
    f"update member set ({_NAMES}) = ({', '.join(map(_written, COLUMNS))})"  # noqa: S608  # own names
    f" where id = $1 and version = ${len(COLUMNS) + 1} returning 1"
)
"""What `rekey` sealed again since the record was read is not written over."""
SWEEP = (
    f"update member set ({_HELD}) = ({', '.join(f'${number}' for number in range(3, len(HELD) + 3))})"  # noqa: S608
    " where id = $1 and version = $2"
)


class Member(BaseModel):
    """One member, whole."""

    id: UUID
    name: str | None
    birth_date: date | None
    birth_year: int | None
    ethnicity_system: Literal["1979"] = "1979"
    card_number: str | None = None
    citizen_sealed: bytes | None = None
    citizen_index: bytes | None = None
    phone_sealed: bytes | None = None
    phone_index: bytes | None = None
    timeline: list[MemberSpell]
    roles: list[OfficerRole] = []
    fees: list[Fee] = []
    version: int
    recorded_at: datetime
    erased_on: date | None = None

    @classmethod
    def of(cls, row: Row) -> Self:
        """A `member` row."""
        kept: dict[str, TypeAdapter[Any]] = {"timeline": TIMELINE, "roles": ROLES, "fees": FEES}
        return cls.model_validate({**dict(row), **{name: kind.validate_json(row[name]) for name, kind in kept.items()}})

    def on(self, day: date) -> MemberOut:
        """As the door shows it, as of a day."""
        spell = timeline.nearest(self.timeline, day)
        first = self.timeline[timeline.joined(self.timeline, day)]
        left = None
        if spell.status != "active":
            left = next(s.since for s in self.timeline if s.status != "active" and s.since >= first.since)
        values = {**vars(self), **vars(spell), "joined_on": first.since, "left_on": left}
        return MemberOut.model_validate(values, extra="ignore")

    def opened(self, vault: Vault | None, day: date | None = None) -> MemberOut:
        """As the door shows it as of a day (today by default), with the numbers opened."""
        shown = self.on(day or today())
        if vault is None:
            return shown
        numbers = {"citizen_number": self.citizen_sealed, "phone": self.phone_sealed}
        return shown.model_copy(
            update={name: vault.open(sealed, f"{self.id}:{name}") for name, sealed in numbers.items() if sealed}
        )

    def row(self, day: date, columns: Sequence[str] = COLUMNS, shown: MemberOut | None = None) -> tuple[Any, ...]:
        """Its values in the order of these columns, as of a day; `shown` is itself `on` that day, if made before."""
        values = {
            **vars(self),
            **vars(shown or self.on(day)),
            "name_folded": fold(self.name or ""),
            **{name: to_json(getattr(self, name)).decode() for name in ("timeline", "roles", "fees")},
            "due_on": timeline.next_after(self.timeline, day),
        }
        return tuple([values[name] for name in columns])

    def fact(self, event: type[MemberState], occurredon: date) -> journal.Fact:
        """The event that tells this state."""
        spell = timeline.nearest(self.timeline, today())
        data = event.model_construct(
            ethnicity_system=self.ethnicity_system,
            birth_year=self.birth_year,
            timeline=self.timeline,
            roles=self.roles,
            fees=self.fees,
        )
        return journal.Fact(data, self.id, self.version, occurredon, spell.unit, spell.branch)

    def next(self, spells: Sequence[MemberSpell], **values: Any) -> Self:
        """Its next version, with this timeline."""
        news = {"timeline": list(spells), "version": self.version + 1, "recorded_at": journal.now()}
        return self.model_copy(update=values | news)
