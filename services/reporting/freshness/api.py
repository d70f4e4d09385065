"""HTTP door of freshness, and the Wait-For header of every reporting answer."""

from typing import Annotated

from fastapi import Depends, Header, Query, Request

from contracts.event import Position
from services.chassis.auth import Caller, needs
from services.chassis.errors import NotFound, invalid
from services.chassis.web import Reading, noun
from services.reporting.freshness import queries
from services.reporting.freshness.schemas import FreshnessOut

router = noun("freshness")
MOST = 100


async def _waited(
    request: Request,
    wait_for: Annotated[
        str | None,
        Header(max_length=8_000, description="Journal-Position of a write; the answer waits until it is counted"),
    ] = None,
) -> bool:
    """True if the request asked to wait, and now its positions are in the figures."""
    if wait_for is None:
        return False
    try:
        positions = [Position.parse(part.strip()) for part in wait_for.split(",")]
    except ValueError as error:
        raise invalid("header:wait-for", "position", f"Không phải vị trí nhật ký: {error}", str(error)) from None
    if len(positions) > MOST:
        raise invalid("header:wait-for", "too_many", f"Nhiều nhất {MOST} vị trí", f"At most {MOST} positions")
    await queries.wait_for(request.app.state.pool, positions, request.app.state.settings.wait_for_max_ms)
    return True


Waited = Annotated[bool, Depends(_waited)]
"""Whether the caller asked to read its own write; by then it can."""


@router.get("")
async def read_freshness(
    caller: Annotated[Caller, Depends(needs("reporting:read"))],
    _: Waited,
    conn: Reading,
    unit: Annotated[str | None, Query(description="Count what is parked of this commune only")] = None,
) -> FreshnessOut:
    """How current the figures are, by source."""
    if unit is not None and unit not in caller.reach:
        raise NotFound
    return await queries.freshness(conn, unit)
