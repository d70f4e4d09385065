"""Writes about possible duplicates."""

from services.chassis.db import Connection
from services.chassis.errors import invalid
from services.chassis.reach import Reach
from services.members.duplicates.schemas import DismissalIn


async def dismiss(conn: Connection, reach: Reach, body: DismissalIn, actor: str) -> None:
    """Never show a pair again. 422 unless both are different members inside `reach`."""
    one, other = sorted(body.members)
    found = await conn.fetchval(
        "select count(*) from member where id = any($1) and unit = any($2)", [one, other], list(reach)
    )
    if found < len(body.members):
        raise invalid("/members", "unknown", "Không phải hai hội viên", "They are not two members")
    await conn.execute(
        "insert into not_duplicate (one, other, actor) values ($1, $2, $3) on conflict do nothing", one, other, actor
    )
