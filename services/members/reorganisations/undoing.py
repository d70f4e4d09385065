"""Takes back what an application carried: the journal holds what every record was before."""

from collections import Counter
from uuid import UUID

from contracts.transfers import TransferState
from services.chassis.db import Connection, Row
from services.chassis.errors import Conflict, Fault, Text
from services.chassis.paging import fold
from services.members.members.record import ROLES
from services.members.merges.commands import carry_merged
from services.members.populations import queries as populations
from services.members.populations.commands import carry as carry_populations
from services.members.populations.queries import TIMELINE as POPULATION
from services.members.reorganisations.rows import SPELLS, TABLES, News, chunks, locked, write
from services.members.reorganisations.schemas import Kind, PlanOut
from services.members.reorganisations.women import spell_of, touched
from services.members.transfers.commands import carry as carry_requests

SHOWN = 20
"""How many obstacles an answer lists."""


async def undo(conn: Connection, plan: PlanOut) -> None:
    """Give every record carried the timeline it had before. 409 names those that have changed, or come, since."""
    await conn.execute("lock table population in exclusive mode")
    for kind, table in TABLES.items():
        await conn.execute(
            f"""
            select from {table} where id in (select id from reorganised where plan = $1 and kind = $2)
            order by id for update
            """,  # noqa: S608  # own names
            plan.id,
            kind,
        )
    if obstacles := await _since(conn, plan):
        raise Conflict(
            Text("Đã có thay đổi sau khi áp dụng", "Records have changed since it was applied"),
            slug="changed-since",
            faults=obstacles[:SHOWN],
            obstacles=len(obstacles),
        )
    traces = await conn.fetch("select kind, id, version, name from reorganised where plan = $1", plan.id)
    branches = {row["id"]: row for row in traces if row["kind"] == "branch"}
    names = {row["id"]: row["name"] for row in await _named(conn, plan)}
    # what a split opened closes on its first day; names are unique among open branches at every moment
    opened = [one for one, row in branches.items() if row["version"] == 1]
    await conn.execute("update branch set closed_on = opened_on where id = any($1)", opened)
    await conn.execute("update branch set name_folded = id::text where id = any($1)", list(branches))
    for kind in TABLES:
        versions = {row["id"]: row["version"] for row in traces if row["kind"] == kind}
        for ids in chunks(sorted(versions)):
            before = await _before(conn, ids, [versions[one] - 1 for one in ids])
            rows = await locked(conn, kind, ids)
            news = [_restored(kind, row, before.get(row["id"]), names) for row in rows]
            await write(conn, kind, news, plan.effective_on)
    await carry_merged(conn, list(branches))
    await _restore_women(conn, plan)
    await _restore_requests(conn, plan)


async def _restore_requests(conn: Connection, plan: PlanOut) -> None:
    """Requests still open go to whom they went; those made since follow their member and branch."""
    rows = await conn.fetch(
        """
        select r.id, before.data
        from reorganised r join transfer t on (t.id, t.version) = (r.id, r.version)
        join journal before on (before.subject, before.version) = (r.id, r.version - 1)
        where r.plan = $1 and r.kind = 'transfer'
        """,
        plan.id,
    )
    before = {row["id"]: TransferState.model_validate_json(row["data"], extra="ignore") for row in rows}
    await carry_requests(conn, touched(plan), {}, before)


async def _restore_women(conn: Connection, plan: PlanOut) -> None:
    """What was declared, as it was before; of a unit that had declared nothing, nobody."""
    rows = await conn.fetch(
        """
        select p.*, before.data -> 'timeline' as before
        from reorganised r join population p on p.id = r.id
        left join journal before on before.subject = r.id and before.version = r.version - 1
        where r.plan = $1 and r.kind = 'population'
        """,
        plan.id,
    )
    since = plan.effective_on
    news = {
        row["unit"]: POPULATION.validate_json(row["before"]) if row["before"] else [spell_of(row["unit"], since, 0)]
        for row in rows
    }
    await carry_populations(conn, news, [populations.out(row) for row in rows], since)


async def _named(conn: Connection, plan: PlanOut) -> list[Row]:
    """The branches carried, with the names they go back with: what the plan gave is taken back, no later correction."""
    return await conn.fetch(
        """
        select b.id, unit_from as unit, closed_on is null and r.version > 1 as opens,
               case when r.version > 1 and b.name = coalesce(renamed, b.name) then r.name else b.name end as name
        from reorganised r join branch b using (id) where r.plan = $1 and r.kind = 'branch'
        """,
        plan.id,
    )


async def _namesakes(conn: Connection, plan: PlanOut) -> list[UUID]:
    """Of the branches carried, those that would meet another open one of their name in their old unit."""
    named = await _named(conn, plan)
    back = [row for row in named if row["opens"]]
    there = await conn.fetch(
        """
        select unit, name from branch where unit = any($1) and closed_on is null and id <> all($2)
        """,
        [row["unit"] for row in back],
        [row["id"] for row in named],
    )
    names = Counter((row["unit"], fold(row["name"])) for row in (*back, *there))
    return sorted(row["id"] for row in back if names[row["unit"], fold(row["name"])] > 1)


def _restored(kind: Kind, row: Row, before: Row | None, names: dict[UUID, str]) -> News:
    """A record as it was: what a split opened was not."""
    spells = SPELLS[kind].validate_json(before["timeline"] if before else row["timeline"])
    if kind == "branch":
        return News(row, spells if before else spells[:1], names[row["id"]])
    roles = before["roles"] if before and kind == "member" and before["roles"] != row["roles"] else None
    return News(row, spells, roles=ROLES.validate_json(roles) if roles else None)


async def _before(conn: Connection, ids: list[UUID], versions: list[int]) -> dict[UUID, Row]:
    """What the journal says these records were at these versions."""
    rows = await conn.fetch(
        """
        select subject, data -> 'timeline' as timeline, data -> 'roles' as roles
        from journal join unnest($1::uuid[], $2::int[]) as asked (one, at) on (subject, version) = (one, at)
        """,
        ids,
        versions,
    )
    return {row["subject"]: row for row in rows}


async def _since(conn: Connection, plan: PlanOut) -> list[Fault]:
    """What has been changed otherwise since the application, and who has come into the branches it carried."""
    changed = Text("Đã thay đổi sau khi áp dụng", "Changed since it was applied")
    added = Text("Mới có sau khi áp dụng", "There only since it was applied")
    taken = Text("Đơn vị cũ đã có chi hội cùng tên", "A branch of its old unit has its name")
    found = [Fault(f"/branch/{branch}/name", "taken", taken) for branch in await _namesakes(conn, plan)]
    for kind, table in (*TABLES.items(), ("population", "population")):
        roles = "or t.roles::text <> (j.data -> 'roles')::text" if kind == "member" else ""
        rows = await conn.fetch(
            f"""
            select t.id from reorganised r join {table} t on t.id = r.id
            join journal j on (j.subject, j.version) = (r.id, r.version)
            where r.plan = $1 and r.kind = $2 and t.version <> r.version
              and (t.timeline::text <> (j.data -> 'timeline')::text {roles})
            order by t.id
            """,  # noqa: S608  # own names
            plan.id,
            kind,
        )
        found += [Fault(f"/{kind}/{row['id']}", "changed", changed) for row in rows]
        if kind in ("branch", "population"):
            continue
        counts = "and status <> 'merged'" if kind == "member" else ""
        rows = await conn.fetch(
            f"""
            select t.id from {table} t
            where branch in (select id from reorganised where plan = $1 and kind = 'branch')
              and not exists (select from reorganised r where r.plan = $1 and r.kind = $2 and r.id = t.id)
              {counts}
            order by t.id
            """,  # noqa: S608  # own names
            plan.id,
            kind,
        )
        found += [Fault(f"/{kind}/{row['id']}", "added", added) for row in rows]
    return found
