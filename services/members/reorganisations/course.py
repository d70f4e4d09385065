"""What a plan does with each branch: pure rules."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from contracts import units
from services.chassis.errors import Fault, Text
from services.chassis.paging import fold
from services.members.reorganisations.schemas import Mapping, PlanIn, Split


class Branch(NamedTuple):
    """A branch as it stands."""

    id: UUID
    unit: str
    name: str
    closed: bool


class Opened(NamedTuple):
    """A branch to be opened in another unit for what is split off from one."""

    split: Split
    origin: str
    to: str
    name: str


class Course(NamedTuple):
    """Where branches go (`to`, by id), what is opened and renamed, and why it cannot be done as it stands."""

    to: dict[UUID, str]
    opened: list[Opened]
    renamed: dict[UUID, str]
    unmapped: list[Branch]
    obstacles: list[Fault]


def named(split: Split) -> tuple[UUID, ...]:
    """Every id a split names."""
    return (*split.groups, *split.households, *split.members)


def resolved(plan: PlanIn) -> list[Mapping]:
    """The plan's mappings with the key of each unit of before."""
    return [
        mapping.model_copy(update={"origin": unit.key if (unit := before(plan, mapping)) else mapping.origin})
        for mapping in plan.mappings
    ]


def before(plan: PlanIn, mapping: Mapping) -> units.Unit | None:
    """The unit that goes: a bare code names that of the day before."""
    return units.find(mapping.origin, plan.effective_on - timedelta(days=1))


def faults(plan: PlanIn, reach: Set[str]) -> Iterator[Fault]:
    """What is wrong with a plan whatever the records are: units that are none, or none of the caller's, or not then."""
    pairs: dict[str, list[tuple[int, Mapping]]] = defaultdict(list)
    for number, mapping in enumerate(plan.mappings):
        origin, to = before(plan, mapping), units.find(mapping.to)
        for field, code, vi, en in _unit_faults(plan, reach, origin, to):
            yield Fault(f"/mappings/{number}/{field}", code, Text(vi, en))
        if mapping.extent == "whole" and (mapping.branches or mapping.splits):
            text = Text("Chỉ nêu chi hội khi chuyển một phần", "Branches are named of a unit that goes in part")
            yield Fault(f"/mappings/{number}/extent", "whole", text)
        if origin:
            pairs[origin.key].append((number, mapping))
    for (_, first), *others in pairs.values():
        for number, mapping in others:
            if "whole" in (mapping.extent, first.extent) or mapping.to == first.to:
                text = Text("Đơn vị đã có trong phương án", "The plan says already where it goes")
                yield Fault(f"/mappings/{number}/from", "twice", text)


def _unit_faults(
    plan: PlanIn, reach: Set[str], origin: units.Unit | None, to: units.Unit | None
) -> Iterator[tuple[str, str, str, str]]:
    if origin is None or origin.key not in reach:
        yield "from", "unknown", "Không có đơn vị này", "There is no such unit"
    elif origin.valid_to and origin.valid_to >= plan.effective_on:
        yield "from", "in_force", "Khi đó còn hiệu lực", "Still in force on that day"
    if to is None or to.code not in reach:
        yield "to", "unknown", "Không có đơn vị này", "There is no such unit"
    elif to.valid_from and to.valid_from > plan.effective_on:
        yield "to", "not_in_force", "Khi đó chưa có hiệu lực", "Not yet in force on that day"
    elif origin and to.key == origin.key:
        yield "to", "same", "Trùng đơn vị cũ", "The unit itself"


def course(plan: PlanIn, branches: Sequence[Branch]) -> Course:
    """What becomes of `branches`: all of the units that go, and the open ones of those they go into."""
    there = {branch.id: branch for branch in branches}
    of_unit: dict[str, set[UUID]] = defaultdict(set)
    for branch in branches:
        of_unit[branch.unit].add(branch.id)
    to: dict[UUID, str] = {}
    opened: list[Opened] = []
    obstacles: list[Fault] = []
    for number, mapping in enumerate(plan.mappings):
        own = of_unit[mapping.origin]
        if mapping.extent == "whole":
            to |= dict.fromkeys(own, mapping.to)
        for place, named in enumerate(mapping.branches):
            if named not in own:
                obstacles.append(_no_branch(f"/mappings/{number}/branches/{place}"))
            elif named in to:
                text = Text("Chi hội đã được nêu", "The branch is named already")
                obstacles.append(Fault(f"/mappings/{number}/branches/{place}", "twice", text))
            else:
                to[named] = mapping.to
        for place, split in enumerate(mapping.splits):
            if split.branch not in own or there[split.branch].closed:
                obstacles.append(_no_branch(f"/mappings/{number}/splits/{place}/branch"))
            else:
                name = split.name or there[split.branch].name
                opened.append(Opened(split, mapping.origin, mapping.to, name))
    ending = {mapping.origin for mapping in plan.mappings if "@" in mapping.origin}
    unmapped = [branch for branch in branches if branch.unit in ending and branch.id not in to]
    renamed, opened, clashes = _names(plan, branches, to, opened)
    return Course(to, opened, renamed, unmapped, obstacles + clashes)


def _no_branch(pointer: str) -> Fault:
    text = Text("Không có chi hội này trong đơn vị cũ", "There is no such branch in the unit")
    return Fault(pointer, "unknown", text)


def _names(
    plan: PlanIn, branches: Sequence[Branch], to: dict[UUID, str], opened: Sequence[Opened]
) -> tuple[dict[UUID, str], list[Opened], list[Fault]]:
    """Open branches of one unit have different names: who comes with a name that is there takes her old unit's too."""
    chosen = {naming.branch: naming.name for naming in plan.names}
    pointers = {naming.branch: f"/names/{number}/name" for number, naming in enumerate(plan.names)}
    coming: dict[str, list[tuple[UUID | Opened, str, str]]] = defaultdict(list)
    taken: dict[str, set[str]] = defaultdict(set)
    for branch in branches:
        if branch.id in to and not branch.closed:
            coming[to[branch.id]].append((branch.id, chosen.get(branch.id, branch.name), branch.unit))
        elif not branch.closed:
            taken[branch.unit].add(fold(branch.name))
    for each in opened:
        coming[each.to].append((each, each.name, each.origin))
    renamed: dict[UUID, str] = {}
    final: list[Opened] = []
    clashes: list[Fault] = []
    for unit, arriving in coming.items():
        wanted = [fold(name) for _, name, _ in arriving]
        for who, name, origin in arriving:
            if wanted.count(fold(name)) > 1 or fold(name) in taken[unit]:
                if not isinstance(who, Opened) and who in chosen:
                    text = Text("Tên đã được dùng", "Name already used")
                    clashes.append(Fault(pointers[who], "taken", text))
                    continue
                name = _free(f"{name} ({_short(origin)})", {*wanted, *taken[unit]})
            taken[unit].add(fold(name))
            if isinstance(who, Opened):
                final.append(who._replace(name=name))
            else:
                renamed[who] = name
    names = {branch.id: branch.name for branch in branches}
    return {who: name for who, name in renamed.items() if names[who] != name}, final, clashes


def _free(name: str, taken: Set[str]) -> str:
    """The name, or the first of `name 2`, `name 3` … that is free."""
    number, found = 1, name
    while fold(found) in taken:
        number += 1
        found = f"{name} {number}"
    return found


def _short(key: str) -> str:
    """A unit's name without what kind of unit it is; its code if the name is not known."""
    unit = units.known()[key]
    return re.sub(r"^(Phường|Xã|Thị trấn|Đặc khu) ", "", unit.name) or unit.code
