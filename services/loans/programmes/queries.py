"""Reads of programmes."""

import json
from datetime import date
from uuid import UUID

from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.loans.programmes.schemas import ProgrammeOut, Terms

PERCENT = 100


def terms_of(row: Row) -> Terms:
    """The terms of a `programme` row, as they were published."""
    return Terms.model_validate(json.loads(row["terms"]), extra="ignore")


async def get(conn: Connection, province: str, programme_id: UUID) -> ProgrammeOut:
    """One programme's terms of a province, its rate as of their first day, or 404."""
    row = await conn.fetchrow("select * from programme where id = $1 and province = $2", programme_id, province)
    if row is None:
        raise NotFound
    return await _out(conn, row, row["valid_from"])


async def in_force(conn: Connection, province: str, on: date, code: str | None = None) -> list[ProgrammeOut]:
    """The terms in force on a day, by code: of each programme the version that began last."""
    return [await _out(conn, row, on) for row in await _in_force(conn, province, on, code)]


async def _in_force(conn: Connection, province: str, on: date, code: str | None) -> list[Row]:
    return await conn.fetch(
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


async def _out(conn: Connection, row: Row, on: date) -> ProgrammeOut:
    """A row as the door shows it, its rate as of a day: null while the programme it depends on is not in force."""
    terms = json.loads(row["terms"])
    if base := terms.get("rate_of"):
        found = await _in_force(conn, row["province"], on, base["programme"])
        rate = json.loads(found[0]["terms"])["annual_rate_ppm"] if found else None
        terms["annual_rate_ppm"] = None if rate is None else rate * base["percent"] // PERCENT
    return ProgrammeOut.model_validate({**dict(row), **terms}, extra="ignore")
