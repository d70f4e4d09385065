"""HTTP door of dashboards."""

from typing import Annotated

from fastapi import Depends, Header, Request, Response

from services.chassis.auth import Caller, needs
from services.chassis.context import context
from services.chassis.errors import NotFound
from services.chassis.web import Snapshots, noun
from services.reporting.dashboards import queries
from services.reporting.dashboards.schemas import DashboardOut
from services.reporting.figures.api import Asked
from services.reporting.freshness.api import Waited
from services.reporting.freshness.queries import Sample, sample

router = noun("dashboards")


@router.get("/{unit}", response_model=DashboardOut, responses={304: {"description": "Unchanged"}})
async def read_dashboard(
    unit: str,
    period: Asked,
    waited: Waited,
    request: Request,
    snapshot: Snapshots,
    caller: Annotated[Caller, Depends(needs("reporting:read"))],
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """One screen in one answer: cards, series, breakdowns and the units below, all of one snapshot."""
    if unit not in caller.reach:
        raise NotFound
    language = context().language

    async def make() -> tuple[bytes, Sample]:
        async with snapshot() as conn:
            seen = await sample(conn)
            answer = await queries.dashboard(conn, unit, period, language, seen.of(unit))
        return answer.model_dump_json(by_alias=True, exclude={"freshness"}).encode(), seen

    state = request.app.state
    key = (unit, period, language, caller.unit)
    made = await state.dashboards.get(state.applied, unit, key, make, fresh=waited)
    headers = {"etag": made.etag, "cache-control": "private, no-cache"}
    if if_none_match and made.etag in (tag.strip() for tag in if_none_match.split(",")):
        return Response(status_code=304, headers=headers)
    body = made.body[:-1] + b',"freshness":' + made.seen.of(unit).model_dump_json().encode() + b"}"
    return Response(body, media_type="application/json", headers=headers)
