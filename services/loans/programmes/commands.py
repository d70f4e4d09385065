"""Writes of programmes."""

from contracts.loans import ProgrammePublished
from services.chassis import journal
from services.chassis.db import Connection, UniqueViolation
from services.chassis.errors import Conflict, Fault, NotFound, Text, invalid
from services.loans.programmes.schemas import ProgrammeIn, ProgrammeOut

PROVINCE_DIGITS = 2
INSERT = """
insert into programme (id, code, province, name_vi, name_en, valid_from, valid_to, annual_rate_bps,
                       overdue_rate_percent, cap, longest_term_months, version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12) returning 1
"""


async def publish(conn: Connection, unit: str, body: ProgrammeIn) -> ProgrammeOut:
    """Publish terms for the caller's province. 404 for a caller who is not the province's; 409 if published."""
    if len(unit) != PROVINCE_DIGITS:
        raise NotFound
    if body.valid_to and body.valid_to < body.valid_from:
        raise invalid("/valid_to", "before_start", "Trước ngày bắt đầu", "Before the first day")
    programme = ProgrammeOut(id=journal.new_id(), version=1, recorded_at=journal.now(), **body.model_dump())
    event = ProgrammePublished.model_validate(body.model_dump(), extra="ignore")
    fact = journal.Fact(event, programme.id, 1, body.valid_from, unit, None)
    terms = (body.annual_rate_bps, body.overdue_rate_percent, body.cap, body.longest_term_months)
    names = (body.code, unit, body.name_vi, body.name_en, body.valid_from, body.valid_to)
    try:
        await journal.record(conn, fact, INSERT, programme.id, *names, *terms, programme.recorded_at)
    except UniqueViolation:
        raise Conflict(
            Text("Đã công bố chương trình này từ ngày đó", "These terms were published for that day already"),
            slug="programme-published",
            faults=[Fault("/valid_from", "taken", Text("Đã có", "Taken"))],
        ) from None
    return programme
