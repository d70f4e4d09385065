"""Reads of applications."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from contracts.loans import ProgrammeCode
from services.chassis.clock import today
from services.chassis.db import Connection, Row, planned
from services.chassis.errors import NotFound, invalid
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.loans.applications import chain
from services.loans.applications.chain import State
from services.loans.applications.eligibility import Case
from services.loans.applications.record import agreed, steps_of
from services.loans.applications.schemas import ApplicationOut, GuidanceOut, GuideOut, PaperOut
from services.loans.programmes.queries import terms_of

STAGES: dict[State, str] = {
    "applied": "appraisal",
    "appraised": "confirmation",
    "confirmed": "decision",
    "approved": "disbursement",
}
"""The stage of the procedure that comes next."""


def out(row: Mapping[str, Any]) -> ApplicationOut:
    """A row as the door shows it."""
    steps, state = steps_of(row), row["state"]
    due = row["decision_due_on"]
    shown = {
        **row,
        "programme": row["programme_code"],
        "group": row["credit_group"],
        "steps": steps,
        "agreed": agreed(steps),
        "late": state == "confirmed" and due is not None and due < today(),
        "legal": [step for step in chain.LEGAL[chain.state_of(row)] if step != "loan" or row["loan"] is None],
    }
    return ApplicationOut.model_validate(shown, extra="ignore")


async def get(conn: Connection, reach: Reach, application_id: UUID) -> ApplicationOut:
    """One application inside `reach`, or 404."""
    return out(dict(await _row(conn, reach, application_id)))


async def _row(conn: Connection, reach: Reach, application_id: UUID) -> Row:
    row = await conn.fetchrow(
        """
        select application.*, loan.id as loan from application join borrower on borrower.id = application.borrower
            left join loan on loan.application = application.id
        where application.id = $1 and borrower.unit = any($2) and ($3::uuid is null or borrower.branch = $3)
        """,
        application_id,
        list(reach.units),
        reach.branch,
    )
    if row is None:
        raise NotFound
    return row


async def find(
    conn: Connection,
    reach: Reach,
    unit: str | None,
    borrower: UUID | None,
    state: State | None,
    limit: int,
    cursor: str | None,
) -> Page[ApplicationOut]:
    """Applications of `unit` (or of all of `reach`), of `borrower` and in `state`, by unit and id.

    An application goes with its household: it is of the unit where that lives, though it counts where it was made.
    """
    reach = reach.within(unit)
    start = after(cursor, str, UUID)
    rows = await planned(
        conn,
        """
        select application.*, loan.id as loan from application join borrower on borrower.id = application.borrower
            left join loan on loan.application = application.id
        where borrower.unit = any($1) and ($2::uuid is null or borrower.branch = $2)
          and ($3::uuid is null or application.borrower = $3) and ($4::text is null or application.state = $4)
          and ($5::text is null or (application.unit, application.id) > ($5, $6::uuid))
        order by application.unit, application.id limit $7
        """,
        list(reach.units),
        reach.branch,
        borrower,
        state,
        *(start or (None, None)),
        limit + 1,
    )
    page, following = page_of(rows, limit, lambda row: (row["unit"], row["id"]))
    return Page(items=[out(dict(row)) for row in page], next_cursor=following)


async def guide(conn: Connection, reach: Reach, application_id: UUID) -> GuideOut:
    """What an application still needs, and what comes next, or 404."""
    row = await _row(conn, reach, application_id)
    programme = await conn.fetchrow("select * from programme where id = $1", row["programme"])
    assert programme is not None, "an application's programme exists"
    terms = terms_of(programme)
    stages = [each.step for each in terms.procedure]
    following = STAGES.get(row["state"])
    place = stages.index(following) if following in stages else len(stages)
    return GuideOut(
        application=application_id,
        papers=[PaperOut(**paper.model_dump(), handed_in=paper.code in row["papers"]) for paper in terms.papers],
        procedure=[
            GuidanceOut(**each.model_dump(), progress="done" if n < place else "next" if n == place else "later")
            for n, each in enumerate(terms.procedure)
        ],
        unconfirmed=terms.unconfirmed,
    )


async def case(conn: Connection, borrower: UUID, programme: ProgrammeCode, on: date, asked: Mapping[str, Any]) -> Case:
    """What eligibility is judged by on a day; `asked` are amount, term, poverty status and what is attested."""
    row = await conn.fetchrow(
        """
        select coalesce(sum(now.outstanding + case when now.status in ('withdrawn', 'repaid', 'written_off')
                                  or now.status <> 'signed' and loan.application is null then 0
                                else greatest(loan.amount - paid_out.amount, 0) end)
                        filter (where programme_code = $2), 0)::bigint as owed,
               coalesce(sum(now.overdue), 0)::bigint as overdue,
               exists (select from application where application.borrower = $1 and application.programme_code = $2
                         and (state in ('applied', 'appraised', 'confirmed')
                              or state = 'approved' and not exists (select from loan as its
                                                                    where its.application = application.id)))
                   as pending
        from loan left join lateral (
            select * from balance where loan = loan.id and since <= $3 order by since desc limit 1
        ) as now on true
        cross join lateral (
            select coalesce(sum(principal), 0) as amount from entry
            where entry.loan = loan.id and occurred_on <= $3 and 'disbursement' in (kind, reverses_kind)
        ) as paid_out
        where loan.borrower = $1
        """,
        borrower,
        programme,
        on,
    )
    assert row is not None, "sums are always there"
    return Case(owed=row["owed"], overdue=row["overdue"], pending=row["pending"], **asked)


async def approved(conn: Connection, application_id: UUID, borrower: UUID) -> dict[str, Any]:
    """The application of the borrower, which is locked, with what was `agreed` and `approved_on`.

    422 if it has none such, 409 naming what is legal if the bank has not approved it.
    """
    row = await conn.fetchrow(
        "select * from application where id = $1 and borrower = $2 for update", application_id, borrower
    )
    if row is None:
        raise invalid("/application", "unknown", "Hộ không có hồ sơ này", "The household has no such application")
    asked = dict(row)
    chain.demand("loan", chain.state_of(asked))
    steps = steps_of(asked)
    return {**asked, "agreed": agreed(steps), "approved_on": steps[-1].on}
