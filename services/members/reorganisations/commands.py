"""Writes of reorganisation plans: draft, apply, reverse."""

from collections.abc import Set
from typing import Any, TypeVar
from uuid import UUID

from pydantic_core import to_json

from contracts import units
from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Conflict, Fault, Stale, Text, Unprocessable, invalid
from services.members.reorganisations import queries
from services.members.reorganisations.carrying import carry
from services.members.reorganisations.course import course, faults, resolved
from services.members.reorganisations.locks import alone
from services.members.reorganisations.obstacles import against
from services.members.reorganisations.schemas import Mapping, PlanIn, PlanOut, PlanPatch
from services.members.reorganisations.undoing import undo

COLUMNS = (
    *("id", "province", "name", "decision", "effective_on", "mappings", "names", "state", "applied_at", "reversed_at"),
    *("version", "recorded_at"),
)
Plan = TypeVar("Plan", bound=PlanIn)
SHOWN = 20
"""How many obstacles an answer lists."""


async def create(conn: Connection, province: str, reach: Set[str], body: PlanIn, lineage: str | None) -> PlanOut:
    """Keep a draft; of a province's reform of 2025-07-01 as the lineage of units tells it, if that is asked for.

    422 names each unit that is none, is not the caller's, or was not in force.
    """
    if lineage is not None:
        body = _of_lineage(reach, body, lineage)
    plan = PlanOut(
        **_checked(body, reach).model_dump(by_alias=True),
        id=journal.new_id(),
        province=province,
        state="draft",
        applied_at=None,
        reversed_at=None,
        version=1,
        recorded_at=journal.now(),
    )
    await conn.copy_records_to_table("reorganisation", records=[_row(plan)], columns=COLUMNS)
    return plan


def _of_lineage(reach: Set[str], body: PlanIn, province: str) -> PlanIn:
    """The plan with every unit of before that has successors: whole pairs complete, of the others no branch named."""
    if province not in reach or not units.children(province):
        raise invalid("query:from_lineage", "unknown", "Không có tỉnh này", "There is no such province")
    if body.mappings:
        text = "Lấy theo diễn biến địa giới thì không nêu", "Not together with from_lineage"
        raise invalid("/mappings", "given", *text)
    mappings = [
        Mapping(origin=pair.legacy.key, to=pair.successor.code, extent=pair.extent)
        for unit in units.former(province)
        for pair in units.successors(unit.code)
    ]
    return body.model_copy(update={"mappings": mappings})


def _checked(body: Plan, reach: Set[str]) -> Plan:
    """The plan with the keys of its units, or 422."""
    if found := list(faults(body, reach)):
        raise Unprocessable(faults=found)
    return body.model_copy(update={"mappings": resolved(body)})


async def change(
    conn: Connection, province: str, reach: Set[str], plan_id: UUID, version: int, body: PlanPatch
) -> PlanOut:
    """Change a draft. 409 if it was applied, 412 if it is no longer at `version`."""
    plan = await _locked(conn, province, plan_id, version, "draft")
    given = {name: getattr(body, name) for name in body.model_fields_set if getattr(body, name) is not None}
    return await _store(conn, _checked(plan.model_copy(update=given), reach))


async def apply(conn: Connection, province: str, plan_id: UUID, version: int) -> PlanOut:
    """Carry everything the plan says, in the caller's transaction: all of it or nothing.

    409 before its day, or while a branch is unmapped or anything else stands against it. Reads go on as they were;
    movement, and writes of branches and of what goes, wait.
    """
    await alone(conn)
    plan = await _locked(conn, province, plan_id, version, "draft")
    if plan.effective_on > today():
        text = Text("Chưa đến ngày hiệu lực", "Its day has not come")
        raise Conflict(text, slug="plan-not-yet", faults=[Fault("/effective_on", "future", text)])
    origins = list({mapping.origin for mapping in plan.mappings})
    await conn.execute("select from branch where unit = any($1) order by id for update", origins)
    whole = await queries.expanded(conn, plan)
    found = await queries.branches(conn, plan)
    way = course(whole, found)
    obstacles = await against(conn, whole, found, way)
    if way.unmapped or obstacles or not plan.mappings:
        raise _incomplete([branch.id for branch in way.unmapped], obstacles)
    await carry(conn, plan, found, way)
    return await _store(conn, plan.model_copy(update={"state": "applied", "applied_at": journal.now()}))


async def reverse(conn: Connection, province: str, plan_id: UUID, version: int) -> PlanOut:
    """Take everything back to where it was. 409 names what has changed since, or has been added, and so forbids it."""
    await alone(conn)
    plan = await _locked(conn, province, plan_id, version, "applied")
    await undo(conn, plan)
    return await _store(conn, plan.model_copy(update={"state": "reversed", "reversed_at": journal.now()}))


def _incomplete(unmapped: list[UUID], obstacles: list[Fault]) -> Conflict:
    text = Text("Chi hội chưa được nêu trong phương án", "The plan does not say where the branch goes")
    found = [*obstacles, *(Fault(f"/unmapped/{branch}", "unmapped", text) for branch in unmapped)]
    return Conflict(
        Text("Phương án chưa đầy đủ: xem trước để sửa", "The plan is not complete: its preview says what is missing"),
        slug="plan-incomplete",
        faults=found[:SHOWN],
        obstacles=len(found),
    )


async def _locked(conn: Connection, province: str, plan_id: UUID, version: int, state: str) -> PlanOut:
    """The plan, locked. 404, 412 if it is no longer at `version`, 409 if it is in another state."""
    await conn.execute("select from reorganisation where id = $1 for update", plan_id)
    plan = await queries.get(conn, province, plan_id)
    if plan.state != state:
        text = Text(f"Phương án đang ở trạng thái {plan.state}", f"The plan is {plan.state}, not {state}")
        raise Conflict(text, slug=f"plan-{plan.state}")
    if plan.version != version:
        raise Stale
    return plan


async def _store(conn: Connection, plan: PlanOut) -> PlanOut:
    """Write the plan's next version; its row is locked."""
    plan = plan.model_copy(update={"version": plan.version + 1, "recorded_at": journal.now()})
    await conn.execute(
        """
        update reorganisation set
            (id, province, name, decision, effective_on, mappings, names, state, applied_at, reversed_at, version,
             recorded_at) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        where id = $1
        """,
        *_row(plan),
    )
    return plan


def _row(plan: PlanOut) -> tuple[Any, ...]:
    """A plan in the order of COLUMNS."""
    values: dict[str, Any] = plan.model_dump(exclude={"mappings", "names"}) | {
        "mappings": to_json(plan.mappings, by_alias=True).decode(),
        "names": to_json(plan.names).decode(),
    }
    return tuple(values[name] for name in COLUMNS)
