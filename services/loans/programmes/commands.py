"""Writes of programmes."""

from contracts.loans import ProgrammePublished
from services.chassis import journal
from services.chassis.db import Connection, UniqueViolation
from services.chassis.errors import Conflict, Fault, NotFound, Text, Unprocessable
from services.loans.programmes.queries import get, in_force
from services.loans.programmes.schemas import ProgrammeIn, ProgrammeOut, Terms

PROVINCE_DIGITS = 2
INSERT = """
insert into programme (id, code, province, name_vi, name_en, valid_from, valid_to, overdue_rate_percent, cap,
                       longest_term_months, terms, version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12) returning 1
"""


async def publish(conn: Connection, unit: str, body: ProgrammeIn) -> ProgrammeOut:
    """Publish terms for the caller's province. 404 for a caller who is not the province's; 409 if published."""
    if len(unit) != PROVINCE_DIGITS:
        raise NotFound
    if faults := [*_faults(body), *await _rate_faults(conn, unit, body)]:
        raise Unprocessable(faults=faults)
    programme_id = journal.new_id()
    event = ProgrammePublished.model_validate(body.model_dump(), extra="ignore")
    fact = journal.Fact(event, programme_id, 1, body.valid_from, unit, None)
    names = (body.code, unit, body.name_vi, body.name_en, body.valid_from, body.valid_to)
    terms = (body.overdue_rate_percent, body.cap, body.longest_term_months)
    kept = body.model_dump_json(include=set(Terms.model_fields))
    try:
        await journal.record(conn, fact, INSERT, programme_id, *names, *terms, kept, journal.now())
    except UniqueViolation:
        raise Conflict(
            Text("Đã công bố chương trình này từ ngày đó", "These terms were published for that day already"),
            slug="programme-published",
            faults=[Fault("/valid_from", "taken", Text("Đã có", "Taken"))],
        ) from None
    return await get(conn, unit, programme_id)


def _faults(body: ProgrammeIn) -> list[Fault]:
    """What contradicts itself."""
    found = []
    if body.valid_to and body.valid_to < body.valid_from:
        found.append(Fault("/valid_to", "before_start", Text("Trước ngày bắt đầu", "Before the first day")))
    if (body.annual_rate_ppm is None) == (body.rate_of is None):
        text = Text("Cần đúng một trong hai: lãi suất hoặc tỷ lệ", "Exactly one of a rate and `rate_of` is needed")
        found.append(Fault("/annual_rate_ppm", "one_of", text))
    for name in ("conditions", "papers"):
        codes = [each.code for each in getattr(body, name)]
        if len(codes) != len(set(codes)):
            found.append(Fault(f"/{name}", "twice", Text("Có mã trùng nhau", "A code stands twice")))
    return found


async def _rate_faults(conn: Connection, province: str, body: ProgrammeIn) -> list[Fault]:
    """A rate can depend on a programme in force that has one of its own."""
    if body.rate_of is None:
        return []
    base = await in_force(conn, province, body.valid_from, body.rate_of.programme)
    if base and base[0].rate_of is None and body.rate_of.programme != body.code:
        return []
    text = Text("Chương trình gốc chưa có hiệu lực", "No programme with a rate of its own is in force that day")
    return [Fault("/rate_of/programme", "not_in_force", text)]
