"""Writes of the access log."""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar
from uuid import UUID

from services.chassis.clock import today
from services.chassis.db import Connection, Row
from services.members.access_log import queries
from services.members.access_log.retention import kept_since
from services.members.access_log.schemas import Shown, Viewer, personal

Record = TypeVar("Record", bound=Shown)


async def show(conn: Connection, viewer: Viewer | None, records: Sequence[Record]) -> list[Record]:
    """The records as they leave: whole and noted in the log for a viewer, without personal fields for nobody."""
    if viewer is None:
        return [record.masked() for record in records]
    if records:
        await note(conn, viewer, {record.subject() for record in records})
    return list(records)


async def show_rows(
    conn: Connection, viewer: Viewer | None, shape: type[Shown], rows: Sequence[Row]
) -> list[dict[str, Any]]:
    """As `show`, for the rows of a list that hold a shape's fields: no record is made of each."""
    if viewer is None:
        hidden = dict.fromkeys(personal(shape))
        return [dict(row) | hidden for row in rows]
    if rows:
        await note(conn, viewer, [row["id"] for row in rows])
    return [dict(row) for row in rows]


async def note(conn: Connection, viewer: Viewer, subjects: Collection[UUID]) -> None:
    """One row: who sees what of whom; `subjects` are members and households, or the import whose file is given back."""
    await conn.execute(
        "insert into access_log (caller, unit, purpose, route, subjects) values ($1, $2, $3, $4, $5)",
        *viewer,
        list(subjects),
    )


async def forget(conn: Connection) -> list[str]:
    """Drop the quarters that lie wholly before what is to be kept; their names."""
    since = kept_since(today())
    dropped = [quarter.name for quarter in await queries.quarters(conn) if quarter.until <= since]
    for name in dropped:
        await conn.execute(f'drop table "{name}"')
    return dropped
