"""What becomes of the rows of one chunk: found, enrolled by the API's own rules, remembered."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from contracts import units
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.db import Row as Record
from services.chassis.errors import Conflict, FaultOut, Text, Unavailable
from services.chassis.paging import fold
from services.chassis.reach import Reach
from services.chassis.sheets.sheet import Row
from services.members.branches import commands as branches
from services.members.branches.schemas import BranchIn
from services.members.imports import queries
from services.members.imports.mapping import Plan
from services.members.imports.schemas import Mode, RowFaultOut
from services.members.imports.values import Draft, Units, close, draft, unknown
from services.members.members.commands import enrol_many
from services.members.members.schemas import BatchIn

_BRANCH = re.compile(r"^chi hoi (phu nu )?")


@dataclass
class Task:
    """An import under way, as the importer needs it."""

    id: UUID
    actor: str
    language: str
    traceparent: str | None
    unit: str
    mode: Mode
    create_branches: bool
    default_unit: str | None
    default_branch: UUID | None
    row_at: int
    own: Mapping[str, Any]
    places: Units = field(init=False)
    reach: Reach = field(init=False)

    def __post_init__(self) -> None:
        self.reach = Reach(units.subtree(self.unit))
        self.places = Units(self.reach)


class Decision(NamedTuple):
    """What became of a row."""

    row: int
    verdict: str
    member: UUID | None
    key: bytes | None
    errors: list[RowFaultOut]


async def decide(conn: Connection, task: Task, plan: Plan, rows: Sequence[Row]) -> list[Decision]:
    """Decide up to 1,000 rows, in order. In mode `validate` only branches are written: the caller undoes it."""
    drafts = [draft(row, plan.columns, task.places) for row in rows]
    for each in drafts:
        if "unit" not in each.faults:
            each.unit = each.unit or task.default_unit or task.places.only
    await _take_turns(conn, sorted({each.unit for each in drafts if each.unit}))
    await _place(conn, task, drafts)
    keys = {each.number: key for each in drafts if (key := _key(each))}
    members = await queries.members_of(conn, list(keys.values()))
    seen = await queries.rows_before(conn, task.id, list(keys.values()))
    made: dict[int, Decision] = {}
    fresh: list[Draft] = []
    for each in drafts:
        key = keys.get(each.number)
        if key is None:
            fresh.append(each)
        elif (first := seen.setdefault(key, each.number)) != each.number:
            each.wrong(
                "name",
                "same_row",
                f"Trùng với dòng {first}: cùng tên, ngày sinh, chi hội, ngày vào Hội",
                f"Same as row {first}: name, birth, branch and day of joining",
            )
            made[each.number] = Decision(each.number, "refused", None, None, _errors(each, (), task, plan))
        elif key in members:
            made[each.number] = Decision(each.number, "unchanged", members[key], key, [])
        else:
            fresh.append(each)
    if fresh:
        body = BatchIn(items=[each.item for each in fresh], validate_only=task.mode == "validate")
        batch = await enrol_many(conn, task.reach, body, task.language)
        for each, verdict in zip(fresh, batch.items, strict=True):
            if verdict.verdict == "refused":
                errors = _errors(each, verdict.errors, task, plan)
                made[each.number] = Decision(each.number, "refused", None, None, errors)
            else:
                key = keys.get(each.number)
                made[each.number] = Decision(each.number, verdict.verdict, verdict.id, key, [])
    return [made[each.number] for each in drafts]


async def _take_turns(conn: Connection, communes: Sequence[str]) -> None:
    """One import at a time in each commune until the transaction ends: who comes second sees what the first wrote."""
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended('import ' || unit, 0)) from unnest($1::text[]) as unit", communes
    )


async def _place(conn: Connection, task: Task, drafts: Sequence[Draft]) -> None:
    """Find each row's branch, then its household; open branches that are missing if the import may."""
    directory = Directory(await queries.open_branches(conn, list({each.unit for each in drafts if each.unit})))
    missing: dict[tuple[str, str], list[Draft]] = {}
    for each in drafts:
        if "unit" in each.faults:
            continue
        if not each.branch and task.default_branch:
            each.item["branch"] = task.default_branch
        elif each.unit is None:
            each.wrong("unit", "missing", "Thiếu xã, phường", "The commune is missing")
        elif each.branch and each.unit and not directory.fill(each, each.unit):
            missing.setdefault((each.unit, fold(each.branch)), []).append(each)
    for (unit, _), lacking in missing.items():
        if task.create_branches:
            await _open(conn, task, unit, lacking)
            continue
        near = directory.near(unit, lacking[0].branch)
        for each in lacking:
            each.wrong("branch", *unknown("Không có chi hội này", "There is no such branch", near))
    await _settle(conn, [each for each in drafts if each.household])


async def _open(conn: Connection, task: Task, unit: str, lacking: Sequence[Draft]) -> None:
    """Open a branch, from the day the first of these rows joined."""
    days = [day for each in lacking if isinstance(day := each.item.get("joined_on"), date) and day <= today()]
    body = BranchIn(unit=unit, name=lacking[0].branch[:200], opened_on=min(days, default=today()))
    try:
        made = await branches.create(conn, task.reach, body)
    except Conflict:
        raise Unavailable(Text("Chi hội vừa được mở", "The branch was opened this moment")) from None
    for each in lacking:
        each.item["branch"] = made.id


async def _settle(conn: Connection, drafts: Sequence[Draft]) -> None:
    """Households by id, or by address within the branch."""
    if not drafts:
        return
    ids = [each.item["branch"] for each in drafts if isinstance(each.item.get("branch"), UUID)]
    found: dict[tuple[UUID, str], set[UUID]] = {}
    for row in await queries.households(conn, ids, [each.household.lower() for each in drafts]):
        for name in (str(row["id"]), row["address"]):
            found.setdefault((row["branch"], name), set()).add(row["id"])
    for each in drafts:
        if not isinstance(at := each.item.get("branch"), UUID):
            continue
        homes = found.get((at, each.household.lower()), set())
        if len(homes) == 1:
            (each.item["household"],) = homes
        elif homes:
            each.wrong("household", "ambiguous", "Có nhiều hộ như vậy trong chi hội", "Several such households")
        else:
            each.wrong("household", "unknown", "Không có hộ này trong chi hội", "No such household in the branch")


class Directory:
    """Open branches by commune and name: as written, or without the words Chi hội."""

    def __init__(self, rows: Sequence[Record]) -> None:
        self.names: dict[str, dict[str, str]] = {}
        self.ids: dict[tuple[str, str], set[UUID]] = {}
        for row in rows:
            folded = row["name_folded"]
            self.names.setdefault(row["unit"], {})[folded] = row["name"]
            for name in {folded, _BRANCH.sub("", folded)}:
                self.ids.setdefault((row["unit"], name), set()).add(row["id"])

    def fill(self, each: Draft, unit: str) -> bool:
        """Give the row its branch; False if there is none of the name."""
        folded = fold(each.branch)
        for name in (folded, _BRANCH.sub("", folded)):
            found = self.ids.get((unit, name), set())
            if len(found) == 1:
                (each.item["branch"],) = found
                return True
        return False

    def near(self, unit: str, name: str) -> list[str]:
        """Names of branches of the commune that are like this one."""
        names = self.names.get(unit, {})
        return [names[folded] for folded in close(fold(name), names)]


def _key(each: Draft) -> bytes | None:
    """What makes a row the same person: folded name, birth, branch, day of joining; None if one is not known."""
    name, branch, joined = (each.item.get(field) for field in ("name", "branch", "joined_on"))
    if each.faults or not (isinstance(branch, UUID) and isinstance(joined, date) and name):
        return None
    born = each.item.get("birth_date") or each.item.get("birth_year")
    return hashlib.sha256(f"{fold(name)}|{born}|{branch}|{joined}".encode()).digest()


def _errors(each: Draft, found: Sequence[FaultOut], task: Task, plan: Plan) -> list[RowFaultOut]:
    """What was found in the row's cells, then what the rules found in its other fields."""
    errors = [
        RowFaultOut(
            pointer=f"/{name}",
            code=mistake.code,
            message=mistake.text.spoken(task.language),
            column=plan.heading_of(name),
        )
        for name, mistake in each.faults.items()
    ]
    hidden = {*each.faults, *(("branch",) if "unit" in each.faults else ())}
    for fault in found:
        name = fault.pointer.strip("/").partition("/")[0]
        if name not in hidden:
            column = plan.heading_of(*([name] if name else ["birth_date", "birth_year"]))
            errors.append(RowFaultOut(**fault.model_dump(), column=column))
    return errors
