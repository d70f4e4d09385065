"""Writes of data subjects' requests: received → answered → done | refused, each step kept for ever."""

from datetime import date
from uuid import UUID

from services.chassis import journal
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Conflict, Stale, Text, invalid
from services.chassis.reach import Reach
from services.members.members import queries as members
from services.members.subject_requests import clocks, queries
from services.members.subject_requests.schemas import Act, RequestIn, RequestOut, State

LEGAL: dict[State, tuple[Act, ...]] = {
    "received": ("answered", "extended", "refused"),
    "answered": ("extended", "done", "refused"),
    "done": (),
    "refused": (),
}
"""What may be done about a request in each state. It may be extended once."""


async def receive(conn: Connection, reach: Reach, body: RequestIn, recorded_by: str) -> RequestOut:
    """Record a request and start its clocks. 422 in the future, or before the law knew a term for it."""
    if body.received_on > today():
        raise invalid("/received_on", "future", "Không được ở tương lai", "May not lie in the future")
    term = clocks.term(body.kind, body.received_on)
    if term is None:
        raise invalid("/received_on", "no_term", "Ngày đó chưa có thời hạn theo luật", "No term was in force that day")
    await members.get(conn, reach, body.member)
    due = clocks.due(term, body.received_on, third_party=body.third_party)
    request_id = journal.new_id()
    await conn.execute(
        """
        insert into subject_request (id, member, kind, channel, third_party, received_on, answer_due, completion_due,
                                     state, detail, version)
        values ($1, $2, $3, $4, $5, $6, $7, $8, 'received', $9, 1)
        """,
        request_id,
        body.member,
        body.kind,
        body.channel,
        body.third_party,
        body.received_on,
        *due,
        body.detail,
    )
    await _step(conn, request_id, 1, "received", body.received_on, None, recorded_by)
    return await queries.get(conn, reach, request_id)


async def answer(
    conn: Connection, reach: Reach, request_id: UUID, version: int, on: date, recorded_by: str
) -> RequestOut:
    """The subject was told how the request is handled."""
    return await _move(conn, reach, request_id, version, "answered", on, None, recorded_by)


async def complete(
    conn: Connection, reach: Reach, request_id: UUID, version: int, on: date, recorded_by: str
) -> RequestOut:
    """What was asked for is done. An erasure completes its own request."""
    return await _move(conn, reach, request_id, version, "done", on, None, recorded_by)


async def refuse(
    conn: Connection, reach: Reach, request_id: UUID, version: int, on: date, reason: str, recorded_by: str
) -> RequestOut:
    """The request is refused, and the subject was told why."""
    return await _move(conn, reach, request_id, version, "refused", on, reason, recorded_by)


async def extend(
    conn: Connection, reach: Reach, request_id: UUID, version: int, on: date, reason: str, recorded_by: str
) -> RequestOut:
    """Extend the term once, with a reason, while it still runs."""
    return await _move(conn, reach, request_id, version, "extended", on, reason, recorded_by)


async def _move(
    conn: Connection,
    reach: Reach,
    request_id: UUID,
    version: int,
    act: Act,
    on: date,
    reason: str | None,
    recorded_by: str,
) -> RequestOut:
    """Take one step. 412 if it is no longer at `version`, 409 naming the legal steps if this is none."""
    request = await queries.get(conn, reach, request_id)
    legal = [each for each in LEGAL[request.state] if each != "extended" or not request.extended]
    if act not in legal:
        text = Text("Bước này không hợp lệ ở trạng thái hiện tại", "This step is not legal in the present state")
        raise Conflict(text, slug="request-state", state=request.state, legal=legal)
    if not request.steps[-1].occurred_on <= on <= today():
        raise invalid("/on", "outside", "Trước bước trước đó hoặc ở tương lai", "Before the step before, or to come")
    completion_due = request.completion_due
    if act == "extended":
        if on > completion_due:
            raise invalid("/on", "late", "Thời hạn đã hết", "The term had run out")
        term = clocks.term(request.kind, request.received_on)
        assert term is not None, "it had one when it was received"
        completion_due = clocks.ends(completion_due, term.extension_days)
    done = await conn.execute(
        """
        update subject_request set
            version = version + 1, recorded_at = now(), completion_due = $3, extended = extended or $4 = 'extended',
            state = case when $4 = 'extended' then state else $4 end,
            answered_on = case when $4 in ('answered', 'refused') then coalesce(answered_on, $5) else answered_on end,
            closed_on = case when $4 in ('done', 'refused') then $5 else closed_on end
        where id = $1 and version = $2
        """,
        request_id,
        version,
        completion_due,
        act,
        on,
    )
    if done == "UPDATE 0":
        raise Stale
    await _step(conn, request_id, version + 1, act, on, reason, recorded_by)
    return await queries.get(conn, reach, request_id)


async def _step(
    conn: Connection, request_id: UUID, version: int, act: Act, on: date, reason: str | None, recorded_by: str
) -> None:
    """What was done, kept for ever."""
    await conn.execute(
        """
        insert into subject_request_step (request, version, act, occurred_on, reason, recorded_by)
        values ($1, $2, $3, $4, $5, $6)
        """,
        request_id,
        version,
        act,
        on,
        reason,
        recorded_by,
    )
