"""Writes of use-of-funds checks: what was found of a disbursement, and what became of misuse."""

from datetime import date, timedelta
from uuid import UUID

from contracts.loans import LoanChecked
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Conflict, Stale, Text, invalid
from services.chassis.reach import Reach
from services.loans.checks import queries
from services.loans.checks.course import Done
from services.loans.checks.schemas import CheckOut, FollowUpIn, ResultIn, ResultPatch
from services.loans.entries import commands as entries
from services.loans.parameters import parameter

FOUND = ("done_on", "result", "bought", "evidence", "follow_up_due_on", "settled_on", "outcome", "finding")
UPSERT = """
insert into use_check (done_on, result, bought, evidence, follow_up_due_on, settled_on, outcome, finding,
                       disbursement, version, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (disbursement) do update set
    (done_on, result, bought, evidence, follow_up_due_on, settled_on, outcome, finding, version, recorded_at)
    = ($1, $2, $3, $4, $5, $6, $7, $8, $10, $11)
"""


async def record(conn: Connection, reach: Reach, check_id: UUID, version: int, body: ResultIn) -> CheckOut:
    """Record what a check found. 409 if it is done already, 412 if it is not at `version`."""
    held, check = await _hold(conn, reach, check_id, version)
    if check.done_on is not None:
        raise Conflict(Text("Đã kiểm tra", "The check is done already"), slug="check-done")
    return await _found(conn, reach, held, check.model_copy(update=body.model_dump()))


async def correct(conn: Connection, reach: Reach, check_id: UUID, version: int, body: ResultPatch) -> CheckOut:
    """Put right what was recorded. 409 if it is not done yet, or its follow-up is; 412 if it is not at `version`."""
    held, check = await _hold(conn, reach, check_id, version)
    if check.done_on is None:
        raise Conflict(Text("Chưa kiểm tra", "The check is not done yet"), slug="check-not-done")
    if check.outcome is not None:
        raise Conflict(Text("Đã theo dõi xong", "Its follow-up is done already"), slug="follow-up-done")
    said = body.model_dump(exclude_unset=True, exclude_none=True)
    if said.get("result", "misused") != "misused":
        said.setdefault("follow_up_due_on", None)
    return await _found(conn, reach, held, check.model_copy(update=said))


async def follow_up(conn: Connection, reach: Reach, check_id: UUID, version: int, body: FollowUpIn) -> CheckOut:
    """Record what became of misuse. 409 if none is open, 412 if the check is not at `version`."""
    held, check = await _hold(conn, reach, check_id, version)
    if check.state != "follow_up" or check.done_on is None:
        raise Conflict(Text("Không có việc cần theo dõi", "There is nothing to follow up"), slug="no-follow-up")
    _check_day("/settled_on", body.settled_on, check.done_on)
    return await _keep(conn, reach, held, check.model_copy(update=body.model_dump()), body.settled_on)


async def _hold(conn: Connection, reach: Reach, check_id: UUID, version: int) -> tuple[entries.Held, CheckOut]:
    """Lock the loan of a check. 404 outside `reach`, 412 if the check is not at `version`."""
    held = await entries.hold(conn, reach, (await queries.get(conn, reach, check_id)).loan)
    check = await queries.get(conn, reach, check_id)
    if check.version != version:
        raise Stale
    return held, check


async def _found(conn: Connection, reach: Reach, held: entries.Held, check: CheckOut) -> CheckOut:
    """Keep what a check found. 422 for a day before the money, or to come; for a follow-up that cannot be."""
    assert check.done_on is not None, "it is done"
    _check_day("/done_on", check.done_on, check.disbursed_on)
    again = check.follow_up_due_on
    if check.result == "misused":
        again = again or check.done_on + timedelta(days=parameter("check.follow_up_days", check.done_on))
        if again <= check.done_on:
            raise invalid("/follow_up_due_on", "before_check", "Phải sau ngày kiểm tra", "Must be after the check")
    elif again is not None:
        raise invalid("/follow_up_due_on", "no_misuse", "Chỉ khi sai mục đích", "Of misuse only")
    return await _keep(conn, reach, held, check.model_copy(update={"follow_up_due_on": again}), check.done_on)


async def _keep(conn: Connection, reach: Reach, held: entries.Held, check: CheckOut, on: date) -> CheckOut:
    """Write a check over its version, and journal its loan."""
    values = check.model_dump(include=set(FOUND))
    await conn.execute(UPSERT, *(values[name] for name in FOUND), check.id, check.version + 1, journal.now())
    held = held._replace(checks={**held.checks, check.id: Done(*(values[name] for name in Done._fields))})
    await entries.restate(conn, held, held.entries, held.balances, LoanChecked, on)
    return await queries.get(conn, reach, check.id)


def _check_day(pointer: str, day: date, earliest: date) -> None:
    if not earliest <= day <= today():
        raise invalid(pointer, "outside", f"Từ {earliest:%d/%m/%Y} đến hôm nay", f"From {earliest} to today")
