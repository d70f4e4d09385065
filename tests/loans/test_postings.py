"""What happens to a loan: extended, overdue by the bank's file, frozen, written off, reversed; the database's check."""

import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis.telemetry import UNBALANCED
from services.loans.audit import Audit
from tests.builders import BA_CHE, made
from tests.chassis.test_http import problem
from tests.issuer import Issuer
from tests.loans.lending import act, entry, loan, pointers, rows

M = 1_000_000


async def lent(loans: httpx.AsyncClient, amount: int = 100 * M, **fields: Any) -> str:
    """The id of a loan paid out on 12 January 2022, due at the end of 2024."""
    opened: str = (await loan(loans, **fields))["id"]
    await made(await entry(loans, opened, "disbursements", amount, "2022-01-12"))
    return opened


async def seen(loans: httpx.AsyncClient, loan_id: str, day: str) -> tuple[Any, ...]:
    """Status, in term, overdue and frozen on a day, in millions."""
    found = (await loans.get(f"/v1/loans/{loan_id}", params={"as_of": day})).json()
    return (found["status"], *(found[name] // M for name in ("in_term", "overdue", "frozen")))


async def test_an_extension_puts_the_due_day_off(loans: httpx.AsyncClient) -> None:
    """Before or after it was due; at most half the term again; never earlier than it was."""
    one = await lent(loans)
    for until, code in (("2024-12-31", "not_later"), ("2026-07-01", "too_long")):
        refused = await act(loans, one, "extensions", until=until, occurred_on="2024-12-01")
        assert pointers(refused) == {("/until", code)}
    await made(await act(loans, one, "extensions", until="2026-06-30", occurred_on="2024-12-01"))
    assert await seen(loans, one, "2024-11-30") == ("in_term", 100, 0, 0)
    assert await seen(loans, one, "2026-06-30") == ("extended", 100, 0, 0)
    assert await seen(loans, one, "2026-07-01") == ("overdue", 0, 100, 0)
    late = await lent(loans)
    await made(await act(loans, late, "extensions", until="2026-06-30", occurred_on="2025-03-01"))
    assert await seen(loans, late, "2025-02-28") == ("overdue", 0, 100, 0)
    assert await seen(loans, late, "2025-03-01") == ("extended", 100, 0, 0)


async def test_a_freeze_lasts_as_long_as_the_damage_allows(loans: httpx.AsyncClient) -> None:
    """Three years from 40 %, five from 80 %, none below; it bears no interest, and ends by date or before."""
    one, day = await lent(loans), "2023-01-01"
    for damage, until, pointer, code in (
        (39, "2023-06-01", "/damage_percent", "too_little"),
        (40, "2026-01-02", "/until", "too_long"),
        (80, "2028-01-02", "/until", "too_long"),
    ):
        body: dict[str, Any] = {"amount": 60 * M, "until": until, "damage_percent": damage, "occurred_on": day}
        assert pointers(await act(loans, one, "freezes", **body)) == {(pointer, code)}
    body = {"amount": 60 * M, "until": "2027-12-31", "damage_percent": 80, "occurred_on": day}
    await made(await act(loans, one, "freezes", **body))
    assert await seen(loans, one, day) == ("frozen", 40, 0, 60)
    assert await seen(loans, one, "2025-01-01") == ("frozen", 0, 40, 60)
    assert await seen(loans, one, "2028-01-01") == ("overdue", 0, 100, 0)
    interest = (await loans.get(f"/v1/loans/{one}/interest", params={"as_of": "2024-01-01"})).json()
    days = (date(2023, 1, 1) - date(2022, 1, 12)).days
    assert interest["accrued"] == round((100 * M * days + 40 * M * 365) * 83_820 / 365 / M)
    await made(await entry(loans, one, "unfreezing", 60 * M, "2024-01-01"))
    assert await seen(loans, one, "2024-01-01") == ("in_term", 100, 0, 0)


async def test_debt_made_overdue_is_paid_first(loans: httpx.AsyncClient) -> None:
    """The bank's file makes 30 of 100 overdue; 40 paid takes these and ten more; the rest is written off."""
    one = await lent(loans)
    await made(await entry(loans, one, "overdue", 30 * M, "2023-01-01"))
    assert pointers(await entry(loans, one, "overdue", 71 * M, "2023-02-01")) == {("/amount", "over_balance")}
    paid = await act(loans, one, "repayments", principal=40 * M, interest=7 * M, occurred_on="2023-03-01")
    assert len((await made(paid))["entries"]) == 2
    assert await seen(loans, one, "2023-03-01") == ("in_term", 60, 0, 0)
    await made(await entry(loans, one, "write-off", 60 * M, "2023-04-01"))
    assert await seen(loans, one, "2023-04-01") == ("written_off", 0, 0, 0)
    interest = (await loans.get(f"/v1/loans/{one}/interest")).json()
    assert interest["paid"] == 7 * M
    assert interest["due"] == interest["accrued"] - 7 * M


async def test_illegal_steps_name_the_legal_ones(loans: httpx.AsyncClient) -> None:
    """In both languages: nothing but a disbursement when signed, nothing at all once written off."""
    signed = (await loan(loans))["id"]
    refused = await entry(loans, signed, "repayments", 1, "2022-02-01", **{"accept-language": "en"})
    problem(refused, 409, "loan-step-illegal")
    assert refused.json()["legal"] == ["disbursements", "withdrawal"]
    assert refused.json()["detail"] == (
        "The loan is signed, nothing disbursed: no repayment; legal: disbursement, withdrawal of the application"
    )
    refused = await entry(loans, signed, "repayments", 1, "2022-02-01")
    assert "không thể trả nợ; có thể: giải ngân, rút hồ sơ" in refused.json()["detail"]
    one = await lent(loans)
    problem(await entry(loans, one, "unfreezing", 1, "2022-02-01"), 409, "loan-step-illegal")
    await made(await entry(loans, one, "write-off", 100 * M, "2023-04-01"))
    for kind in ("disbursements", "repayments", "overdue", "write-off"):
        refused = await entry(loans, one, kind, 1, "2023-05-01")
        problem(refused, 409, "loan-step-illegal")
        assert refused.json()["legal"] == []
    late = await entry(loans, one, "repayments", 10 * M, "2023-01-01")
    assert pointers(late) == {("/principal", "over_balance")}


async def test_a_reversal_is_on_the_day_of_what_it_reverses(loans: httpx.AsyncClient, issuer: Issuer) -> None:
    """Once, never of a reversal, never if a later day lacks it, never from elsewhere; then every day is put right."""
    one = await lent(loans)
    paid = (await made(await entry(loans, one, "repayments", 30 * M, "2023-01-01")))["entries"][0]
    ledger = (await loans.get(f"/v1/loans/{one}/ledger")).json()["items"]
    out = ledger[0]["id"]

    async def reverse(entry_id: str, **headers: str) -> httpx.Response:
        key = {"idempotency-key": uuid4().hex, **headers}
        return await loans.post(f"/v1/entries/{entry_id}/reversal", json={"reference": "QD-1"}, headers=key)

    assert pointers(await loans.post(f"/v1/entries/{paid}/reversal", json={}), 428)
    problem(await reverse(out), 409, "entry-needed")
    problem(await reverse(paid, **issuer.headers(BA_CHE)), 404, "not-found")
    problem(await reverse(str(uuid4())), 404, "not-found")
    answer = await made(await reverse(paid))
    problem(await reverse(paid), 409, "entry-reversed")
    problem(await reverse(answer["entries"][0]), 409, "entry-is-reversal")
    assert (answer["outstanding"], answer["principal_repaid"]) == (100 * M, 0)
    assert await seen(loans, one, "2023-06-01") == ("in_term", 100, 0, 0)
    lines = (await loans.get(f"/v1/loans/{one}/ledger")).json()["items"]
    assert [(line["kind"], line["occurred_on"], line["reversed_by"]) for line in lines[1:]] == [
        ("principal", "2023-01-01", answer["entries"][0]),
        ("reversal", "2023-01-01", None),
    ]
    await made(await reverse(out))
    assert await seen(loans, one, "2023-06-01") == ("signed", 0, 0, 0)


async def test_the_database_refuses_a_reversal_that_is_no_mirror(loans: httpx.AsyncClient, url: str) -> None:
    """Another amount, day, kind or loan, a second reversal, or one of a reversal."""
    one, other = await lent(loans), (await loan(loans))["id"]
    (line,) = await rows(url, "select * from entry where loan = $1", UUID(one))
    insert = """insert into entry (id, loan, kind, amount, occurred_on, reverses, reverses_kind, recorded_at)
                values (gen_random_uuid(), $1, 'reversal', $2, $3, $4, $5, now())"""
    right = (UUID(one), line["amount"], line["occurred_on"], line["id"], "disbursement")
    for place, wrong in ((0, UUID(other)), (1, 5), (2, date(2023, 1, 1)), (3, uuid4()), (4, "principal")):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await rows(url, insert, *(wrong if n == place else value for n, value in enumerate(right)))
    with pytest.raises(asyncpg.CheckViolationError):
        await rows(url, insert, *right[:4], "reversal")


async def test_nothing_commits_unbalanced_and_what_slips_in_is_seen(loans: httpx.AsyncClient, url: str) -> None:
    """An entry without its balance, a balance without its entry: refused at commit. Past the triggers: audited."""
    await lent(loans)
    conn = await asyncpg.connect(url)
    audit = Audit(at_once=1)
    entry_of = """insert into entry (id, loan, kind, amount, occurred_on, recorded_at)
                  select gen_random_uuid(), id, 'principal', 5, '2023-01-01', now() from loan"""
    bent = "update balance set in_term = in_term + 1 where in_term > 0"
    for statement in (entry_of, bent):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="not what its ledger adds up to"):
            await conn.execute(statement)
    with pytest.raises(asyncpg.CheckViolationError):
        await conn.execute("update balance set in_term = -1")
    for _ in range(2):
        await audit(conn)
    assert UNBALANCED._value.get() == 0
    await conn.execute(f"set session_replication_role = replica; {bent}")
    await audit(conn)
    assert UNBALANCED._value.get() == 1
    await conn.execute("update balance set in_term = in_term - 1 where in_term > 0")
    for _ in range(3):
        await audit(conn)
    assert UNBALANCED._value.get() == 0
    await conn.close()


KINDS = ("disbursements", "repayments", "overdue", "freezes", "unfreezing", "write-off", "extensions", "reversal")
steps = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(1, 60), st.integers(0, 1600), st.integers(1, 300)), max_size=14
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
async def test_any_actions_in_any_order_keep_the_books(
    loans: httpx.AsyncClient, url: str, steps: list[tuple[str, int, int, int]]
) -> None:
    """The parts are the whole on every day, the database agrees, and the journal tells what the API shows."""
    opened, start, done = await loan(loans), date(2022, 1, 10), list[str]()
    for kind, amount, days, more in steps:
        on = start + timedelta(days=days)
        if kind == "reversal":
            if done:
                key = {"idempotency-key": uuid4().hex}
                path = f"/v1/entries/{done[amount % len(done)]}/reversal"
                assert (await loans.post(path, json={}, headers=key)).status_code in (201, 409)
            continue
        body: dict[str, Any] = {"occurred_on": str(on)}
        body |= {"principal" if kind == "repayments" else "amount": amount} if kind != "extensions" else {}
        body |= {"until": str(on + timedelta(days=more))} if kind in ("extensions", "freezes") else {}
        body |= {"damage_percent": 80} if kind == "freezes" else {}
        answer = await act(loans, opened["id"], kind, **body)
        assert answer.status_code in (201, 409, 422), answer.text
        done += answer.json()["entries"] if answer.status_code == 201 else []
    assert await rows(url, "select * from unbalanced($1)", [UUID(opened["id"])]) == []
    query = "select data from journal where subject = $1 order by version desc limit 1"
    (row,) = await rows(url, query, UUID(opened["id"]))
    told = json.loads(row["data"])
    for spell in told["timeline"]:
        shown = (await loans.get(f"/v1/loans/{opened['id']}", params={"as_of": spell["since"]})).json()
        who = (await loans.get(f"/v1/borrowers/{opened['borrower']}", params={"as_of": spell["since"]})).json()
        parts = {name: spell[name] for name in ("in_term", "overdue", "frozen")}
        assert {name: shown[name] for name in parts} == {name: who[name] for name in parts} == parts
        assert shown["outstanding"] == who["outstanding"] == sum(parts.values())
        assert (shown["status"], shown["overdue_since"]) == (spell["status"], spell["overdue_since"])
    (row,) = await rows(url, query, UUID(opened["borrower"]))
    last = json.loads(row["data"])["timeline"][-1]
    final = told["timeline"][-1]
    assert last["owing"] == (final["in_term"] + final["overdue"] + final["frozen"] > 0)
    assert last["overdue"] == (final["overdue"] > 0)
