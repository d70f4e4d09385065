"""What becomes of the rows of one chunk: found, enrolled by the API's own rules, remembered."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
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
from services.chassis.sheets.headings import Plan
from services.chassis.sheets.sheet import Row
from services.chassis.vault import Vault
from services.members.branches import commands as branches
from services.members.branches.schemas import BranchIn
from services.members.imports import queries
from services.members.imports.schemas import Mode, RowFaultOut
from services.members.imports.values import Draft, Units, close, draft, unknown
from services.members.members.commands import enrol_many
from services.members.members.schemas import BatchIn

_BRANCH, _GROUP = (re.compile(rf"^{word} (phu nu )?") for word in ("chi hoi", "to"))


@dataclass
class Task:
    """An import under way, as the importer needs it."""

    id: UUID
    actor: str
    language: str
    traceparent: str | None
    unit: str
    branch: UUID | None
    mode: Mode
    create_branches: bool
    default_unit: str | None
    default_branch: UUID | None
    row_at: int
    own: Mapping[str, Any]
    went: Mapping[str, Collection[str]]
    places: Units = field(init=False)
    reach: Reach = field(init=False)

    def __post_init__(self) -> None:
        self.reach = Reach(units.subtree(self.unit), self.branch)
        self.places = Units(self.reach.units, self.went)


class Decision(NamedTuple):
    """What became of a row."""

    row: int
    verdict: str
    member: UUID | None = None
    key: bytes | None = None
    citizen: bytes | None = None
    errors: Sequence[RowFaultOut] = ()
    warnings: Sequence[RowFaultOut] = ()


async def decide(
    conn: Connection, task: Task, plan: Plan, rows: Sequence[Row], keys: str | None = None
) -> list[Decision]:
    """Decide up to 1,000 rows, in order; `keys` are the vault's.

    In mode `validate` only branches are written: the caller undoes it.
    """
    vault = await Vault.load(conn, keys) if keys else None
    drafts = [draft(row, plan.columns, task.places) for row in rows]
    for each in drafts:
        if "unit" not in each.faults:
            each.unit = each.unit or task.default_unit or task.places.only
    await _take_turns(conn, sorted({each.unit for each in drafts if each.unit}))
    await _place(conn, task, drafts)
    for each in drafts:
        each.citizen = _citizen(each, vault)
        each.key = _key(each)
    made = await _recognised(conn, task, plan, drafts)
    if fresh := [each for each in drafts if each.number not in made]:
        made |= await _enrolled(conn, task, plan, fresh, vault)
    return [made[each.number] for each in drafts]


async def _recognised(conn: Connection, task: Task, plan: Plan, drafts: Sequence[Draft]) -> dict[int, Decision]:
    """Rows of who is in already, or stands in the file before. Citizen numbers of earlier rows are noted as faults."""
    keys = [each.key for each in drafts if each.key]
    seen = await queries.rows_before(conn, task.id, keys)
    holders = await queries.holders(conn, task.id, [each.citizen for each in drafts if each.citizen])
    members = await queries.members_of(conn, keys)
    news = [_person(each) for each in drafts if each.key and each.key not in members]
    known = await queries.known(conn, task.reach, task.id, news)
    made: dict[int, Decision] = {}
    for each in drafts:
        if each.key and (first := seen.setdefault(each.key, each.number)) != each.number:
            each.wrong(
                "name",
                "same_row",
                f"Trùng với dòng {first}: cùng tên, ngày sinh, chi hội, ngày vào Hội",
                f"Same as row {first}: name, birth, branch and day of joining",
            )
            made[each.number] = Decision(each.number, "refused", None, each.key, errors=_errors(each, (), task, plan))
        elif each.key and (member := members.get(each.key) or known.get(each.number)):
            made[each.number] = Decision(each.number, "unchanged", member, each.key)
        elif each.citizen and (holder := holders.get(each.citizen)):
            text = f"Số định danh trùng với dòng {holder}", f"Row {holder} has this citizen number"
            each.wrong("citizen_number", "taken", *text)
    return made


async def _enrolled(
    conn: Connection, task: Task, plan: Plan, fresh: Sequence[Draft], vault: Vault | None
) -> dict[int, Decision]:
    """What the API's own rules make of these rows."""
    body = BatchIn(items=[each.item for each in fresh], validate_only=task.mode == "validate")
    batch = await enrol_many(conn, task.reach, body, task.language, vault)
    made: dict[int, Decision] = {}
    for each, verdict in zip(fresh, batch.items, strict=True):
        if verdict.verdict == "refused":
            errors = _errors(each, verdict.errors, task, plan)
            made[each.number] = Decision(each.number, "refused", None, each.key, errors=errors)
        else:
            doubts = _in_columns(verdict.warnings, plan) if verdict.warnings else ()
            who = verdict.id, each.key, each.citizen
            made[each.number] = Decision(each.number, verdict.verdict, *who, warnings=doubts)
    return made


async def _take_turns(conn: Connection, communes: Sequence[str]) -> None:
    """One import at a time in each commune until the transaction ends: who comes second sees what the first wrote."""
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended('import ' || unit, 0)) from unnest($1::text[]) as unit", communes
    )


async def _place(conn: Connection, task: Task, drafts: Sequence[Draft]) -> None:
    """Find each row's branch, then its group and household; open branches that are missing if the import may."""
    communes = list({each.unit for each in drafts if each.unit})
    directory = Directory(await queries.open_branches(conn, task.reach, communes), _BRANCH)
    missing: dict[tuple[str, str], list[Draft]] = {}
    for each in drafts:
        if "unit" in each.faults:
            continue
        if not each.branch and task.default_branch:
            each.item["branch"] = task.default_branch
        elif each.unit is None:
            each.wrong("unit", "missing", "Thiếu xã, phường", "The commune is missing")
        elif each.branch and (found := directory.find(each.unit, each.branch)):
            each.item["branch"] = found
        elif each.branch:
            missing.setdefault((each.unit, fold(each.branch)), []).append(each)
    for (unit, _), lacking in missing.items():
        if task.create_branches:
            await _open(conn, task, unit, lacking)
            continue
        near = directory.near(unit, lacking[0].branch)
        for each in lacking:
            each.wrong("branch", *unknown("Không có chi hội này", "There is no such branch", near))
    placed = [each for each in drafts if isinstance(each.item.get("branch"), UUID)]
    await _settle(conn, [each for each in placed if each.household])
    await _gather(conn, [each for each in placed if each.group])


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
    ids = [each.item["branch"] for each in drafts]
    found: dict[tuple[UUID, str], set[UUID]] = {}
    for row in await queries.households(conn, ids, [each.household.lower() for each in drafts]):
        for name in (str(row["id"]), row["address"]):
            found.setdefault((row["branch"], name), set()).add(row["id"])
    for each in drafts:
        homes = found.get((each.item["branch"], each.household.lower()), set())
        if len(homes) == 1:
            (each.item["household"],) = homes
        elif homes:
            each.wrong("household", "ambiguous", "Có nhiều hộ như vậy trong chi hội", "Several such households")
        else:
            each.wrong("household", "unknown", "Không có hộ này trong chi hội", "No such household in the branch")


async def _gather(conn: Connection, drafts: Sequence[Draft]) -> None:
    """Groups by name or id within the branch."""
    if not drafts:
        return
    directory = Directory(await queries.open_groups(conn, list({each.item["branch"] for each in drafts})), _GROUP)
    for each in drafts:
        if found := directory.find(each.item["branch"], each.group):
            each.item["group"] = found
        else:
            near = directory.near(each.item["branch"], each.group)
            each.wrong("group", *unknown("Chi hội không có tổ này", "The branch has no such group", near))


class Directory:
    """Open branches by commune, or groups by branch: by id, by name as written or without the `words` in front."""

    def __init__(self, rows: Sequence[Record], words: re.Pattern[str]) -> None:
        self.words = words
        self.names: dict[str | UUID, dict[str, str]] = {}
        self.ids: dict[tuple[str | UUID, str], set[UUID]] = {}
        for row in rows:
            folded = row["name_folded"]
            self.names.setdefault(row["place"], {})[folded] = row["name"]
            for name in {str(row["id"]), folded, words.sub("", folded)}:
                self.ids.setdefault((row["place"], name), set()).add(row["id"])

    def find(self, place: str | UUID, written: str) -> UUID | None:
        """The one in this place that is called so."""
        folded = fold(written)
        for name in (folded, self.words.sub("", folded)):
            found = self.ids.get((place, name), set())
            if len(found) == 1:
                return next(iter(found))
        return None

    def near(self, place: str | UUID, written: str) -> list[str]:
        """Names in this place that are like this one."""
        names = self.names.get(place, {})
        return [names[folded] for folded in close(fold(written), names)]


def _citizen(each: Draft, vault: Vault | None) -> bytes | None:
    """What finds the row's citizen number."""
    number = each.item.get("citizen_number")
    return vault.index(number, "citizen_number") if vault and isinstance(number, str) else None


def _key(each: Draft) -> bytes | None:
    """What makes a row the same person: folded name, birth, branch, day of joining, citizen number if there is one.

    None if she, or where she belongs, is not known.
    """
    name, branch, joined = (each.item.get(field) for field in ("name", "branch", "joined_on"))
    if each.faults or not (isinstance(branch, UUID) and isinstance(joined, date) and name):
        return None
    born = each.item.get("birth_date") or each.item.get("birth_year")
    return hashlib.sha256(f"{fold(name)}|{born}|{branch}|{joined}".encode() + (each.citizen or b"")).digest()


def _person(each: Draft) -> tuple[Any, ...]:
    """A row as `queries.known` asks for it."""
    item = each.item
    born = item.get("birth_date")
    year = born.year if born else item.get("birth_year")
    who = fold(item["name"]), born, year, item["branch"], item["joined_on"]
    return (each.number, *who, each.citizen, item.get("card_number"))


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
    return errors + [fault for fault in _in_columns(found, plan) if _field(fault) not in hidden]


def _in_columns(found: Sequence[FaultOut], plan: Plan) -> list[RowFaultOut]:
    """Each with the heading of its column; what is about the whole row is about the birth."""
    return [
        RowFaultOut(
            **fault.model_dump(),
            column=plan.heading_of(*([name] if (name := _field(fault)) else ["birth_date", "birth_year"])),
        )
        for fault in found
    ]


def _field(fault: FaultOut) -> str:
    return fault.pointer.strip("/").partition("/")[0]
