"""Erasures at the door."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class ErasureIn(BaseModel):
    """The request that an erasure fulfils."""

    model_config = ConfigDict(extra="forbid")

    request: UUID = Field(description="An answered request of kind `erase` of this member")


class ErasureOut(BaseModel):
    """The proof that a member was erased; nothing in it is personal."""

    member: UUID
    request: UUID
    request_hash: str = Field(description="SHA-256 of the request as it stood, hexadecimal")
    erased: list[str] = Field(description="What was held and is no longer, `<record>.<field>`")
    erased_on: date
    erased_by: str
    recorded_at: datetime
