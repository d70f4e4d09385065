"""What a caller reaches: whole units, or one branch inside them."""

from collections.abc import Iterable
from typing import Self
from uuid import UUID


class Reach(frozenset[str]):
    """Codes of the units reached **whole**: none for a caller of a branch, so what knows no branches refuses it.

    Rows lie inside if their unit is among `units` and, unless `branch` is None, they belong to that branch.
    """

    units: frozenset[str]
    branch: UUID | None

    def __new__(cls, units: Iterable[str] = (), branch: UUID | None = None) -> Self:
        """These units, or of what lies in them what belongs to this branch."""
        units = frozenset(units)
        made = super().__new__(cls, units if branch is None else ())
        made.units, made.branch = units, branch
        return made

    def covers(self, unit: str, branch: UUID | None) -> bool:
        """Whether something of this unit and branch lies inside."""
        return unit in self.units and self.branch in (None, branch)

    def within(self, unit: str | None = None, branch: UUID | None = None) -> "Reach":
        """What of it lies in this unit and this branch; None is any."""
        if None not in (branch, self.branch) and branch != self.branch:
            return Reach()
        return Reach(self.units if unit is None else self.units & {unit}, branch or self.branch)
