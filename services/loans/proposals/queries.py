"""Reads of what a group's meeting proposes."""

from datetime import date
from uuid import UUID

from contracts import units
from services.chassis.db import Connection
from services.chassis.errors import NotFound, Text
from services.chassis.reach import Reach
from services.loans.groups.queries import row_of
from services.loans.groups.record import timeline_of
from services.loans.proposals.form import Meeting, Proposal
from services.loans.timeline import at


async def meeting(conn: Connection, reach: Reach, group_id: UUID, met_on: date, *, personal: bool) -> Meeting:
    """What the group's minutes of a day say of its members' applications, or 404.

    Names only if `personal`, and only of households inside `reach`: a group may have members of other branches.
    """
    group = await row_of(conn, reach, group_id)
    rows = await conn.fetch(
        """
        select representative, customer_code, borrower.unit, borrower.branch, name_vi as programme, purpose,
               application.amount as asked, term_months, (step->>'amount')::bigint as agreed,
               (step->>'present')::int as present, (step->>'in_favour')::int as in_favour,
               (step->>'against')::int as against
        from application join borrower on borrower.id = application.borrower
             join programme on programme.id = application.programme,
             json_array_elements(application.steps) as step
        where credit_group = $1 and step->>'by' = 'group' and (step->>'on')::date = $2
        order by applied_on, application.id
        """,
        group_id,
        met_on,
    )
    if not rows:
        raise NotFound(Text("Ngày đó Tổ không xét hồ sơ nào", "The group appraised no application on that day"))
    place = at(timeline_of(group), met_on)
    code = place.unit if place else group["unit"]
    commune = units.find(code)
    return Meeting(
        group=group["name"],
        commune=commune.name if commune else code,
        on=met_on,
        present=max(row["present"] for row in rows),
        turned_down=sum(row["agreed"] is None for row in rows),
        proposals=[
            Proposal(
                representative=row["representative"] if personal and reach.covers(row["unit"], row["branch"]) else None,
                **{name: row[name] for name in Proposal._fields[1:]},
            )
            for row in rows
            if row["agreed"] is not None
        ],
    )
