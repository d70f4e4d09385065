"""Reads of what stands against a plan."""

from collections.abc import Sequence
from uuid import UUID

from services.chassis.db import Connection
from services.chassis.errors import Fault, Text
from services.members.reorganisations.course import Branch, Course, named
from services.members.reorganisations.rows import GOES, going
from services.members.reorganisations.schemas import PlanOut


async def against(conn: Connection, plan: PlanOut, found: Sequence[Branch], way: Course) -> list[Fault]:
    """Everything that stands against a plan whose splits name all households, but that a branch is unmapped."""
    return [*way.obstacles, *await _misplaced(conn, plan), *await _parted(conn, plan, found, way)]


async def _parted(conn: Connection, plan: PlanOut, found: Sequence[Branch], way: Course) -> list[Fault]:
    """Members whose branch goes another way than the branch that their household is of: how many, by both branches."""
    rows = await conn.fetch(
        f"""{GOES}
        select b.id, b.name, o.name as other, count(*) as number,
               coalesce(g.unit_to, f.unit_to, m.unit) as unit_to, coalesce(h.unit_to, w.unit_to, home.unit) as home_to
        from member m join household home on home.id = m.household and home.branch <> m.branch
        join branch b on b.id = m.branch join branch o on o.id = home.branch
        left join fate f on f.branch = m.branch left join fate w on w.branch = home.branch
        left join away h on h.id = home.id left join away g on g.id = m."group" left join away p on p.id = m.id
        where m.status = 'active' and p.id is null and (f.branch is null or f.unit_to is not null)
          and (w.branch is null or w.unit_to is not null)
          and coalesce(g.unit_to, f.unit_to, m.unit) <> coalesce(h.unit_to, w.unit_to, home.unit)
        group by b.id, b.name, o.id, o.name, 5, 6
        order by b.id, o.id
        """,  # noqa: S608  # own text
        *going(plan, found, way),
    )
    return [
        Fault(
            f"/parted/{row['id']}",
            "parted",
            Text(
                f"{row['number']} hội viên của {row['name']} về {row['unit_to']}, hộ của họ ({row['other']}) về"
                f" {row['home_to']}",
                f"{row['number']} members of {row['name']} go to {row['unit_to']}, their households"
                f" ({row['other']}) to {row['home_to']}",
            ),
        )
        for row in rows
    ]


async def _misplaced(conn: Connection, plan: PlanOut) -> list[Fault]:
    """What splits name that is not of the branch, or would part from its household."""
    splits = [
        (f"/mappings/{n}/splits/{k}", split)
        for n, mapping in enumerate(plan.mappings)
        for k, split in enumerate(mapping.splits)
    ]
    rows = await conn.fetch(
        """
        select id, 'groups' as kind, branch, null::uuid as household from member_group where id = any($1)
        union all select id, 'households', branch, null from household where id = any($1)
        union all select id, 'members', branch, household from member where id = any($1) and status <> 'merged'
        """,
        [one for _, split in splits for one in named(split)],
    )
    there = {(row["kind"], row["id"]): row for row in rows}
    found: list[Fault] = []
    seen: set[UUID] = set()
    for at, split in splits:
        for kind in ("groups", "households", "members"):
            for number, one in enumerate(getattr(split, kind)):
                row = there.get((kind, one))
                if row is None or row["branch"] != split.branch:
                    text = Text("Không có trong chi hội", "There is none of this id in the branch")
                    found.append(Fault(f"{at}/{kind}/{number}", "unknown", text))
                elif row["household"] and row["household"] not in split.households:
                    text = Text("Hộ của hội viên ở lại", "Her household stays behind")
                    found.append(Fault(f"{at}/{kind}/{number}", "household_stays", text))
        if seen & set(named(split)):
            text = Text("Đã được nêu ở chỗ khác", "Named elsewhere already")
            found.append(Fault(at, "twice", text))
        seen |= set(named(split))
    return found
