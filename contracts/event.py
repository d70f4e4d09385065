"""The envelope of every event: CloudEvents 1.0, structured JSON, one per state change.

Source: CloudEvents specification 1.0.2; W3C Trace Context for `traceparent`; RFC 9562 for ids (UUIDv7).
"""

from datetime import date
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

UnitCode = Annotated[
    str,
    Field(
        pattern=r"^\d{2}(\d{3}(@\d{4}-\d{2}-\d{2})?)?$",
        description="A unit's key: its code, of a unit of before with the last day it was in force, as codes are given"
        " again (06688@2025-06-30); a province for what is province-wide",
    ),
]
EventType = Annotated[str, Field(pattern=r"^vn\.danvan\.[a-z]+\.[a-z_]+\.[a-z_]+\.v[1-9]\d*$")]


class Event(BaseModel):
    """One event on the bus. Readers ignore attributes, and fields of `data`, that they do not know.

    `data` is the entity's public state after the change, with what is particular to this event.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: Annotated[str, Field(pattern=r"^/[a-z]+$", description="/members, /loans, /campaigns")]
    type: EventType
    subject: UUID = Field(description="The entity; also the Kafka key")
    time: AwareDatetime = Field(description="When it was recorded, UTC")
    occurredon: date = Field(description="The local day it happened on: the reporting day")
    unit: UnitCode = Field(description="Where it belongs as of this event")
    branch: UUID | None = None
    version: Annotated[int, Field(ge=1, description="1, 2, 3 … per entity: a reader can see a gap")]
    sequence: Annotated[int, Field(ge=1, description="Position in the service's journal")]
    traceparent: str | None = None
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, Any]

    @property
    def kind(self) -> str:
        """`<service>.<entity>`: the kind of entity it is about."""
        return _kind(self.type)


@lru_cache(maxsize=1_024)
def _kind(type_: str) -> str:
    _, _, service, entity, _, _ = type_.split(".")
    return f"{service}.{entity}"


class Data(BaseModel):
    """What an event carries about its entity. Written exactly; unknown fields are a writer's mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    TYPE: ClassVar[str]

    @classmethod
    def read(cls, data: object) -> Self:
        """`data` as a reader takes it: fields it does not know are ignored. Raises ValidationError."""
        return cls.model_validate(data, extra="ignore")


class Position(NamedTuple):
    """One entity's version in one service's journal: `members:<subject>@<version>`.

    Every write answers one as `Journal-Position`; `Wait-For` takes it.
    """

    service: str
    subject: UUID
    version: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a position. Raises ValueError that says what is wrong."""
        service, colon, rest = text.partition(":")
        subject, at, version = rest.partition("@")
        if not (colon and at and service.isalpha() and version.isascii() and version.isdigit()):
            raise ValueError(f"not <service>:<subject>@<version>: {text}")
        return cls(service, UUID(subject), int(version))

    def __str__(self) -> str:
        return f"{self.service}:{self.subject}@{self.version}"
