"""HTTP door of dashboards."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response

from services.chassis import db
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.context import context
from services.chassis.errors import NotFound
from services.chassis.web import Transactional, noun
from services.reporting.dashboards import queries
from services.reporting.dashboards.board import Board
from services.reporting.dashboards.cache import Asked, Cache
from services.reporting.dashboards.schemas import DashboardOut
from services.reporting.figures.api import InBranch, InPeriod, OnTodaysMap
from services.reporting.freshness.api import Waited

reader = needs("reporting:read")


class Remembering(Transactional):
    """Reads an address that it has read today without FastAPI, which costs more than the answer does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler for this route, asked only where an address is new, or the answer must wait."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            known: Asked | None = request.app.state.dashboards.addresses.get(_address(request))
            if known is None or "wait-for" in request.headers or b"fields=" in request.scope["query_string"]:
                return await inner(request)
            return await _answer(request, await reader(request), known, request.headers.get("if-none-match"))

        return handle


router = noun("dashboards", Remembering)


@router.get("/{unit}", response_model=DashboardOut, responses={304: {"description": "Unchanged"}})
async def read_dashboard(
    unit: str,
    period: InPeriod,
    now: OnTodaysMap,
    waited: Waited,
    request: Request,
    caller: Annotated[Caller, Depends(reader)],
    branch: InBranch = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """One screen in one answer: cards, series, breakdowns and the units below, all of one snapshot."""
    asked = Asked(unit, period, now, branch)
    answer = await _answer(request, caller, asked, if_none_match, fresh=waited)
    request.app.state.dashboards.addresses.keep(_address(request), asked)
    return answer


def _address(request: Request) -> tuple[object, ...]:
    """What is asked, as it stands in the request; which period that is may depend on the day."""
    return today(), request.scope["path"], request.scope["query_string"]


async def _answer(
    request: Request, caller: Caller, asked: Asked, if_none_match: str | None, *, fresh: bool = False
) -> Response:
    if not caller.reach.covers(asked.unit, asked.branch):
        raise NotFound
    state = request.app.state

    async def make() -> Board:
        async with db.snapshot(state.pool) as conn:
            return await queries.board(conn, asked.unit, asked.period, now=asked.now, branch=asked.branch)

    cache: Cache = state.dashboards
    shown = await cache.get(asked, context().language, make, fresh=fresh)
    headers = {"etag": shown.etag, "cache-control": "private, no-cache"}
    if if_none_match and shown.etag in (tag.strip() for tag in if_none_match.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(shown.whole, media_type="application/json", headers=headers)
