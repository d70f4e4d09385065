"""Whatever the order of arrival, an entity's events are applied once each and in order; what cannot be read waits."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.catalog import EVENTS, read
from contracts.event import Event
from services.chassis.db import Connection
from services.chassis.entities import Change, Outcome, Record, in_order, redrive, settle
from tests.chassis.bus import NEWER, TOPIC, record, value, year
from tests.conftest import Database


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[int, list[list[int]]]:
    """Versions 1..n, each at least once, some more often, in any order, cut into batches."""
    count = draw(st.integers(1, 8))
    repeats = draw(st.lists(st.integers(1, count), max_size=8))
    order = draw(st.permutations([*range(1, count + 1), *repeats]))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    return count, [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]


@given(arrivals())
def test_any_order_of_arrival_ends_applied_once_each_and_in_order(case: tuple[int, list[list[int]]]) -> None:
    """Repeats and reorders over any batches: 1..n in order, nothing left waiting, every repeat counted."""
    count, batches = case
    known, waiting, done, repeated = 0, dict[int, int](), list[int](), 0
    for batch in batches:
        applied, repeats, waiting = in_order(known, waiting, [(version, version) for version in batch])
        done += applied
        known, repeated = len(done), repeated + repeats
    assert done == list(range(1, count + 1))
    assert not waiting
    assert repeated == sum(map(len, batches)) - count


@given(arrivals(), st.data())
def test_what_is_missing_keeps_the_rest_waiting(case: tuple[int, list[list[int]]], data: st.DataObject) -> None:
    """Without version m, 1..m-1 are applied and all later ones wait."""
    count, batches = case
    missing = data.draw(st.integers(1, count))
    known, waiting, done = 0, dict[int, int](), list[int]()
    for batch in batches:
        applied, _, waiting = in_order(known, waiting, [(v, v) for v in batch if v != missing])
        done += applied
        known = len(done)
    assert done == list(range(1, missing))
    assert sorted(waiting) == list(range(missing + 1, count + 1))


class Reader:
    """A reading service's database, and everything that was applied to it, in order."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.changes: list[Change] = []
        self.offset = 0

    async def apply(self, _: Connection, changes: Sequence[Change]) -> None:
        """Note the changes."""
        self.changes += changes

    async def take(self, *records: Record) -> Outcome:
        """One batch in one transaction."""
        async with self.conn.transaction():
            return await settle(self.conn, records, read, EVENTS, self.apply)

    async def redrive(self, subject: UUID) -> Outcome | None:
        """Try an entity's parked events again."""
        async with self.conn.transaction():
            return await redrive(self.conn, subject, read, EVENTS, self.apply)

    def applied(self, subject: UUID) -> list[int]:
        """Versions of an entity in the order they were applied."""
        return [change.event.version for change in self.changes if change.event.subject == subject]

    async def parked(self) -> list[tuple[int, int | None, str]]:
        """What waits: offset, version, reason."""
        rows = await self.conn.fetch('select "offset", version, reason from parked order by "offset"')
        return [tuple(row) for row in rows]

    async def entity(self, subject: UUID) -> dict[str, Any]:
        """The entity's row, its state as an object."""
        row = await self.conn.fetchrow("select * from entity where subject = $1", subject)
        assert row is not None
        return {**dict(row), "state": json.loads(row["state"]) if row["state"] else None}


@pytest.fixture
async def reader(database: Database) -> AsyncIterator[Reader]:
    """A reader that knows nothing yet."""
    conn = await asyncpg.connect(await database("reporting"))
    yield Reader(conn)
    await conn.close()


async def test_a_first_event_and_the_next(reader: Reader) -> None:
    """States chain from none, inside a batch and across batches; the entity's row is the last."""
    home = uuid4()
    outcome = await reader.take(record(0, home, 1), record(1, home, 2))
    await reader.take(record(2, home, 3))
    years = [(year(c.before), year(c.after)) for c in reader.changes]
    assert years == [(None, 2001), (2001, 2002), (2002, 2003)]
    assert (len(outcome.changes), outcome.repeats, outcome.gaps, outcome.unreadable) == (2, 0, 0, 0)
    row = await reader.entity(home)
    assert (row["version"], row["source"], row["kind"], row["unit"]) == (3, "members", "members.household", "06760")
    assert year(row["state"]) == 2003


async def test_a_repeat_and_a_repeated_batch_change_nothing(reader: Reader) -> None:
    """The same event again, alone or in its whole batch, is dropped."""
    home, other = uuid4(), uuid4()
    batch = [record(0, home, 1), record(1, other, 1), record(2, home, 2)]
    await reader.take(*batch)
    again = await reader.take(*batch)
    assert (again.repeats, again.changes) == (3, [])
    once = await reader.take(record(3, home, 2), record(4, home, 2, {"status_year": 2077}))
    assert (once.repeats, once.changes) == (2, [])
    assert reader.applied(home) == [1, 2]
    assert year((await reader.entity(home))["state"]) == 2002


@pytest.mark.parametrize("batches", [[[2, 1]], [[2], [1]], [[3, 2, 3], [2], [1, 3]], [[3], [1], [2, 2]]])
async def test_a_reordered_duplicate_is_put_in_order(reader: Reader, batches: list[list[int]]) -> None:
    """A later version that comes first waits for the earlier one, then both are applied once."""
    home, offset = uuid4(), 0
    for batch in batches:
        await reader.take(*(record(offset + n, home, version) for n, version in enumerate(batch)))
        offset += len(batch)
    assert reader.applied(home) == sorted({version for batch in batches for version in batch})
    assert await reader.parked() == []


async def test_a_gap_holds_back_its_own_entity_only(reader: Reader) -> None:
    """Version 3 waits for 2 while another entity goes on; then both come, in order."""
    home, other = uuid4(), uuid4()
    outcome = await reader.take(record(0, home, 1), record(1, home, 3), record(2, other, 1))
    await reader.take(record(3, home, 4), record(4, other, 2))
    assert (outcome.gaps, reader.applied(home), reader.applied(other)) == (1, [1], [1, 2])
    assert await reader.parked() == [(1, 3, "gap"), (3, 4, "gap")]
    await reader.take(record(5, home, 2))
    assert reader.applied(home) == [1, 2, 3, 4]
    assert await reader.parked() == []


async def test_a_parked_event_that_comes_again_is_parked_once(reader: Reader) -> None:
    """The same record fetched again leaves one row, and a copy of a waiting version counts as a repeat."""
    home = uuid4()
    early = record(7, home, 2)
    await reader.take(early)
    again = await reader.take(early, record(8, home, 2))
    assert (again.repeats, again.gaps) == (2, 0)
    assert await reader.parked() == [(7, 2, "gap")]


async def test_an_unreadable_event_parks_its_own_entity(reader: Reader) -> None:
    """Its later events wait behind it, in the same batch and after; everybody else's flow."""
    home, other = uuid4(), uuid4()
    broken = {"poverty_status": "rich"}
    outcome = await reader.take(record(0, home, 1), record(1, home, 2, broken), record(2, home, 3), record(3, other, 1))
    await reader.take(record(4, home, 4), record(5, other, 2))
    assert (outcome.unreadable, outcome.gaps) == (1, 1)
    assert (reader.applied(home), reader.applied(other)) == ([1], [1, 2])
    assert await reader.parked() == [(1, None, "unreadable"), (2, 3, "behind"), (4, 4, "behind")]
    row = await reader.conn.fetchrow("select * from parked where reason = 'unreadable'")
    assert row is not None
    assert "poverty_status" in row["error"]
    assert (row["subject"], row["unit"], json.loads(row["raw"])["version"]) == (home, "06760", 2)
    assert (await reader.entity(home))["version"] == 1


async def test_redrive_applies_in_order_once_the_reader_has_learnt(reader: Reader) -> None:
    """While it cannot read, redrive parks the same again; when it can, the whole tail is applied, in order."""
    home = uuid4()

    def ignorant(raw: bytes) -> Event:
        event = read(raw)
        return event if event.version != 2 else Event.model_validate({})

    records = [record(n, home, n + 1) for n in range(4)]
    async with reader.conn.transaction():
        await settle(reader.conn, records, ignorant, EVENTS, reader.apply)
    before = await reader.parked()
    async with reader.conn.transaction():
        still = await redrive(reader.conn, home, ignorant, EVENTS, reader.apply)
    assert still is not None
    assert (still.unreadable, still.changes) == (1, [])
    assert await reader.parked() == before == [(1, None, "unreadable"), (2, 3, "behind"), (3, 4, "behind")]
    done = await reader.redrive(home)
    assert done is not None
    assert len(done.changes) == 3
    assert reader.applied(home) == [1, 2, 3, 4]
    assert await reader.parked() == []
    assert await reader.redrive(home) is None


async def test_of_what_is_nothing_to_the_reader_nothing_is_kept(reader: Reader) -> None:
    """Neither applied nor parked, not even where its contract fails; the others of the batch are."""
    home, other = uuid4(), uuid4()

    def choosy(raw: bytes) -> Event | None:
        return None if str(other).encode() in raw else read(raw)

    records = [record(0, other, 1), record(1, home, 1), record(2, other, 9, {"branch": None})]
    async with reader.conn.transaction():
        outcome = await settle(reader.conn, records, choosy, EVENTS, reader.apply)
    assert reader.applied(home) == [1]
    assert (len(outcome.changes), outcome.unreadable, outcome.gaps) == (1, 0, 0)
    assert await reader.parked() == []
    assert await reader.conn.fetchval("select count(*) from entity") == 1


async def test_an_unknown_type_takes_its_version_and_keeps_the_state(reader: Reader) -> None:
    """A newer writer's event does not stop its entity: what is known stays, what follows is applied to it."""
    home = uuid4()
    outcome = await reader.take(record(0, home, 1), record(1, home, 2, {"new": 1}, type=NEWER, unit="06970"))
    assert (outcome.unknown, len(outcome.changes)) == (1, 2)
    row = await reader.entity(home)
    assert (row["version"], row["unit"], year(row["state"])) == (2, "06760", 2001)
    await reader.take(record(2, home, 3))
    assert reader.changes[-1].before == reader.changes[0].after
    assert reader.applied(home) == [1, 2, 3]


async def test_an_entity_whose_first_event_is_unknown(reader: Reader) -> None:
    """It has a version and a place but no state, until an event that is known."""
    home = uuid4()
    await reader.take(record(0, home, 1, type=NEWER))
    row = await reader.entity(home)
    assert (row["version"], row["unit"], row["state"]) == (1, "06760", None)
    await reader.take(record(1, home, 2))
    assert (reader.changes[-1].before, year((await reader.entity(home))["state"])) == (None, 2002)


async def test_a_move_between_units_says_where_from(reader: Reader) -> None:
    """The change carries the place before, in a batch and across batches, and the row the place after."""
    home, old, new = uuid4(), uuid4(), uuid4()
    await reader.take(record(0, home, 1, branch=str(old)), record(1, home, 2, unit="06970", branch=str(new)))
    await reader.take(record(2, home, 3, branch=None))
    places = [(c.before_unit, c.before_branch, c.event.unit, c.event.branch) for c in reader.changes]
    assert places == [(None, None, "06760", old), ("06760", old, "06970", new), ("06970", new, "06760", None)]
    row = await reader.entity(home)
    assert (row["unit"], row["branch"]) == ("06760", None)


@pytest.mark.parametrize("raw", [b"", b"null", b"{", b"\x00\xff\xfe", b'{"subject": 1}', b"[" * 5000])
@pytest.mark.parametrize("key", [None, b"", b"\xff\x00", b"not an id"])
async def test_garbage_is_kept_as_it_came_and_stops_nobody(reader: Reader, raw: bytes, key: bytes | None) -> None:
    """Bytes that are no event, under a key that names nobody, are parked without an entity."""
    home = uuid4()
    outcome = await reader.take(Record(TOPIC, 3, 0, key, raw), record(1, home, 1))
    assert (outcome.unreadable, reader.applied(home)) == (1, [1])
    rows = await reader.conn.fetch("select subject, version, reason, raw from parked")
    assert [tuple(row) for row in rows] == [(None, None, "unreadable", raw)]


async def test_garbage_under_an_entitys_key_parks_that_entity(reader: Reader) -> None:
    """What is missing is then known to be unreadable, so what follows waits behind it."""
    home = uuid4()
    await reader.take(record(0, home, 1), Record(TOPIC, 0, 1, str(home).encode(), b"{"), record(2, home, 3))
    assert await reader.parked() == [(1, None, "unreadable"), (2, 3, "behind")]


async def test_a_good_event_without_a_key_is_applied(reader: Reader) -> None:
    """The entity is the envelope's subject; the key only chose the partition."""
    home = uuid4()
    await reader.take(Record(TOPIC, 0, 0, None, value(home, 1)))
    assert reader.applied(home) == [1]


@pytest.mark.parametrize(
    "envelope",
    [{"version": 2**31}, {"version": 2**70}, {"version": 1.5}, {"sequence": 2**63}, {"occurredon": "2025-02-30"}],
)
async def test_numbers_no_column_holds_are_unreadable_not_a_crash(reader: Reader, envelope: dict[str, Any]) -> None:
    """An envelope out of bounds is the message's own fault: it is parked."""
    home = uuid4()
    outcome = await reader.take(record(0, home, 1, **envelope))
    assert outcome.unreadable == 1
    assert await reader.parked() == [(0, None, "unreadable")]


async def test_a_handler_that_fails_leaves_nothing_behind(reader: Reader) -> None:
    """Entities, parked events and effects are one transaction: all or nothing."""
    home = uuid4()

    async def bug(_: Connection, __: Sequence[Change]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with reader.conn.transaction():
            await settle(reader.conn, [record(0, home, 1), record(1, home, 3)], read, EVENTS, bug)
    assert await reader.parked() == []
    assert await reader.conn.fetch("select 1 from entity") == []
