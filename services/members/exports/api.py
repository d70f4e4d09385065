"""HTTP door of exports."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from fastapi.responses import HTMLResponse

from services.chassis.errors import Forbidden, Text, invalid
from services.chassis.vault import Vaulted
from services.chassis.web import Recorded, noun
from services.members.access_log.api import SCOPE, Officer, Viewing
from services.members.access_log.commands import show
from services.members.exports import queries
from services.members.exports.page import page
from services.members.exports.schemas import ExportOut

of_member = noun("members")


@of_member.get("/{member_id}/export", responses={200: {"content": {"text/html": {}}}}, response_model=ExportOut)
async def export_member(
    member_id: UUID,
    conn: Recorded,
    caller: Officer,
    viewer: Viewing,
    vault: Vaulted,
    form: Annotated[Literal["json", "html"], Query(alias="format", description="`html` is a page to print")] = "json",
) -> ExportOut | HTMLResponse:
    """Everything held about one member. Needs members:personal too, and a Purpose; the export is itself an access."""
    if SCOPE not in caller.scopes:
        raise Forbidden(Text(f"Cần quyền {SCOPE}", f"The scope {SCOPE} is required"))
    if viewer is None:
        raise invalid("header:purpose", "missing", "Cần nêu mục đích", "A purpose is required")
    found = await queries.everything(conn, caller.reach, member_id, vault)
    shown = [record for each in (found, *found.merged) for record in (each.member, each.household) if record]
    await show(conn, viewer, shown)
    return found if form == "json" else HTMLResponse(page(found.model_dump(mode="json")))
