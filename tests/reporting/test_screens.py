"""Screens already made: what comes later is added, nothing is missed, nothing is shown as fresher than it is."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis.settings import Settings
from services.reporting.contributions import commands
from services.reporting.contributions.periods import Period
from services.reporting.dashboards import queries
from services.reporting.dashboards.board import Board
from services.reporting.freshness.queries import Sample, sample
from services.reporting.main import SERVICE
from services.reporting.stream.queries import MOST, news
from services.reporting.stream.turns import Turns
from tests.chassis.bus import until
from tests.conftest import Api
from tests.issuer import Issuer
from tests.reporting.states import BRANCHES, UNITS, borrower_state, change, loan_state, member_state, spell

START, PATH = date(2024, 1, 1), "/v1/dashboards/06760?from=2024-01-01&to=2024-12-31"
days = st.integers(0, 60).map(lambda n: START + timedelta(days=n))
movements = st.lists(
    st.tuples(st.sampled_from(["member", "loan", "borrower"]), st.integers(0, 5), days, st.integers(0, 50)),
    min_size=1,
    max_size=20,
)


def state(kind: str, day: date, number: int) -> dict[str, Any]:
    """Some state of an entity."""
    if kind == "loan":
        back = [("principal", 50 - number, day)] if number < 50 else []
        return loan_state(START + timedelta(days=20), ("disbursement", 50, START), *back, place=number)
    if kind == "borrower":
        moves = [("disbursement", 10, day), ("disbursement", 10, START + timedelta(days=number))]
        return borrower_state(START + timedelta(days=20), *moves, place=number)
    place = {"unit": UNITS[number % 2], "branch": str(BRANCHES[number % 4])}
    fields: dict[str, Any] = {
        "ethnicity": ("01", "09")[number % 2],
        "core": number % 3 == 0,
        "poverty_status": ("poor", None)[number % 2],
    }
    began = spell(START, **place, **fields)
    left = spell(day, "ended", **place, **fields, status="left", leaving_reason="own_wish")
    moved = spell(day, "moved", unit=UNITS[1 - number % 2], branch=str(BRANCHES[3]), **fields)
    after = {0: [left], 1: [moved]}.get(number % 5, []) if day > START else []
    return {**member_state(began, *after), "birth_year": 1950 + number}


def history(movements: list[tuple[str, int, date, int]]) -> Iterator[Any]:
    """A change for each movement; entities move between branches and communes too."""
    before: dict[UUID, tuple[int, dict[str, Any], str, UUID]] = {}
    for kind, number, day, chance in movements:
        subject = UUID(int=number + 100 * len(kind))
        version, was, unit, branch = before.get(subject, (0, None, "", BRANCHES[0]))
        after, place = state(kind, day, chance), (UNITS[chance % 2], BRANCHES[chance % 4])
        service = "members" if kind == "member" else "loans"
        step = change(f"{service}.{kind}", subject, version + 1, day, *place, before=was, after=after)
        if was is not None:
            step = step._replace(before_unit=unit, before_branch=branch)
        before[subject] = version + 1, after, *place
        yield step


def figures(board: Board) -> dict[str, Any]:
    """The screen without its freshness."""
    return board.shown(board.seen, "vi").model_dump(exclude={"freshness"})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(movements, st.integers(0, 20), st.tuples(days, days).map(sorted))
async def test_a_board_to_which_news_is_added_is_the_board_made_anew(
    url: str, movements: list[tuple[str, int, date, int]], made_after: int, between: list[date]
) -> None:
    """Whatever happens, whenever the board was made: at each tier the same cards, series, breakdowns and parts."""
    conn = await asyncpg.connect(url)
    await conn.execute("truncate contribution, rollup, rollup_month")
    period = Period(*between)
    boards: list[Board] = []
    for number, step in enumerate([*history(movements), None]):
        if number == min(made_after, len(movements)):
            boards = [await queries.board(conn, code, period) for code in ("22", *UNITS)]
        if step is not None:
            await commands.apply(conn, [step])
    try:
        since = boards[0].seen
        found = await news(conn, since)
        assert found.parts is not None
        for board in boards:
            for part in found.parts:
                if board.unit in ("22", part.unit):
                    board.add(part)
            assert figures(board) == figures(await queries.board(conn, board.unit, period))
        assert (await news(conn, found.sample)).parts == []
    finally:
        await conn.close()


async def test_news_comes_once_whatever_order_transactions_end_in(url: str) -> None:
    """A transaction that began first and commits last is news when it commits, and once; a board knows what it saw."""
    conn, slow, quick = [await asyncpg.connect(url) for _ in range(3)]
    transaction = slow.transaction()
    await transaction.start()
    await commands.apply(slow, [enrolment(1)])
    first = await sample(conn)
    await commands.apply(quick, [enrolment(2)])
    found = await news(conn, first)
    assert found.parts
    assert len({part.transaction for part in found.parts}) == 1
    assert all(found.sample.sees(part.transaction) and not first.sees(part.transaction) for part in found.parts)
    await transaction.commit()
    late = await news(conn, found.sample)
    assert late.parts
    assert {part.transaction for part in late.parts}.isdisjoint({p.transaction for p in found.parts})
    assert not any(found.sample.sees(part.transaction) for part in late.parts)
    assert (await news(conn, late.sample)).parts == []
    for each in (conn, slow, quick):
        await each.close()


async def test_more_news_than_is_worth_adding_is_not_told_apart(url: str) -> None:
    """Above the limit, and with no sample before, any number of parts may have come."""
    conn = await asyncpg.connect(url)
    first = await sample(conn)
    await commands.apply(conn, [enrolment(number) for number in range(MOST // 2 + 1)])
    assert (await news(conn, first)).parts is None
    assert (await news(conn, None)).parts is None
    await conn.close()


@pytest.mark.parametrize(("transaction", "seen"), [(9, True), (10, False), (11, True), (12, False), (13, False)])
def test_what_a_snapshot_sees(transaction: int, seen: bool) -> None:
    """Of 10 and 12 under way, 13 not begun: 9 and 11 are seen."""
    assert Sample(0, "10:13:10,12", {}, {}, {}).sees(transaction) == seen  # type: ignore[arg-type]


def enrolment(number: int, unit: str = "06760") -> Any:
    """A member joins."""
    return change(
        "members.member",
        uuid4(),
        1,
        date(2024, 1, 5),
        unit,
        BRANCHES[number % 4],
        before=None,
        after=member_state(spell(unit=unit, branch=str(BRANCHES[number % 4]))),
    )._replace(shard=number)


async def applied(url: str, *units: str) -> None:
    """Members of these units are enrolled, in one transaction."""
    conn = await asyncpg.connect(url)
    async with conn.transaction():
        await commands.apply(conn, [enrolment(number, unit) for number, unit in enumerate(units)])
    await conn.close()


def active(answer: httpx.Response) -> int:
    """The members on a screen."""
    value: int = answer.json()["cards"][0]["value"]
    return value


async def test_an_answer_that_waited_holds_its_write(api: Api, url: str) -> None:
    """A kept screen asked with Wait-For for a write of the moment before never lacks it, nor does any later answer."""
    reporting = await api("reporting", url)
    conn = await asyncpg.connect(url)
    await reporting.get(PATH)
    for number in range(1, 30):
        subject = UUID(int=number)
        async with conn.transaction():
            await conn.execute(
                "insert into entity values ($1, 'members', 'members.member', 1, '06760', null, '{}', now())", subject
            )
            await commands.apply(conn, [enrolment(number)])
        waited = await reporting.get(PATH, headers={"wait-for": f"members:{subject}@1"})
        assert (active(waited), active(await reporting.get(PATH))) == (number, number)
    await conn.close()


async def test_a_screen_being_made_takes_what_is_committed_meanwhile(api: Api, url: str) -> None:
    """Requests for many screens while members are enrolled: in the end each has all, though none was made twice."""
    reporting = await api("reporting", url)
    periods = [f"/v1/dashboards/{code}?from=2024-01-01&to=2024-12-{day}" for code in ("22", *UNITS) for day in (30, 31)]

    async def ask() -> None:
        for _ in range(5):
            await asyncio.gather(*(reporting.get(path) for path in periods))

    await asyncio.gather(ask(), *(applied(url, *UNITS) for _ in range(20)))
    await reporting._transport.app.state.applied.catch_up()  # type: ignore[attr-defined]
    assert [active(await reporting.get(path)) for path in periods] == [40, 40, 20, 20, 20, 20]


async def test_a_listener_that_is_lost_makes_no_answer_late(api: Api, url: str) -> None:
    """While no notification can come, each answer is read up first: at once it holds what was committed before."""
    reporting = await api("reporting", url)
    app = reporting._transport.app  # type: ignore[attr-defined]
    await reporting.get(PATH)

    async def connected() -> bool:
        return bool(app.state.applied.connected)

    await until(connected)  # a connection still being made would be taken for one that came back
    app.state.applied.connected = False
    for number in range(1, 10):
        await applied(url, "06760")
        assert active(await reporting.get(PATH)) == number


async def test_an_application_ends_while_news_keeps_coming(url: str, issuer: Issuer) -> None:
    """Neither a reading under way nor a bell rung at that moment keeps a process from ending."""
    made = SERVICE.create_app(Settings(database_url=url, issuer_url=issuer.url))
    async with asyncio.timeout(30):
        for _ in range(20):
            async with made.router.lifespan_context(made):
                made.state.applied.heard("06760")
            assert not made.state.applied.connected


async def test_freshness_is_never_ahead_of_the_figures(api: Api, url: str) -> None:
    """Each batch counts one member and moves the position by one: an answer's position never exceeds its members."""
    reporting = await api("reporting", url)
    conn = await asyncpg.connect(url)
    await conn.execute("insert into consumer_offset (topic, partition, next_offset) values ('danvan.members', 0, 0)")

    async def batches() -> None:
        for number in range(40):
            async with conn.transaction():
                await commands.apply(conn, [enrolment(number)])
                await conn.execute("update consumer_offset set sequence = sequence + 1")

    writing = asyncio.create_task(batches())
    seen = set()
    while not writing.done():
        answer = await reporting.get(PATH)
        position = answer.json()["freshness"]["sources"][0]["position"]
        assert position <= active(answer)
        seen.add(position)
        await asyncio.sleep(0)  # a kept screen is answered without ever waiting
    await writing
    await conn.close()
    await reporting._transport.app.state.applied.catch_up()  # type: ignore[attr-defined]
    last = await reporting.get(PATH)
    assert (active(last), last.json()["freshness"]["sources"][0]["position"]) == (40, 40)
    assert len(seen) > 1


async def test_a_programme_that_is_renamed_is_renamed_on_kept_screens(api: Api, url: str) -> None:
    """Names come with the news, though no figure has changed; the tag changes with them."""
    reporting = await api("reporting", url)
    conn = await asyncpg.connect(url)
    owed = loan_state(date(2025, 1, 1), ("disbursement", 60, START))
    loan = change("loans.loan", uuid4(), 1, START, "06760", BRANCHES[0], before=None, after=owed)
    await commands.apply(conn, [loan])
    first = await reporting.get(PATH)
    await conn.execute(
        """
        insert into entity values (gen_random_uuid(), 'loans', 'loans.programme', 1, '22', null,
            '{"code": "job_creation", "name_vi": "Mới", "name_en": "New", "valid_from": "2024-01-01"}', now())
        """
    )
    await conn.close()
    await reporting._transport.app.state.applied.catch_up()  # type: ignore[attr-defined]
    again = await reporting.get(PATH)
    assert again.json()["breakdowns"][3]["items"][0]["name"] == "Mới"
    assert again.headers["etag"] != first.headers["etag"]


async def test_a_screen_is_made_once_for_all_who_ask(api: Api, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many requests at once one reads the log; the others get what it made."""
    reporting = await api("reporting", url)
    reporting._transport.app.state.applied.connected = True  # type: ignore[attr-defined]
    made, board = [], queries.board

    async def counted(*args: Any, **named: Any) -> Board:
        made.append(args)
        return await board(*args, **named)

    monkeypatch.setattr(queries, "board", counted)
    answers = await asyncio.gather(*(reporting.get(PATH) for _ in range(20)))
    assert len({answer.headers["etag"] for answer in answers}) == len(made) == 1


async def test_turns_are_shared_and_follow_one_another() -> None:
    """`join` shares the run under way; `next` shares one that begins afterwards; a failure reaches all who wait."""
    gate, begun = asyncio.Event(), asyncio.Event()
    runs: list[int] = []

    async def work() -> int:
        number = len(runs)
        runs.append(number)
        begun.set()
        await gate.wait()
        if number == 2:
            raise ValueError(number)
        return number

    turns = Turns(work)
    waiting = [asyncio.create_task(each) for each in (turns.join(), turns.join(), turns.next(), turns.next())]
    await begun.wait()
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*waiting) == [0, 0, 1, 1]
    failed = await asyncio.gather(turns.join(), turns.join(), return_exceptions=True)
    assert [type(each) for each in failed] == [ValueError, ValueError]
    assert await turns.next() == 3
