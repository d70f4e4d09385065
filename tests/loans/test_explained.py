"""Whatever the ledger and whatever the statement: what they differ by is explained to the last đồng."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import made
from tests.loans.lending import TERMS, act
from tests.loans.reconciling import AS_OF, differences, key, lent, line, outstanding, reconciled, send

amounts = st.integers(0, 200)
said = st.tuples(st.sampled_from(["same", "other", "programme", "customer", "broken", "absent"]), amounts, amounts)
posted = st.tuples(
    st.sampled_from(["repayments", "overdue", "freezes", "write-off"]), st.integers(1, 60), st.integers(0, 1_200)
)
ledgers = st.lists(st.tuples(st.integers(1, 100), st.lists(posted, max_size=3), said), max_size=4)
strangers = st.lists(st.tuples(st.booleans(), amounts, amounts, amounts), max_size=3)


async def still_owed(
    loans: httpx.AsyncClient, loan: dict[str, Any], amount: int, steps: list[tuple[str, int, int]], as_of: date
) -> int:
    """What is owed on a day by plain addition, once these have been posted as far as the ledger takes them."""
    for kind, moved, days in steps:
        on = date(2022, 2, 1) + timedelta(days=days)
        more = {"until": str(on + timedelta(days=400)), "damage_percent": 50} if kind == "freezes" else {}
        name = "principal" if kind == "repayments" else "amount"
        body: dict[str, Any] = {"occurred_on": str(on), name: moved, **more}
        answer = await act(loans, loan["id"], kind, **body)
        if answer.status_code == 201 and kind in ("repayments", "write-off") and on <= as_of:
            amount -= moved
    return amount


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ledgers, strangers, st.booleans(), st.sampled_from([AS_OF, "2025-01-31"]))
async def test_any_ledger_and_any_statement_are_explained_to_the_last_dong(
    loans: httpx.AsyncClient,
    ledgers: list[tuple[int, list[tuple[str, int, int]], tuple[str, int, int]]],
    strangers: list[tuple[bool, int, int, int]],
    waiting: bool,
    as_of: str,
) -> None:
    """By plain addition: the file's sum, less the ledger's, is the sum of the differences listed; no remainder."""
    await loans.post("/v1/programmes", json={**TERMS, "code": "students", "name_vi": "Học sinh"})
    nobody = {"contract_number": uuid4().hex, "customer_code": "KH-0"}
    first = await made(await send(loans, [line(nobody, 1)], as_of=as_of))
    sent, bank, ours = [], 0, (await reconciled(loans, first))["outstanding_ours"]
    for amount, steps, (how, in_term, overdue) in ledgers:
        one = await lent(loans, amount)
        owed = await still_owed(loans, one, amount, steps, date.fromisoformat(as_of))
        ours += owed
        if waiting:
            body = {"loan": one["id"], "collector": str(uuid4()), "collected_on": "2023-06-20", "principal": 1}
            await loans.post("/v1/receipts", json=body, headers=key())
        if how == "absent":
            continue
        in_term, overdue = (owed, 0) if how == "same" else (in_term, overdue)
        bank += overdue if how == "broken" else in_term + overdue
        other: dict[str, Any] = {"programme": "students"} if how == "programme" else {}
        other |= {"customer_code": "another"} if how == "customer" else {}
        sent.append(line(one, "?" if how == "broken" else in_term, overdue, interest=overdue, **other))
    for numbered, *owes in strangers:
        unknown = {"contract_number": uuid4().hex if numbered else "", "customer_code": "KH-1"}
        sent.append(line(unknown, *owes))
        bank += sum(owes)
    if not sent:
        return
    statement = await made(await send(loans, sent, as_of=as_of))
    listed = await differences(loans, statement, limit=500)
    assert sum(outstanding(each["bank"]) - outstanding(each["ours"]) for each in listed) == bank - ours
    answer = await reconciled(loans, statement)
    assert (answer["outstanding_bank"], answer["outstanding_ours"]) == (bank, ours)
    for cell in [answer["total"], *answer["items"]]:
        assert not any(cell["remainder"].values())
        explained = sum(outstanding(each["sum"]) for each in cell["explained"])
        assert outstanding(cell["bank"]) - outstanding(cell["ours"]) == explained
