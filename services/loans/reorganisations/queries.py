"""Reads of what the members service has told of households and branches."""

import json
from collections.abc import Collection
from uuid import UUID

from services.chassis.db import Connection
from services.loans.reorganisations.course import Stay, stays_of


async def stays(conn: Connection, ids: Collection[UUID]) -> dict[UUID, list[Stay]]:
    """Of those of these households and branches that have been told: where each was from when."""
    rows = await conn.fetch("select subject, state from entity where subject = any($1)", list(ids))
    found = {row["subject"]: stays_of(row["subject"], json.loads(row["state"] or "{}")) for row in rows}
    return {subject: told for subject, told in found.items() if told}
