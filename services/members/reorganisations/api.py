"""HTTP door of reorganisation plans."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.chassis.auth import Caller, needs
from services.chassis.context import context
from services.chassis.errors import Forbidden, Text
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, IfMatch, Reading, Writing, etag, noun
from services.members.reorganisations import commands, queries
from services.members.reorganisations.schemas import Kind, PlanIn, PlanOut, PlanPatch, PreviewOut, RecordOut

router = noun("reorganisations")


async def _province(caller: Annotated[Caller, Depends(needs("members:reorganise"))]) -> Caller:
    if caller.unit != caller.province or not caller.reach:
        raise Forbidden(Text("Chỉ cấp tỉnh sắp xếp đơn vị", "Only a province reorganises units"))
    return caller


Planner = Annotated[Caller, Depends(_province)]


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def draft_plan(
    body: PlanIn,
    conn: Writing,
    caller: Planner,
    response: Response,
    from_lineage: Annotated[
        str | None,
        Query(description="A province's code: fill the mappings with what became what on 2025-07-01", examples=["22"]),
    ] = None,
) -> PlanOut:
    """Draft a plan. Nothing moves until it is applied."""
    plan = await commands.create(conn, caller.unit, caller.reach, body, from_lineage)
    etag(response, plan.version)
    response.headers["location"] = f"/v1/reorganisations/{plan.id}"
    return plan


@router.get("")
async def list_plans(conn: Reading, caller: Planner, limit: Limit = 100, cursor: Cursor = None) -> Page[PlanOut]:
    """The province's plans, newest first."""
    return await queries.find(conn, caller.unit, limit, cursor)


@router.get("/{plan_id}")
async def read_plan(plan_id: UUID, conn: Reading, caller: Planner, response: Response) -> PlanOut:
    """One plan."""
    plan = await queries.get(conn, caller.unit, plan_id)
    etag(response, plan.version)
    return plan


@router.patch("/{plan_id}")
async def change_plan(
    plan_id: UUID, body: PlanPatch, version: IfMatch, conn: Writing, caller: Planner, response: Response
) -> PlanOut:
    """Change a draft."""
    plan = await commands.change(conn, caller.unit, caller.reach, plan_id, version, body)
    etag(response, plan.version)
    return plan


@router.get("/{plan_id}/preview")
async def preview_plan(plan_id: UUID, conn: Reading, caller: Planner) -> PreviewOut:
    """What applying it would do: how much goes each way, what is unmapped or in conflict, totals before and after."""
    return await queries.preview(conn, await queries.get(conn, caller.unit, plan_id), context().language)


@router.get("/{plan_id}/records")
async def list_records(
    plan_id: UUID,
    conn: Reading,
    caller: Planner,
    kind: Annotated[Kind | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[RecordOut]:
    """Every branch, household and member that goes or, once the plan is applied, went."""
    return await queries.records(conn, await queries.get(conn, caller.unit, plan_id), kind, limit, cursor)


@router.post("/{plan_id}/application", openapi_extra=IDEMPOTENT)
async def apply_plan(plan_id: UUID, version: IfMatch, conn: Writing, caller: Planner, response: Response) -> PlanOut:
    """Apply it: all or nothing. A province takes up to a minute; reads go on, writes of what moves wait."""
    plan = await commands.apply(conn, caller.unit, plan_id, version)
    etag(response, plan.version)
    return plan


@router.post("/{plan_id}/reversal", openapi_extra=IDEMPOTENT)
async def reverse_plan(plan_id: UUID, version: IfMatch, conn: Writing, caller: Planner, response: Response) -> PlanOut:
    """Undo its application, unless something that has changed since forbids it."""
    plan = await commands.reverse(conn, caller.unit, plan_id, version)
    etag(response, plan.version)
    return plan
