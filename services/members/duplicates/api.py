"""HTTP door of records that may be one person's."""

from typing import Annotated

from fastapi import Depends, Query

from contracts import units
from services.chassis.auth import Caller, needs
from services.chassis.paging import Cursor, Limit, Page
from services.chassis.web import IDEMPOTENT, Recorded, Writing, noun
from services.members.access_log.api import Viewing
from services.members.access_log.commands import show
from services.members.duplicates import commands, queries
from services.members.duplicates.schemas import DismissalIn, DuplicateOut

router = noun("duplicates")
Reader = Annotated[Caller, Depends(needs("members:read"))]
Writer = Annotated[Caller, Depends(needs("members:write"))]
Unit = Annotated[str, Query(pattern=r"^\d{2}(\d{3})?$", description="A commune, or the province for all")]


@router.get("")
async def list_duplicates(
    unit: Unit, conn: Recorded, caller: Reader, viewer: Viewing, limit: Limit = 100, cursor: Cursor = None
) -> Page[DuplicateOut]:
    """Pairs of members that may be one person: one in `unit`, the other anywhere inside the caller's reach."""
    page = await queries.find(conn, caller.reach, units.subtree(unit) & caller.reach, limit, cursor)
    seen = iter(await show(conn, viewer, [member for pair in page.items for member in pair.members]))
    items = [pair.model_copy(update={"members": (next(seen), next(seen))}) for pair in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.post("/dismissals", status_code=204, openapi_extra=IDEMPOTENT)
async def dismiss_duplicate(body: DismissalIn, conn: Writing, caller: Writer) -> None:
    """Say that two members are two persons: the pair is listed no more."""
    await commands.dismiss(conn, caller.reach, body, caller.subject)
