"""HTTP door of what a group's meeting proposes: form 03/TD, to be printed and signed."""

from asyncio import to_thread
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Query, Response

from contracts.calendars import Day
from services.chassis.auth import Caller, needs
from services.chassis.negotiation import media_type_of
from services.chassis.sheets.sheet import XLSX_TYPE
from services.chassis.web import Reading, noun
from services.loans.proposals import pdf, queries, xlsx

PDF_TYPE = "application/pdf"
FILES = {PDF_TYPE: ("pdf", pdf.written), XLSX_TYPE: ("xlsx", xlsx.written)}
DOCUMENTED: dict[int | str, dict[str, Any]] = {200: {"content": {media_type: {} for media_type in FILES}}}

of_group = noun("groups")
Reader = Annotated[Caller, Depends(needs("loans:read"))]


@of_group.get("/{group_id}/proposals", response_class=Response, responses=DOCUMENTED)
async def print_proposals(
    group_id: UUID,
    met_on: Annotated[Day, Query(description="The day of the group's meeting")],
    conn: Reading,
    caller: Reader,
    accept: Annotated[str, Header(description="PDF or XLSX")] = PDF_TYPE,
) -> Response:
    """The list of households that the meeting proposes for loans (form 03/TD), to be printed and signed."""
    media_type = media_type_of(accept, *FILES)
    ending, written = FILES[media_type]
    personal = "members:personal" in caller.scopes
    meeting = await queries.meeting(conn, caller.reach, group_id, met_on, personal=personal)
    headers = {"content-disposition": f'attachment; filename="03-TD-{met_on}.{ending}"', "vary": "Accept"}
    return Response(await to_thread(written, meeting), media_type=media_type, headers=headers)
