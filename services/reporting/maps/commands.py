"""Writes of maps: what a reading on today's map needs beside the log, which tells what was where then."""

import json
from collections.abc import Sequence
from typing import Any

from services.chassis.db import Connection
from services.chassis.entities import Change
from services.reporting.contributions.cells import Place, State
from services.reporting.contributions.rules import inherited

REDRAWN = "map"
"""What a row of the log says that adds nothing, so that kept screens of today's map are made anew."""
COLUMNS = ("subject", "version", "measure", "unit", "branch", "day", "known_at", "dims", "value")


async def remap(conn: Connection, changes: Sequence[Change]) -> set[str]:
    """Keep where branches have been carried, and what counts in another branch since a branch was split.

    The units that today's map shows otherwise from now on, whatever the log gains.
    """
    redrawn: set[str] = set()
    branches = {change.event.subject: change.after for change in changes if change.event.kind == "members.branch"}
    if branches:
        redrawn |= await _carry(conn, branches)
    rows = [row for change in changes for row in _inherited(change)]
    if rows:
        await conn.copy_records_to_table("inherited", records=rows, columns=COLUMNS)
        redrawn |= {row[COLUMNS.index("unit")] for row in rows}
    return redrawn


async def _carry(conn: Connection, branches: dict[Any, State | None]) -> set[str]:
    """Of each unit that a branch was in before, the one it is in now; the units of which that changed."""
    found = []
    for branch, state in branches.items():
        there = [spell["unit"] for spell in state["timeline"]] if state else []
        found += [(branch, unit, there[-1]) for unit in sorted(set(there) - {*there[-1:]})]
    rows = await conn.fetch(
        "delete from carried where branch = any($1) returning branch, unit, unit_now", list(branches)
    )
    await conn.copy_records_to_table("carried", records=found, columns=("branch", "unit", "unit_now"))
    return {unit for _, *both in {*map(tuple, rows)} ^ {*found} for unit in both}


def _inherited(change: Change) -> list[tuple[Any, ...]]:
    """What the change adds to the difference that splits make."""
    event = change.event
    sums = inherited(event.kind, change.after, Place(event.unit, event.branch))
    before = inherited(event.kind, change.before, Place(change.before_unit or event.unit, change.before_branch))
    for key, value in before.items():
        sums[key] = sums.get(key, 0) - value
    return [
        (
            *(event.subject, event.version, cell.measure, *place, cell.on, event.time),
            *(json.dumps(dict(cell.dims)), value),
        )
        for (cell, place), value in sums.items()
        if value
    ]
