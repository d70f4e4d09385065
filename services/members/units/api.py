"""HTTP door of units."""

from typing import Annotated

from fastapi import Depends, Query

from contracts.calendars import Day
from services.chassis.auth import Caller, needs
from services.chassis.web import noun
from services.members.units import queries
from services.members.units.schemas import LineagesOut, UnitOut, UnitsOut

router = noun("units")
Reader = Annotated[Caller, Depends(needs("members:read"))]


@router.get("")
async def list_units(
    caller: Reader,
    on: Annotated[Day | None, Query(description="Day they were in force; default now")] = None,
) -> UnitsOut:
    """The units inside the caller's reach."""
    return queries.reached(caller.reach.units, on)


@router.get("/{code}")
async def read_unit(
    code: str,
    caller: Reader,
    on: Annotated[Day | None, Query(description="Day the code was in force; default now. Codes are re-used.")] = None,
) -> UnitOut:
    """What a code, an alias of it, or a key names."""
    return queries.get(caller.reach.units, code, on)


@router.get("/{code}/lineage")
async def read_lineage(code: str, caller: Reader) -> LineagesOut:
    """The units of before 2025-07-01 that a unit was made of."""
    return LineagesOut(items=queries.lineage(caller.reach.units, code))
