"""Savings through groups: sheets of a day, reversals, and sums that are never less than nothing."""

import asyncio
import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.catalog import EVENTS
from services.chassis.clock import today
from services.loans.savings.books import Move, available
from tests.builders import made
from tests.chassis.test_http import problem
from tests.loans.groups import OPENED, act, group, households, save
from tests.loans.lending import pointers, rows

START = date.fromisoformat(OPENED)
JOURNAL = "select type, data from journal where subject = $1 order by version desc limit 1"


async def reverse(loans: httpx.AsyncClient, entry: str) -> httpx.Response:
    """Reverse an entry under a new key."""
    return await loans.post(f"/v1/savings/{entry}/reversal", json={}, headers={"idempotency-key": uuid4().hex})


async def test_a_sheet_is_all_or_nothing(loans: httpx.AsyncClient, url: str) -> None:
    """Money in counts before money out; each line at fault is named, and then nothing is recorded."""
    members = await households(loans, 5)
    (stranger,) = await households(loans, 1)
    formed = await group(loans, members=members)
    a, b = members[:2]
    saved = await made(await save(loans, formed, "2024-03-01", (a, "out", 30), (a, "in", 100), (b, "in", 50)))
    assert (saved["savings"], len(saved["entries"]), saved["version"]) == (120, 3, 2)
    wrong = await save(loans, formed, "2024-04-01", (a, "in", 1), (stranger, "in", 1), (b, "out", 51), (a, "out", 72))
    assert pointers(wrong) == {
        ("/lines/1/borrower", "not_member"),
        ("/lines/2/amount", "over_balance"),
        ("/lines/3/amount", "over_balance"),
    }
    for amount, code in ((0, "greater_than"), (1.5, "int_type"), ("1", "int_type"), (-1, "greater_than")):
        assert pointers(await save(loans, formed, "2024-04-01", (a, "in", amount))) == {("/lines/0/amount", code)}
    for day, code in (("2024-01-09", "before_opening"), (str(today() + timedelta(days=1)), "future")):
        assert pointers(await save(loans, formed, day, (a, "in", 1))) == {("/occurred_on", code)}
    (event,) = await rows(url, JOURNAL, UUID(formed["id"]))
    assert json.loads(event["data"])["savings"] == [{"on": "2024-03-01", "amount": 120}]
    EVENTS[event["type"]].model_validate(json.loads(event["data"]))
    listed = (await loans.get(f"/v1/groups/{formed['id']}/savings", params={"borrower": a})).json()["items"]
    assert [(each["kind"], each["amount"]) for each in listed] == [("out", 30), ("in", 100)]
    assert [each["savings"] for each in (await loans.get(f"/v1/groups/{formed['id']}/members")).json()["items"]] == [
        *(70, 50, 0, 0, 0)
    ]


async def test_money_needs_a_key_and_a_key_is_one_sheet(loans: httpx.AsyncClient, url: str) -> None:
    """428 without; twenty at once with one key are one sheet; If-Match is obeyed when it is sent."""
    members = await households(loans, 5)
    formed = await group(loans, members=members)
    path = f"/v1/groups/{formed['id']}/savings"
    body = {"occurred_on": "2024-03-01", "lines": [{"borrower": members[0], "kind": "in", "amount": 10}]}
    assert pointers(await loans.post(path, json=body), 428) == {("header:idempotency-key", "missing")}
    answers = await asyncio.gather(
        *(loans.post(path, json=body, headers={"idempotency-key": "one"}) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert (await rows(url, "select count(*), sum(moved) from saving"))[0][:] == (1, 10)
    stale = await save(loans, formed, "2024-03-01", (members[0], "in", 1), **{"if-match": '"1"'})
    assert stale.status_code == 412
    entry = answers[0].json()["entries"][0]
    keyless = await loans.post(f"/v1/savings/{entry}/reversal", json={})
    assert pointers(keyless, 428) == {("header:idempotency-key", "missing")}


async def test_nobody_takes_out_what_others_took(loans: httpx.AsyncClient) -> None:
    """Ten at once of a tenth and a bit each: nine fit."""
    members = await households(loans, 5)
    formed = await group(loans, members=members)
    await made(await save(loans, formed, "2024-03-01", (members[0], "in", 1_000)))
    answers = await asyncio.gather(*(save(loans, formed, "2024-04-01", (members[0], "out", 101)) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] * 9 + [422]


async def test_an_entry_is_reversed_once_if_the_money_is_there(loans: httpx.AsyncClient, url: str) -> None:
    """It counts on no day any more; not a reversal, not twice, not what was taken out since."""
    members = await households(loans, 5)
    formed = await group(loans, members=members)
    first = (await made(await save(loans, formed, "2024-03-01", (members[0], "in", 100))))["entries"][0]
    out = (await made(await save(loans, formed, "2024-04-01", (members[0], "out", 60))))["entries"][0]
    problem(await reverse(loans, first), 409, "entry-needed")
    back = await made(await reverse(loans, out))
    assert back["savings"] == 100
    problem(await reverse(loans, out), 409, "entry-reversed")
    problem(await reverse(loans, back["entries"][0]), 409, "entry-is-reversal")
    assert (await made(await reverse(loans, first)))["savings"] == 0
    (event,) = await rows(url, JOURNAL, UUID(formed["id"]))
    assert (event["type"], json.loads(event["data"])["savings"]) == ("vn.danvan.loans.group.saving_reversed.v1", [])
    assert (await reverse(loans, str(uuid4()))).status_code == 404
    items = (await loans.get(f"/v1/groups/{formed['id']}/savings")).json()["items"]
    assert {each["id"]: each["reversed_by"] for each in items if each["kind"] == "out"} == {out: back["entries"][0]}


async def test_who_left_takes_out_and_puts_nothing_in(loans: httpx.AsyncClient) -> None:
    """Nor is she said to have left before she put something in."""
    members = await households(loans, 6)
    formed = await group(loans, members=members)
    await made(await save(loans, formed, "2024-03-01", (members[0], "in", 100)))
    leaving = f"members/{members[0]}/leaving"
    problem(await act(loans, formed, leaving, {"left_on": "2024-03-01"}), 409, "member-saved")
    await made(await act(loans, formed, leaving, {"left_on": "2024-03-02"}), 200)
    late = await save(loans, formed, "2024-03-02", (members[0], "in", 1))
    assert pointers(late) == {("/lines/0/borrower", "not_member")}
    assert (await made(await save(loans, formed, "2024-05-01", (members[0], "out", 100))))["savings"] == 0


async def test_nothing_comes_into_a_closed_group(loans: httpx.AsyncClient, url: str) -> None:
    """Late money that stays, and money that comes back by a reversal, are refused; what went in and out is not."""
    members = await households(loans, 5)
    formed = await group(loans, members=members)
    first = await made(await save(loans, formed, "2024-03-01", (members[0], "in", 100)))
    out = (await made(await save(loans, formed, "2024-04-01", (members[0], "out", 100))))["entries"][0]
    await made(await act(loans, formed, "closing", {"closed_on": "2024-09-01"}), 200)
    problem(await save(loans, formed, "2024-05-01", (members[1], "in", 1)), 409, "group-has-savings")
    problem(await reverse(loans, out), 409, "group-has-savings")
    problem(await reverse(loans, first["entries"][0]), 409, "entry-needed")
    late = await save(loans, formed, "2024-05-01", (members[1], "in", 7), (members[1], "out", 7))
    assert ((await made(late))["savings"], late.json()["closed_on"]) == (0, "2024-09-01")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="closed group"):
        await rows(url, BY_HAND.format("'reversal'", "amount", "id", "kind") + f"where id = '{out}'")


BY_HAND = """
    insert into saving (id, credit_group, borrower, kind, amount, occurred_on, reverses, reverses_kind, recorded_at)
    select gen_random_uuid(), credit_group, borrower, {}, {}, occurred_on, {}, {}, recorded_at from saving
"""


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("update saving set amount = 1", asyncpg.InsufficientPrivilegeError),
        ("delete from saving", asyncpg.InsufficientPrivilegeError),
        ("truncate saving", asyncpg.InsufficientPrivilegeError),
        (BY_HAND.format("'out'", 101, "null", "null"), asyncpg.IntegrityConstraintViolationError),
        (BY_HAND.format("'reversal'", 99, "id", "kind"), asyncpg.ForeignKeyViolationError),
    ],
)
async def test_the_database_keeps_the_book(
    loans: httpx.AsyncClient, url: str, statement: str, error: type[Exception]
) -> None:
    """Append-only; nothing overdrawn, no reversal that is not a mirror, whoever writes."""
    members = await households(loans, 5)
    formed = await group(loans, members=members)
    await made(await save(loans, formed, "2024-03-01", (members[0], "in", 100)))
    with pytest.raises(error):
        await rows(url, statement)


moves = st.lists(st.tuples(st.integers(0, 20), st.integers(-30, 30)).map(lambda m: Move(START + timedelta(m[0]), m[1])))


@given(moves, st.integers(-5, 25))
def test_what_is_available_is_what_every_later_day_can_spare(moves: list[Move], offset: int) -> None:
    """The smallest balance of that day and all after it, by brute count."""
    on = START + timedelta(offset)
    days = [on + timedelta(n) for n in range(40)]
    assert available(moves, on) == min(sum(m.amount for m in moves if m.on <= day) for day in days)


sheets = st.lists(
    st.tuples(st.sampled_from(["in", "out", "reverse"]), st.integers(0, 2), st.integers(1, 60), st.integers(0, 300)),
    max_size=16,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sheets)
async def test_no_sum_is_ever_less_than_nothing(
    loans: httpx.AsyncClient, url: str, sheets: list[tuple[str, int, int, int]]
) -> None:
    """Of a household, of its group, of the branch and of the commune: four sums, on every day, in whatever order things
    are recorded or reversed; and the journal says the same."""
    branch, people = str(uuid4()), await households(loans, 3)
    made_of = {"branch": branch, "name": uuid4().hex, "members": [*people[:2], *await households(loans, 3)]}
    other = {"branch": branch, "name": uuid4().hex, "members": [people[2], *await households(loans, 4)]}
    groups = [await group(loans, **made_of), await group(loans, **other)]
    kept: dict[str, tuple[int, int, int]] = {}
    for what, who, amount, days in sheets:
        day, in_ = str(START + timedelta(days=days)), groups[who // 2]
        if what == "reverse":
            if kept:
                entry = list(kept)[amount % len(kept)]
                if (await reverse(loans, entry)).status_code == 201:
                    del kept[entry]
            continue
        answer = await save(loans, in_, day, (people[who], what, amount))
        if answer.status_code == 201:
            kept[answer.json()["entries"][0]] = (who, days, amount if what == "in" else -amount)
    for days in {0, 300, *(days for _, days, _ in kept.values())}:
        held = [sum(a for w, d, a in kept.values() if w == who and d <= days) for who in range(3)]
        assert min(held) >= 0
        asked: dict[str, Any] = {"branch": branch, "as_of": str(START + timedelta(days=days))}
        shown = {each["id"]: each for each in (await loans.get("/v1/groups", params=asked)).json()["items"]}
        assert [shown[each["id"]]["savings"] for each in groups] == [held[0] + held[1], held[2]]
    for each, whose in zip(groups, ((0, 1), (2,)), strict=True):
        (event,) = await rows(url, JOURNAL, UUID(each["id"]))
        told = {saved["on"]: saved["amount"] for saved in json.loads(event["data"])["savings"]}
        net: dict[str, int] = {}
        for who, days, amount in kept.values():
            if who in whose:
                day = str(START + timedelta(days=days))
                net[day] = net.get(day, 0) + amount
        assert told == {day: amount for day, amount in net.items() if amount}
