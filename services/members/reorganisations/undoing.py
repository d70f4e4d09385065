"""Takes back what an application carried: the journal holds what every record was before."""

from uuid import UUID

from services.chassis.db import Connection, Row
from services.chassis.errors import Conflict, Fault, Text
from services.members.members.record import ROLES
from services.members.reorganisations.rows import SPELLS, TABLES, News, chunks, locked, write
from services.members.reorganisations.schemas import Kind, PlanOut

SHOWN = 20
"""How many obstacles an answer lists."""


async def undo(conn: Connection, plan: PlanOut) -> None:
    """Give every record carried the timeline it had before. 409 names those that have changed, or come, since."""
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
    # what a split opened closes on its first day; names are unique among open branches at every moment
    opened = [one for one, row in branches.items() if row["version"] == 1]
    await conn.execute("update branch set closed_on = opened_on where id = any($1)", opened)
    await conn.execute("update branch set name_folded = id::text where id = any($1)", list(branches))
    for kind in TABLES:
        versions = {row["id"]: row["version"] for row in traces if row["kind"] == kind}
        for ids in chunks(sorted(versions)):
            before = await _before(conn, ids, [versions[one] - 1 for one in ids])
            rows = await locked(conn, kind, ids)
            news = [_restored(kind, row, before.get(row["id"]), branches) for row in rows]
            await write(conn, kind, news, plan.effective_on)


def _restored(kind: Kind, row: Row, before: Row | None, branches: dict[UUID, Row]) -> News:
    """A record as it was: what a split opened was not."""
    spells = SPELLS[kind].validate_json(before["timeline"] if before else row["timeline"])
    if kind == "branch":
        return News(row, spells if before else spells[:1], branches[row["id"]]["name"])
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
    found = []
    for kind, table in TABLES.items():
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
        if kind == "branch":
            continue
        rows = await conn.fetch(
            f"""
            select t.id from {table} t
            where branch in (select id from reorganised where plan = $1 and kind = 'branch')
              and not exists (select from reorganised r where r.plan = $1 and r.kind = $2 and r.id = t.id)
            order by t.id
            """,  # noqa: S608  # own names
            plan.id,
            kind,
        )
        found += [Fault(f"/{kind}/{row['id']}", "added", added) for row in rows]
    return found
