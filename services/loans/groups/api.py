"""HTTP door of savings-and-credit groups."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Response

from contracts.calendars import Day
from services.chassis.auth import Caller, needs
from services.chassis.clock import today
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, MONEY_COMMAND, IfMatch, Reading, Writing, etag, noun
from services.loans.batches import BatchIn, BatchOut
from services.loans.borrowers.schemas import UnitCode
from services.loans.formations import commands as formations
from services.loans.groups import commands, queries
from services.loans.groups.schemas import (
    BoardIn,
    ClosingIn,
    GroupIn,
    GroupOut,
    GroupPatch,
    Month,
    MoveIn,
    RatingIn,
    RatingsOut,
    SplitIn,
    SplitOut,
    Warned,
)

router = noun("groups")
Reader = Annotated[Caller, Depends(needs("loans:read"))]
Writer = Annotated[Caller, Depends(needs("loans:write"))]
AsOf = Annotated[Day | None, Query(description="Sums as of this day; default today")]


@router.post("", status_code=201, openapi_extra=IDEMPOTENT)
async def form_group(body: GroupIn, conn: Writing, caller: Writer, response: Response) -> GroupOut:
    """Form a group of a commune with its first members."""
    group = await formations.form(conn, caller.reach, body)
    response.headers["location"] = f"/v1/groups/{group.id}"
    return _tagged(response, group)


@router.get("")
async def list_groups(
    conn: Reading,
    caller: Reader,
    unit: Annotated[UnitCode | None, Query()] = None,
    branch: Annotated[UUID | None, Query()] = None,
    warning: Annotated[Warned | None, Query(description="Only those with it")] = None,
    as_of: AsOf = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[GroupOut]:
    """Groups inside the caller's reach."""
    reach = caller.reach.within(unit, branch)
    return await queries.find(conn, reach, as_of or today(), limit, cursor, warning)


@router.post("/moves", openapi_extra=IDEMPOTENT)
async def move_groups(body: BatchIn, conn: Writing, caller: Writer) -> BatchOut:
    """Carry up to 1,000 groups (`group` and what `POST /v1/groups/{id}/move` takes), as a reorganisation does."""
    return await commands.move_many(conn, caller.reach, body)


@router.get("/{group_id}")
async def read_group(group_id: UUID, conn: Reading, caller: Reader, response: Response, as_of: AsOf = None) -> GroupOut:
    """One group."""
    return _tagged(response, await queries.get(conn, caller.reach, group_id, as_of))


@router.patch("/{group_id}")
async def correct_group(
    group_id: UUID, body: GroupPatch, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> GroupOut:
    """Correct what was recorded wrongly."""
    return _tagged(response, await commands.correct(conn, caller.reach, group_id, version, body))


@router.post("/{group_id}/closing", openapi_extra=IDEMPOTENT)
async def close_group(
    group_id: UUID, body: ClosingIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> GroupOut:
    """Close a group in which no savings are left."""
    return _tagged(response, await commands.close(conn, caller.reach, group_id, version, body))


@router.post("/{group_id}/move", openapi_extra=IDEMPOTENT)
async def move_group(
    group_id: UUID, body: MoveIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> GroupOut:
    """Say that the group is in another commune or branch from a day on."""
    return _tagged(response, await commands.move(conn, caller.reach, group_id, version, body))


@router.post("/{group_id}/split", status_code=201, openapi_extra=MONEY_COMMAND)
async def split_group(
    group_id: UUID, body: SplitIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> SplitOut:
    """Form a second group of some of the members, who bring their savings."""
    both = await formations.split(conn, caller.reach, group_id, version, body)
    etag(response, both.group.version)
    response.headers["location"] = f"/v1/groups/{both.formed.id}"
    return both


@router.post("/{group_id}/leader", openapi_extra=IDEMPOTENT)
async def set_board(
    group_id: UUID, body: BoardIn, version: IfMatch, conn: Writing, caller: Writer, response: Response
) -> GroupOut:
    """Say who leads the group, and who stands in, from a day on."""
    return _tagged(response, await commands.set_board(conn, caller.reach, group_id, version, body))


@router.get("/{group_id}/ratings")
async def list_ratings(group_id: UUID, conn: Reading, caller: Reader, response: Response) -> RatingsOut:
    """The bank's ratings by month."""
    found, version = await queries.ratings(conn, caller.reach, group_id)
    etag(response, version)
    return found


@router.put("/{group_id}/ratings/{month}")
async def rate_group(
    group_id: UUID,
    month: Annotated[Month, Path()],
    body: RatingIn,
    version: IfMatch,
    conn: Writing,
    caller: Writer,
    response: Response,
) -> GroupOut:
    """Record the bank's rating of a month, or put it right."""
    first = date.fromisoformat(f"{month}-01")
    return _tagged(response, await commands.rate(conn, caller.reach, group_id, first, version, body))


def _tagged(response: Response, group: GroupOut) -> GroupOut:
    etag(response, group.version)
    return group
