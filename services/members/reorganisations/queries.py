"""Reads of reorganisation plans, and of what they move."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import TypeAdapter

from services.chassis.db import Connection, Row
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.members.populations import queries as populations
from services.members.reorganisations import schemas
from services.members.reorganisations.course import Branch, Course, course
from services.members.reorganisations.obstacles import against
from services.members.reorganisations.rows import GOES, going
from services.members.reorganisations.schemas import (
    BranchRefOut,
    FiguresOut,
    Kind,
    ObstacleOut,
    PairOut,
    PlanOut,
    PlanWomenOut,
    PreviewOut,
    RecordOut,
    RenamedOut,
    Split,
)
from services.members.reorganisations.women import touched, women

MAPPINGS, NAMES = TypeAdapter(list[schemas.Mapping]), TypeAdapter(list[schemas.Naming])
MEMBERS = """
    count(*) filter (where m.status = 'active') as "members.active",
    count(*) filter (where m.status = 'active' and m.ethnicity <> '01') as "members.minority",
    count(*) filter (where m.status = 'active' and m.core) as "members.core",
    count(*) filter (where m.status = 'active' and m.kind = 'honorary') as "members.honorary"
"""
HOUSEHOLDS = """
    count(*) as "members.households", count(*) filter (where m.timeline -> -1 ->> 'poverty_status' = 'poor')
        as "members.households_poor"
"""
FIGURES = (
    *("members.active", "members.minority", "members.core", "members.honorary"),
    *("members.households", "members.households_poor"),
)
COUNTED = {"branches", "groups", "households", "members"}
"""Figures of today, by the names of their indicators."""


class Went(NamedTuple):
    """Where a unit of before went, and when."""

    to: str
    since: date


def out(row: Row) -> PlanOut:
    """A `reorganisation` row as the door shows it."""
    read = {"mappings": MAPPINGS.validate_json(row["mappings"]), "names": NAMES.validate_json(row["names"])}
    return PlanOut.model_validate({**dict(row), **read}, extra="ignore")


async def get(conn: Connection, province: str, plan_id: UUID) -> PlanOut:
    """One plan of the province, or 404."""
    row = await conn.fetchrow("select * from reorganisation where id = $1 and province = $2", plan_id, province)
    if row is None:
        raise NotFound
    return out(row)


async def find(conn: Connection, province: str, limit: int, cursor: str | None) -> Page[PlanOut]:
    """The province's plans, newest first."""
    start = after(cursor, UUID)
    rows = await conn.fetch(
        """
        select * from reorganisation where province = $1 and ($2::uuid is null or id < $2)
        order by id desc limit $3
        """,
        province,
        start[0] if start else None,
        limit + 1,
    )
    page, following = page_of(rows, limit, lambda row: (row["id"],))
    return Page(items=[out(row) for row in page], next_cursor=following)


async def successors(conn: Connection, key: str) -> list[Went]:
    """Where a unit of before went by the plans that are applied: several if it was split, none if none says so."""
    rows = await conn.fetch(
        """
        select distinct mapping ->> 'to' as unit_to, effective_on
        from reorganisation, json_array_elements(mappings) as mapping
        where state = 'applied' and mapping ->> 'from' = $1
        order by unit_to
        """,
        key,
    )
    return [Went(row["unit_to"], row["effective_on"]) for row in rows]


async def went(conn: Connection, province: str) -> dict[str, list[str]]:
    """Where the units of a province went by its plans that are applied, by key."""
    query = """
        select mapping ->> 'from' as unit_from, array_agg(distinct mapping ->> 'to') as units_to
        from reorganisation, json_array_elements(mappings) as mapping
        where state = 'applied' and province = $1 group by 1
    """
    return {row["unit_from"]: row["units_to"] for row in await conn.fetch(query, province)}


async def branches(conn: Connection, plan: PlanOut) -> list[Branch]:
    """Branches of the units that go, and the open ones of those they go into."""
    rows = await conn.fetch(
        """
        select id, unit, name, closed_on is not null as closed from branch
        where unit = any($1) or unit = any($2) and closed_on is null
        order by id
        """,
        list({mapping.origin for mapping in plan.mappings}),
        list({mapping.to for mapping in plan.mappings}),
    )
    return [Branch(*row) for row in rows]


async def expanded(conn: Connection, plan: PlanOut) -> PlanOut:
    """The plan with the households of the members of groups that splits name."""
    groups = [group for mapping in plan.mappings for split in mapping.splits for group in split.groups]
    homes: dict[UUID, list[UUID]] = defaultdict(list)
    for row in await conn.fetch(
        """select distinct "group", household from member where "group" = any($1) and household is not null""", groups
    ):
        homes[row["group"]].append(row["household"])

    def whole(split: Split) -> Split:
        found = dict.fromkeys([*split.households, *(home for group in split.groups for home in homes[group])])
        return split.model_copy(update={"households": list(found)})

    mappings = [m.model_copy(update={"splits": [whole(split) for split in m.splits]}) for m in plan.mappings]
    return plan.model_copy(update={"mappings": mappings})


async def preview(conn: Connection, plan: PlanOut, language: str) -> PreviewOut:
    """What applying the plan would do, by pair of units; what nothing says the way of; what stands against it."""
    plan = await expanded(conn, plan)
    found = await branches(conn, plan)
    way = course(plan, found)
    there = {branch.id: branch for branch in found}
    obstacles = await against(conn, plan, found, way)
    pairs = await _pairs(conn, plan, found, way)
    return PreviewOut(
        pairs=pairs,
        unmapped=[BranchRefOut(**branch._asdict()) for branch in way.unmapped],
        conflicts=[
            RenamedOut(branch=branch, to=way.to[branch], name=there[branch].name, renamed=name)
            for branch, name in way.renamed.items()
        ],
        obstacles=[ObstacleOut(pointer=f.pointer, code=f.code, message=f.message.spoken(language)) for f in obstacles],
        populations=[
            PlanWomenOut(**each._asdict()) for each in women(plan, await populations.find(conn, touched(plan)))
        ],
        before=await _standing(conn, plan),
        after=_sum(pairs),
    )


async def _pairs(conn: Connection, plan: PlanOut, found: Sequence[Branch], way: Course) -> list[PairOut]:
    """How much goes each way, by the records themselves."""
    origins = {mapping.origin for mapping in plan.mappings}
    pairs: dict[tuple[str, str | None], PairOut] = {}
    parts = [(branch.unit, way.to.get(branch.id), {"branches": 1}) for branch in found if branch.unit in origins]
    goes = going(plan, found, way)
    for query in (
        f"""{GOES}
        select m.unit, coalesce(h.unit_to, p.unit_to, g.unit_to, f.unit_to) as unit_to, count(*) as members, {MEMBERS}
        from member m join fate f on f.branch = m.branch
        left join away h on h.id = m.household left join away p on p.id = m.id
        left join away g on g.id = m."group"
        where m.status <> 'merged'
        group by 1, 2""",  # noqa: S608  # own text
        f"""{GOES}
        select m.unit, coalesce(h.unit_to, f.unit_to) as unit_to, count(*) as households, {HOUSEHOLDS}
        from household m join fate f on f.branch = m.branch left join away h on h.id = m.id
        group by 1, 2""",  # noqa: S608  # own text
        f"""{GOES}
        select m.unit, coalesce(h.unit_to, f.unit_to) as unit_to, count(*) as groups
        from member_group m join fate f on f.branch = m.branch left join away h on h.id = m.id
        group by 1, 2""",  # noqa: S608  # own text
    ):
        rows = await conn.fetch(query, *goes)
        parts += [(row["unit"], row["unit_to"], dict(row)) for row in rows]
    for origin, to, counts in parts:
        _add(pairs.setdefault((origin, to), PairOut(origin=origin, to=to, figures=dict.fromkeys(FIGURES, 0))), counts)
    return [pairs[key] for key in sorted(pairs, key=lambda key: (key[0], key[1] or ""))]


async def _standing(conn: Connection, plan: PlanOut) -> FiguresOut:
    """What is in the units that go, by the units themselves."""
    origins = list({mapping.origin for mapping in plan.mappings})
    total = FiguresOut(figures=dict.fromkeys(FIGURES, 0))
    for query in (
        "select count(*) as branches from branch m where unit = any($1)",
        "select count(*) as groups from member_group m where unit = any($1)",
        f"select count(*) as members, {MEMBERS} from member m where unit = any($1) and status <> 'merged'",  # noqa: S608  # own text
        f"select count(*) as households, {HOUSEHOLDS} from household m where unit = any($1)",  # noqa: S608  # own text
    ):
        row = await conn.fetchrow(query, origins)
        _add(total, dict(row or {}))
    return total


def _add(total: FiguresOut, counts: Mapping[str, Any]) -> None:
    for name, value in counts.items():
        if name in COUNTED:
            setattr(total, name, getattr(total, name) + value)
        elif name in FIGURES:
            total.figures[name] += value


def _sum(pairs: Sequence[PairOut]) -> FiguresOut:
    total = FiguresOut(figures=dict.fromkeys(FIGURES, 0))
    for pair in pairs:
        _add(total, pair.model_dump(include=COUNTED) | pair.figures)
    return total


async def records(
    conn: Connection, plan: PlanOut, kind: Kind | None, limit: int, cursor: str | None
) -> Page[RecordOut]:
    """Every record that goes, or went, by kind and id."""
    start = after(cursor, str, UUID)
    page_args = (kind, *(start or (None, None)), limit + 1)
    if plan.state == "draft":
        plan = await expanded(conn, plan)
        found = await branches(conn, plan)
        rows = await conn.fetch(
            f"""{GOES}
            select * from (
                select 'branch' as kind, m.id, m.unit as unit_from, f.unit_to, m.id as branch
                from branch m join fate f on f.branch = m.id
                union all
                select 'household', m.id, m.unit, coalesce(h.unit_to, f.unit_to),
                       case when h.id is null then m.branch end
                from household m join fate f on f.branch = m.branch left join away h on h.id = m.id
                union all
                select 'member', m.id, m.unit, coalesce(h.unit_to, p.unit_to, g.unit_to, f.unit_to),
                       case when coalesce(h.id, p.id, g.id) is null then m.branch end
                from member m join fate f on f.branch = m.branch
                left join away h on h.id = m.household left join away p on p.id = m.id
                left join away g on g.id = m."group"
                where m.status <> 'merged'
                union all
                select 'group', m.id, m.unit, coalesce(h.unit_to, f.unit_to), case when h.id is null then m.branch end
                from member_group m join fate f on f.branch = m.branch left join away h on h.id = m.id
            ) as goes
            where unit_to is not null and ($5::text is null or kind = $5)
              and ($6::text is null or (kind, id) > ($6, $7::uuid))
            order by kind, id limit $8
            """,  # noqa: S608  # own text
            *going(plan, found, course(plan, found)),
            *page_args,
        )
    else:
        rows = await conn.fetch(
            """
            select kind, id, unit_from, unit_to, branch from reorganised
            where plan = $1 and branch is not null and ($2::text is null or kind = $2)
              and ($3::text is null or (kind, id) > ($3, $4::uuid))
            order by kind, id limit $5
            """,
            plan.id,
            *page_args,
        )
    page, following = page_of(rows, limit, lambda row: (row["kind"], row["id"]))
    items = [
        RecordOut(kind=row["kind"], id=row["id"], origin=row["unit_from"], to=row["unit_to"], branch=row["branch"])
        for row in page
    ]
    return Page(items=items, next_cursor=following)
