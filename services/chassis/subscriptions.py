"""Webhook subscriptions: the table, as its door changes it and as delivery moves each along the journal."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from contracts import units
from services.chassis import journal
from services.chassis.db import Connection, Row
from services.chassis.errors import Conflict, NotFound, Stale, Text, invalid
from services.chassis.feed import events_after, head
from services.chassis.reach import Reach

BATCH = 100
"""Events in one message, at most."""
WINDOW = 20_000
"""Journal rows looked through at once for those a subscription wants."""
MOST = 50
"""Subscriptions one caller may have."""
BOTH_SECRETS = timedelta(days=1)
"""How long the secret before a rotation goes on signing."""
SHOWN = """
select webhook.*, case when disabled is not null then 'disabled' when not active then 'paused'
                       when failures > 0 then 'failing' else 'active' end as status,
       greatest(0, (select coalesce(max(sequence), 0) from journal where sequence is not null) - position) as behind
from webhook
"""
INSIDE = f"{SHOWN} where unit = any($1) and ($2::uuid is null or branch = $2)"
FRESH = "failures = 0, failing_since = null, retry_at = null, last_error = null, disabled = null"


class Message(NamedTuple):
    """What is to be sent: its id, to which subscription, and its events (`journal` rows); none is a test."""

    id: UUID
    webhook: Row
    events: Sequence[Row]


async def get(conn: Connection, reach: Reach, webhook_id: UUID) -> Row:
    """One subscription inside `reach`, or 404."""
    row = await conn.fetchrow(f"{INSIDE} and id = $3", list(reach.units), reach.branch, webhook_id)
    if row is None:
        raise NotFound
    return row


async def find(conn: Connection, reach: Reach, start: tuple[Any, ...] | None, limit: int) -> list[Row]:
    """Subscriptions inside `reach` by id, from after `start`."""
    after = start[0] if start else None
    statement = f"{INSIDE} and ($3::uuid is null or id > $3) order by id limit $4"
    return await conn.fetch(statement, list(reach.units), reach.branch, after, limit)


async def add(
    conn: Connection,
    reach: Reach,
    *,
    owner: str,
    unit: str,
    url: str,
    types: list[str],
    active: bool,
    start: int | None,
    id_: UUID,
    secret: bytes,
) -> Row:
    """A new subscription from after position `start`, or from now. 404 outside `reach`, 409 if there are too many."""
    if unit not in reach.units:
        raise NotFound
    if await conn.fetchval("select count(*) from webhook where owner = $1", owner) >= MOST:
        raise Conflict(Text(f"Nhiều nhất {MOST} đăng ký", f"At most {MOST} subscriptions"), slug="too-many-webhooks")
    await conn.execute(
        """
        insert into webhook (id, unit, branch, owner, url, types, active, position, secret)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        id_,
        unit,
        reach.branch,
        owner,
        url,
        types,
        active,
        await _position(conn, start),
        secret,
    )
    return await get(conn, reach, id_)


async def change(
    conn: Connection, reach: Reach, webhook_id: UUID, version: int, given: dict[str, Any], secret: bytes | None = None
) -> Row:
    """Change `url`, `types`, `active` or the secret, whose predecessor signs for a day more. 412 if not at `version`.

    A change is a fresh start: what was failing is tried at once, what was disabled is on again.
    """
    before = await get(conn, reach, webhook_id)
    now = {name: given.get(name, before[name]) for name in ("url", "types", "active")}
    done = await conn.execute(
        f"""
        update webhook set url = $3, types = $4, active = $5, version = version + 1, recorded_at = now(), {FRESH},
            message = case when types = $4 then message end,
            message_until = case when types = $4 then message_until end,
            old_secret = case when $6::bytea is null then old_secret else secret end,
            old_secret_until = case when $6::bytea is null then old_secret_until else now() + $7 end,
            secret = coalesce($6, secret)
        where id = $1 and version = $2
        """,  # noqa: S608  # own text
        webhook_id,
        version,
        now["url"],
        now["types"],
        now["active"],
        secret,
        BOTH_SECRETS,
    )
    if done == "UPDATE 0":
        raise Stale
    return await get(conn, reach, webhook_id)


async def remove(conn: Connection, reach: Reach, webhook_id: UUID, version: int | None) -> None:
    """End a subscription. 412 if it is no longer at `version`."""
    before = await get(conn, reach, webhook_id)
    if version not in (None, before["version"]):
        raise Stale
    await conn.execute("delete from webhook where id = $1", webhook_id)


async def replay(conn: Connection, reach: Reach, webhook_id: UUID, start: int) -> Row:
    """Go back (or on) to position `start`, as new messages. 422 if the journal does not reach so far."""
    await get(conn, reach, webhook_id)
    await conn.execute(
        f"""
        update webhook set position = $2, message = null, message_until = null, {FRESH} where id = $1
        """,  # noqa: S608  # own text
        webhook_id,
        await _position(conn, start),
    )
    return await get(conn, reach, webhook_id)


async def ask_test(conn: Connection, reach: Reach, webhook_id: UUID) -> Row:
    """Have a test message sent."""
    await get(conn, reach, webhook_id)
    await conn.execute(
        "update webhook set test = $2, tested_at = null, test_error = null where id = $1", webhook_id, journal.new_id()
    )
    return await get(conn, reach, webhook_id)


async def _position(conn: Connection, start: int | None) -> int:
    last = await head(conn)
    if start is not None and start > last:
        raise invalid("/from", "ahead", f"Vị trí cuối là {last}", f"The last position is {last}")
    return last if start is None else start


async def due(conn: Connection) -> list[UUID]:
    """Subscriptions that have something to be sent now."""
    rows = await conn.fetch(
        """
        select id from webhook
        where test is not null
           or active and disabled is null and coalesce(retry_at <= now(), true)
              and position < (select max(sequence) from journal where sequence is not null)
        """
    )
    return [row["id"] for row in rows]


async def next_message(conn: Connection, webhook_id: UUID) -> Message | None:
    """The message to send now. Id and end of a message are stored before it is sent: a repeat is the same message.

    Runs in a transaction. Rows that the subscription does not want are passed over here, WINDOW of them at once.
    """
    row = await conn.fetchrow("select * from webhook where id = $1 for update", webhook_id)
    if row is None:
        return None
    if row["test"]:
        return Message(row["test"], row, [])
    if not row["active"] or row["disabled"] or await conn.fetchval("select $1::timestamptz > now()", row["retry_at"]):
        return None
    reach = Reach(units.subtree(row["unit"]), row["branch"])
    position, last = row["position"], await head(conn)
    if row["message"]:
        events, _ = await events_after(conn, position, row["message_until"], BATCH, reach, row["types"])
        return Message(row["message"], row, events)
    events, until = await events_after(conn, position, min(position + WINDOW, last), BATCH, reach, row["types"])
    if not events:
        await conn.execute("update webhook set position = $2 where id = $1", webhook_id, until)
        return None
    message = Message(journal.new_id(), row, events)
    store = "update webhook set message = $2, message_until = $3 where id = $1"
    await conn.execute(store, webhook_id, message.id, until)
    return message


async def delivered(conn: Connection, message: Message) -> None:
    """The receiver has it: on to what follows. Without effect if the subscription has changed its mind meanwhile."""
    await conn.execute(
        f"""
        update webhook set position = message_until, message = null, message_until = null, delivered_at = now(), {FRESH}
        where id = $1 and message = $2
        """,  # noqa: S608  # own text
        message.webhook["id"],
        message.id,
    )


async def failed(
    conn: Connection, message: Message, error: str, wait: timedelta, give_up: timedelta, *, gone: bool
) -> str | None:
    """The receiver does not have it: wait, or disable the subscription; why it is disabled."""
    disabled: str | None = await conn.fetchval(
        """
        update webhook set failures = failures + 1, failing_since = coalesce(failing_since, now()), last_error = $3,
            retry_at = now() + $4::interval,
            disabled = case when $6 then 'gone' when now() - coalesce(failing_since, now()) >= $5 then 'given_up' end
        where id = $1 and message = $2 returning disabled
        """,
        message.webhook["id"],
        message.id,
        error[:500],
        wait,
        give_up,
        gone,
    )
    return disabled


async def tested(conn: Connection, message: Message, error: str | None) -> None:
    """What became of the test message."""
    await conn.execute(
        "update webhook set test = null, tested_at = now(), test_error = $3 where id = $1 and test = $2",
        message.webhook["id"],
        message.id,
        error and error[:500],
    )


async def census(conn: Connection) -> list[Row]:
    """Status by status: how many subscriptions, and how far the last of them is behind."""
    of_all = f"select status, count(*) as webhooks, max(behind) as behind from ({SHOWN}) as shown group by status"  # noqa: S608  # own text
    return await conn.fetch(of_all)
