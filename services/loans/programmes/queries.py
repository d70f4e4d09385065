"""Reads of programmes."""

from datetime import date
from uuid import UUID

from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.loans.programmes.schemas import ProgrammeOut


def out(row: Row) -> ProgrammeOut:
    """A `programme` row as the door shows it."""
    return ProgrammeOut.model_validate(dict(row), extra="ignore")


async def get(conn: Connection, province: str, programme_id: UUID) -> ProgrammeOut:
    """One programme's terms of a province, or 404."""
    row = await conn.fetchrow("select * from programme where id = $1 and province = $2", programme_id, province)
    if row is None:
        raise NotFound
    return out(row)


async def in_force(conn: Connection, province: str, on: date, code: str | None = None) -> list[ProgrammeOut]:
    """The terms in force on a day, by code: of each programme the version that began last."""
    rows = await conn.fetch(
        """
        select distinct on (code) * from programme
        where province = $1 and valid_from <= $2 and (valid_to is null or valid_to >= $2)
          and ($3::text is null or code = $3)
        order by code, valid_from desc
        """,
        province,
        on,
        code,
    )
    return [out(row) for row in rows]
