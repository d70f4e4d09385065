"""The portfolio as supervised: overdue debt by age, money from state to state, what is expected; to the last đồng."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis.clock import today
from services.loans.entries.interest import months_after
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.issuer import Issuer
from tests.loans.groups import group
from tests.loans.lending import TERMS, act, borrower, contract, entry, pointers

START = date(2022, 1, 10)
PARTS = [(1, 30), (31, 90), (91, 180), (181, 360), (361, None)]
STATES = [
    *("in_term", "overdue_1_30", "overdue_31_90", "overdue_91_180", "overdue_181_360", "overdue_361", "frozen", "none"),
]
KINDS = ("disbursements", "repayments", "extensions", "overdue", "freezes", "unfreezing", "write-off")
SIGNS = {"disbursements": "disbursed", "repayments": "repaid", "write-off": "written_off"}
steps = st.lists(st.tuples(st.integers(0, 900), st.sampled_from(KINDS), st.integers(1, 60)), max_size=6)
drawn = st.lists(st.tuples(steps, st.integers(20, 700), st.sampled_from(["job_creation", "water"])), max_size=3)
PROPERTY = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
async def two(loans: httpx.AsyncClient) -> httpx.AsyncClient:
    """The loans service with two programmes."""
    await made(await loans.post("/v1/programmes", json={**TERMS, "code": "water", "annual_rate_ppm": 90_000}))
    return loans


async def asked(loans: httpx.AsyncClient, what: str, **params: Any) -> dict[str, Any]:
    """An answer about the portfolio."""
    return await made(await loans.get(f"/v1/portfolio/{what}", params=params), 200)


async def lent(loans: httpx.AsyncClient, amount: int, day: str, branch: str | None = None, **fields: Any) -> str:
    """A loan of a new household, disbursed on a day."""
    who = await borrower(loans, customer_since="2020-01-01", **({"branch": branch} if branch else {}))
    opened = await made(await loans.post("/v1/loans", json=contract(who, **fields)))
    await made(await entry(loans, opened["id"], "disbursements", amount, day))
    return str(opened["id"])


async def portfolio(
    loans: httpx.AsyncClient, drawn: Sequence[tuple[Sequence[tuple[int, str, int]], int, str]]
) -> tuple[str, list[str], list[tuple[date, str, int]]]:
    """A branch of its own, its loans, and the money that moved, by day and kind: of what was drawn what can be."""
    branch, ids, moved = str(uuid4()), [], []
    for lines, term, programme in drawn:
        due = START + timedelta(days=term)
        one = await lent(loans, 100, str(START), branch, programme=programme, due_on=str(due))
        ids.append(one)
        moved.append((START, "disbursements", 100))
        for days, kind, amount in sorted(lines):
            on = START + timedelta(days=days)
            said: dict[str, Any] = {"amount": amount}
            if kind == "repayments":
                said = {"principal": amount}
            elif kind == "extensions":
                said = {"until": str(due + timedelta(days=amount))}
            elif kind == "freezes":
                said |= {"until": str(on + timedelta(days=3 * amount)), "damage_percent": 90}
            answer = await act(loans, one, kind, occurred_on=str(on), **said)
            assert answer.status_code in (201, 409, 422), answer.text
            if answer.status_code == 201:
                moved.append((on, kind, amount))
    return branch, ids, moved


async def held(loans: httpx.AsyncClient, ids: list[str], day: date) -> list[dict[str, Any]]:
    """The loans with their balances on a day."""
    return [(await loans.get(f"/v1/loans/{one}", params={"as_of": str(day)})).json() for one in ids]


def part(loan: dict[str, Any], day: date) -> int:
    """In which part the overdue debt of a loan is."""
    days = (day - date.fromisoformat(loan["overdue_since"])).days + 1
    return next(n for n, (_, last) in enumerate(PARTS) if last is None or days <= last)


def by_state(found: list[dict[str, Any]], day: date) -> dict[str, int]:
    """What loans owe on a day by state."""
    owed = dict.fromkeys(STATES, 0)
    for loan in found:
        owed["in_term"] += loan["in_term"]
        owed["frozen"] += loan["frozen"]
        if loan["overdue"]:
            owed[STATES[1 + part(loan, day)]] += loan["overdue"]
    return owed


@PROPERTY
@given(drawn, st.integers(0, 1300))
async def test_overdue_debt_is_aged_to_the_last_dong(two: httpx.AsyncClient, drawn: Any, days: int) -> None:
    """By programme and in all: each part is the plain sum of the loans' balances of that age, and all are overdue."""
    branch, ids, _ = await portfolio(two, drawn)
    day = START + timedelta(days=days)
    plain: dict[str, list[list[int]]] = {}
    for loan in await held(two, ids, day):
        if loan["overdue"]:
            sums = plain.setdefault(loan["programme"], [[0, 0] for _ in PARTS])[part(loan, day)]
            sums[0], sums[1] = sums[0] + 1, sums[1] + loan["overdue"]
    found = await asked(two, "ageing", branch=branch, as_of=str(day))
    shown = {each["programme"]: [[b["loans"], b["amount"]] for b in each["buckets"]] for each in found["items"]}
    assert shown == plain
    assert [(b["from_days"], b["to_days"]) for b in found["total"]["buckets"]] == PARTS
    assert found["total"]["overdue"] == sum(loan["overdue"] for loan in await held(two, ids, day))
    assert found["total"]["overdue"] == sum(b["amount"] for b in found["total"]["buckets"])
    assert found["total"]["loans"] == sum(each["loans"] for each in found["items"])


@PROPERTY
@given(drawn, st.integers(0, 34), st.integers(0, 60))
async def test_money_moves_to_the_last_dong(two: httpx.AsyncClient, drawn: Any, months: int, days: int) -> None:
    """Rows are the opening balances, columns the closing ones; opening + in - out = closing, as the ledger says."""
    branch, ids, moved = await portfolio(two, drawn)
    first = months_after(date(2022, 1, 1), months)
    as_of = first + timedelta(days=days)
    found = await asked(two, "migration", branch=branch, month=f"{first:%Y-%m}", as_of=str(as_of))
    before, end = first - timedelta(days=1), min(as_of, months_after(first, 1) - timedelta(days=1))
    assert (found["opening_on"], found["closing_on"]) == (str(before), str(end))
    rows = {each["state"]: each for each in found["states"]}
    opened = [loan for loan in await held(two, ids, before) if before >= START]
    assert {name: row["opening"] for name, row in rows.items()} == by_state(opened, before)
    closed = [loan for loan in await held(two, ids, end) if end >= START]
    assert {name: row["closing"] for name, row in rows.items()} == by_state(closed, end)
    flows = {
        name: sum(amount for on, kind, amount in moved if kind == posted and before < on <= end)
        for posted, name in SIGNS.items()
    }
    assert {name: found[name] for name in flows} == flows
    for name in STATES:
        out, into = sum(rows[name]["moved"].values()), sum(row["moved"][name] for row in found["states"])
        if name == "none":
            assert (out, into) == (flows["disbursed"], flows["repaid"] + flows["written_off"])
        else:
            assert (out, into) == (rows[name]["opening"], rows[name]["closing"])
    assert found["opening"] + flows["disbursed"] - flows["repaid"] - flows["written_off"] == found["closing"]
    assert found["closing"] == sum(row["closing"] for row in found["states"])


async def moves(loans: httpx.AsyncClient, **params: Any) -> dict[tuple[str, str], int]:
    """What moved in a month, from where to where."""
    found = await asked(loans, "migration", **params)
    return {(row["state"], to): amount for row in found["states"] for to, amount in row["moved"].items() if amount}


async def test_where_money_went(loans: httpx.AsyncClient) -> None:
    """Falling due, ageing, repaid while more is lent, frozen, written off from where it was, and paid anew on time."""
    branch = str(uuid4())
    one = await lent(loans, 100, "2022-02-01", branch, due_on="2022-06-10")
    await made(await entry(loans, one, "repayments", 30, "2022-04-10"))
    await made(await entry(loans, one, "disbursements", 50, "2022-04-20"))
    assert await moves(loans, branch=branch, month="2022-02") == {("none", "in_term"): 100}
    assert await moves(loans, branch=branch, month="2022-04") == {
        ("in_term", "in_term"): 70,
        ("in_term", "none"): 30,
        ("none", "in_term"): 50,
    }
    assert await moves(loans, branch=branch, month="2022-06") == {("in_term", "overdue_1_30"): 120}
    assert await moves(loans, branch=branch, month="2022-07") == {("overdue_1_30", "overdue_31_90"): 120}
    await made(
        await act(loans, one, "freezes", amount=90, occurred_on="2022-08-01", until="2024-08-01", damage_percent=90)
    )
    assert await moves(loans, branch=branch, month="2022-08") == {
        ("overdue_31_90", "frozen"): 90,
        ("overdue_31_90", "overdue_31_90"): 30,
    }
    await made(await entry(loans, one, "write-off", 40, "2022-09-05"))
    assert await moves(loans, branch=branch, month="2022-09") == {
        ("frozen", "frozen"): 50,
        ("frozen", "none"): 40,
        ("overdue_31_90", "overdue_91_180"): 30,
    }


@PROPERTY
@given(drawn, st.integers(0, 900), st.integers(0, 200), st.integers(0, 400))
async def test_what_is_expected_is_what_is_in_term(
    two: httpx.AsyncClient, drawn: Any, days: int, ahead: int, length: int
) -> None:
    """Principal by its due day, interest by the day on what is in term till then, page after page; rounded once."""
    branch, ids, _ = await portfolio(two, drawn)
    as_of = START + timedelta(days=days)
    first = as_of + timedelta(days=ahead - 60)
    last = first + timedelta(days=length)
    principal: dict[tuple[str, str], int] = defaultdict(int)
    run: dict[tuple[str, str], int] = defaultdict(int)
    for loan in await held(two, ids, as_of):
        due = date.fromisoformat(loan["due_on"])
        for number in range(length + 1):
            day = first + timedelta(days=number)
            key = (f"{day:%Y-%m}", loan["programme"])
            principal[key] += loan["in_term"] * (day == due)
            run[key] += loan["in_term"] * loan["annual_rate_ppm"] * (as_of <= day < due)
    interest = {key: int(Fraction(weighted, 365 * 1_000_000) + Fraction(1, 2)) for key, weighted in run.items()}
    expected = {key: (due, interest[key]) for key, due in principal.items() if due or interest[key]}
    found: dict[tuple[str, str], tuple[int, int]] = {}
    cursor: dict[str, str] = {}
    while True:
        asked_for = {"branch": branch, "as_of": as_of, "from": first, "to": last, "limit": 2, **cursor}
        page = await asked(two, "expected-collections", **{name: str(value) for name, value in asked_for.items()})
        found |= {(each["month"], each["key"]): (each["principal"], each["interest"]) for each in page["items"]}
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert {key: sums for key, sums in found.items() if any(sums)} == expected


async def test_due_days_are_as_extended_and_groups_as_on_the_day(loans: httpx.AsyncClient) -> None:
    """An extension carries principal into its month from its day on; a group's are those of its members."""
    formed = await group(loans)
    members = (await loans.get(f"/v1/groups/{formed['id']}/members")).json()["items"]
    who = {"id": members[0]["borrower"]}
    mine = await made(await loans.post("/v1/loans", json=contract(who, due_on="2024-06-30")))
    await made(await entry(loans, mine["id"], "disbursements", 36_500_000, "2022-02-01"))
    await lent(loans, 70, "2022-02-01", due_on="2024-06-15")
    await made(await act(loans, mine["id"], "extensions", occurred_on="2024-05-10", until="2024-08-31"))
    params = {"from": "2024-05-01", "to": "2024-08-31", "by": "group"}
    before = await asked(loans, "expected-collections", as_of="2024-05-09", **params)
    shown = [(each["month"], each["key"], each["loans"], each["principal"]) for each in before["items"]]
    assert shown == [
        ("2024-05", None, 0, 0),
        ("2024-05", formed["id"], 0, 0),
        ("2024-06", None, 1, 70),
        ("2024-06", formed["id"], 1, 36_500_000),
    ]
    after = await asked(loans, "expected-collections", as_of="2024-05-10", group=formed["id"], **params)
    assert [(each["month"], each["principal"], each["interest"]) for each in after["items"]] == [
        ("2024-05", 0, 22 * 8_382),
        ("2024-06", 0, 30 * 8_382),
        ("2024-07", 0, 31 * 8_382),
        ("2024-08", 36_500_000, 30 * 8_382),
    ]
    early = await asked(loans, "expected-collections", as_of="2024-01-09", group=formed["id"], **params)
    assert early["items"] == []


async def test_the_portfolio_is_that_of_the_reach(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """Another commune's or branch's debt counts nowhere; every figure is of the caller's unit, branch or group."""
    branch, formed = str(uuid4()), await group(loans)
    await lent(loans, 100, "2022-02-01", branch)
    await lent(loans, 40, "2022-02-01")
    for headers, params, overdue in (
        ({}, {}, 140),
        ({}, {"unit": MONG_DUONG, "branch": branch}, 100),
        ({}, {"unit": BA_CHE}, 0),
        ({}, {"group": formed["id"]}, 0),
        (issuer.headers(MONG_DUONG), {}, 140),
        (issuer.headers(MONG_DUONG, branch=branch), {}, 100),
        (issuer.headers(MONG_DUONG, branch=str(uuid4())), {}, 0),
        (issuer.headers(BA_CHE), {}, 0),
    ):
        asked_for = {"as_of": "2025-03-01", **params}
        aged = (await loans.get("/v1/portfolio/ageing", params=asked_for, headers=headers)).json()
        assert aged["total"]["overdue"] == overdue
        moved = await loans.get("/v1/portfolio/migration", params={**asked_for, "month": "2025-01"}, headers=headers)
        assert moved.json()["opening"] == overdue
        asked_for["as_of"] = "2024-12-01"
        due = (await loans.get("/v1/portfolio/expected-collections", params=asked_for, headers=headers)).json()
        assert sum(each["principal"] for each in due["items"]) == overdue
        asked_for["as_of"] = "2025-03-01"
        warned = (await loans.get("/v1/portfolio/warnings", params=asked_for, headers=headers)).json()
        assert sum(each["amount"] for each in warned["items"]) == overdue
    bare = issuer.headers(scope="members:read")
    assert (await loans.get("/v1/portfolio/ageing", headers=bare)).status_code == 403


async def test_what_cannot_be_asked_is_refused(loans: httpx.AsyncClient) -> None:
    """A month to come, or before any; days in the wrong order or too far apart; days that no calendar of ours has."""
    tomorrow = months_after(today().replace(day=1), 1)
    for what, params, expected in (
        ("migration", {}, ("query:month", "missing")),
        ("migration", {"month": "2024-13"}, ("query:month", "string_pattern_mismatch")),
        ("migration", {"month": f"{tomorrow:%Y-%m}"}, ("query:month", "outside")),
        ("migration", {"month": "0001-01"}, ("query:month", "string_pattern_mismatch")),
        ("ageing", {"as_of": "0001-01-01"}, ("query:as_of", "greater_than_equal")),
        ("warnings", {"as_of": "9999-12-31"}, ("query:as_of", "less_than_equal")),
        ("expected-collections", {"from": "2024-02-01", "to": "2024-01-31"}, ("query:to", "outside")),
        ("expected-collections", {"from": "2024-02-01", "to": "2026-02-01"}, ("query:to", "outside")),
        ("expected-collections", {"cursor": "x"}, ("query:cursor", "cursor")),
        ("warnings", {"cursor": "x"}, ("query:cursor", "cursor")),
    ):
        assert pointers(await loans.get(f"/v1/portfolio/{what}", params=params)) == {expected}
