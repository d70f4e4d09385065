"""Merging duplicates at the door."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class MergeIn(BaseModel):
    """The record that is the same person's, and whose beginning holds.

    `survivor`: this record stays as it is. `earliest`: for the days before this record begins, what the duplicate says
    (where she was, when she joined) is taken over.
    """

    model_config = ConfigDict(extra="forbid")

    duplicate: UUID
    keep: Literal["survivor", "earliest"] = "survivor"


class UnmergeIn(BaseModel):
    """The record that was merged into this one by mistake."""

    model_config = ConfigDict(extra="forbid")

    duplicate: UUID = Field(description="As it was named in the merge")
