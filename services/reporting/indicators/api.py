"""HTTP door of the indicator catalogue."""

from typing import Annotated

from fastapi import Depends

from services.chassis.auth import Caller, needs
from services.chassis.context import context
from services.chassis.web import noun
from services.reporting.indicators import queries
from services.reporting.indicators.schemas import IndicatorsOut

router = noun("indicators")


@router.get("")
async def list_indicators(_: Annotated[Caller, Depends(needs("reporting:read"))]) -> IndicatorsOut:
    """Every indicator: what it counts, how it adds up, how it breaks down."""
    return queries.everything(context().language)
