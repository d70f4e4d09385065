"""HTTP door of populations."""

from typing import Annotated

from fastapi import Depends, Query, Response

from services.chassis.auth import Caller, needs
from services.chassis.web import Reading, Writing, etag, noun
from services.members.branches.schemas import UnitKey
from services.members.populations import commands, queries
from services.members.populations.schemas import DeclarationIn, PopulationOut, PopulationsOut, Since

router = noun("populations")


@router.put("/{unit}/{since}")
async def declare_population(
    unit: UnitKey,
    since: Since,
    body: DeclarationIn,
    conn: Writing,
    caller: Annotated[Caller, Depends(needs("members:write"))],
    response: Response,
) -> PopulationOut:
    """Declare how many women of 18 and over live, or lived, in a commune from a day on."""
    population = await commands.declare(conn, caller.reach, unit, since, body)
    etag(response, population.version)
    return population


@router.get("")
async def list_populations(
    conn: Reading,
    caller: Annotated[Caller, Depends(needs("members:read"))],
    unit: Annotated[UnitKey | None, Query()] = None,
) -> PopulationsOut:
    """What the communes inside the caller's reach have declared."""
    return PopulationsOut(items=await queries.find(conn, caller.reach & {unit} if unit else caller.reach))
