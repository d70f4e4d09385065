"""HTTP door of erasures."""

from uuid import UUID

from services.chassis.web import IDEMPOTENT, IfMatch, Reading, Writing, noun
from services.members.access_log.api import Officer
from services.members.erasures import commands, queries
from services.members.erasures.schemas import ErasureIn, ErasureOut

of_member = noun("members")


@of_member.post("/{member_id}/erasure", status_code=201, openapi_extra=IDEMPOTENT)
async def erase_member(
    member_id: UUID, body: ErasureIn, version: IfMatch, conn: Writing, caller: Officer
) -> ErasureOut:
    """Erase a member at her own request: name, birth date, household, words; figures stay as they are."""
    return await commands.erase(conn, caller.reach, member_id, version, body.request, caller.subject)


@of_member.get("/{member_id}/erasure")
async def read_erasure(member_id: UUID, conn: Reading, caller: Officer) -> ErasureOut:
    """The proof that a member was erased."""
    return await queries.get(conn, caller.reach, member_id)
