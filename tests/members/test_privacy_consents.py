"""Consents: a ledger that only grows, and what stood on any day."""

from datetime import date, timedelta
from typing import Any, Literal
from uuid import UUID

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.clock import today
from services.chassis.journal import new_id, now
from services.members.consents import queries
from services.members.consents.schemas import EntryOut
from tests.builders import BA_CHE, branch, made, member
from tests.issuer import Issuer


@pytest.fixture
async def path(members: httpx.AsyncClient) -> str:
    """The consents of somebody."""
    return f"/v1/members/{(await member(members, await branch(members)))['id']}/consents"


def consent(**fields: Any) -> dict[str, Any]:
    """A consent to sharing with the bank, on paper."""
    given = {"purpose": "bank-sharing", "text_version": "2026-01", "how": "paper", "given_on": "2026-02-02"}
    return given | fields


def withdrawal(on: str, **fields: Any) -> dict[str, Any]:
    """Its withdrawal, online."""
    return {"purpose": "bank-sharing", "how": "online", "withdrawn_on": on, **fields}


async def standing(members: httpx.AsyncClient, path: str, on: str) -> dict[str, bool]:
    """Which purposes stood on a day."""
    body = (await members.get(path, params={"on": on})).json()
    return {each["purpose"]: each["given"] for each in body["consents"]}


async def test_a_consent_stands_from_given_until_withdrawn(members: httpx.AsyncClient, path: str) -> None:
    """As of any day: before, during, after, and given anew to a newer text; the ledger shows every line."""
    entry = await made(await members.post(path, json=consent(evidence="Tủ 3, tập 12")))
    assert (entry["act"], entry["recorded_by"], entry["evidence"]) == ("given", "tester", None)
    await made(await members.post(f"{path}/withdrawals", json=withdrawal("2026-03-03")))
    await made(await members.post(path, json=consent(text_version="2026-02", given_on="2026-04-04")))
    days = ("2026-02-01", "2026-02-02", "2026-03-02", "2026-03-03", "2026-04-04")
    assert [(await standing(members, path, day)).get("bank-sharing") for day in days] == [None, True, True, False, True]
    ledger = (await members.get(path)).json()["ledger"]
    assert [(line["act"], line["text_version"]) for line in ledger] == [
        ("given", "2026-01"),
        ("withdrawn", None),
        ("given", "2026-02"),
    ]
    assert ledger[0]["evidence"] == "Tủ 3, tập 12"


async def test_what_cannot_be_consented_to_is_refused(members: httpx.AsyncClient, path: str) -> None:
    """Unknown purposes, purposes that rest on a law, days to come, and a withdrawal of what never stood."""
    tomorrow = (today() + timedelta(days=1)).isoformat()
    for body, expected in (
        (consent(purpose="anything"), ("/purpose", "unknown")),
        (consent(given_on="2025-12-31"), ("/purpose", "unknown")),
        (consent(purpose="inspection"), ("/purpose", "no_consent")),
        (consent(given_on=tomorrow), ("/given_on", "future")),
    ):
        (error,) = (await members.post(path, json=body)).json()["errors"]
        assert (error["pointer"], error["code"]) == expected
    late = await members.post(f"{path}/withdrawals", json=withdrawal(tomorrow))
    assert late.json()["errors"][0]["pointer"] == "/withdrawn_on"
    await made(await members.post(path, json=consent(purpose="statistics")))
    refused = await members.post(f"{path}/withdrawals", json=withdrawal("2026-03-03"))
    assert (refused.status_code, refused.json()["standing"]) == (409, ["statistics"])


async def test_consents_of_another_communes_member_do_not_exist(
    members: httpx.AsyncClient, path: str, issuer: Issuer
) -> None:
    """Reading, giving and withdrawing outside one's subtree is 404."""
    other = issuer.headers(BA_CHE)
    answers = [
        await members.get(path, headers=other),
        await members.post(path, json=consent(), headers=other),
        await members.post(f"{path}/withdrawals", json=withdrawal("2026-03-03"), headers=other),
    ]
    assert [answer.status_code for answer in answers] == [404] * 3


async def test_the_ledger_cannot_be_rewritten(members: httpx.AsyncClient, path: str, url: str) -> None:
    """The database refuses every change but forgetting the evidence note."""
    await made(await members.post(path, json=consent(evidence="Tủ 3")))
    conn = await asyncpg.connect(url)
    try:
        for statement in (
            "update consent_entry set occurred_on = '2026-01-01'",
            "update consent_entry set evidence = 'khác'",
            "delete from consent_entry",
            "truncate consent_entry",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await conn.execute(statement)
        assert await conn.execute("update consent_entry set evidence = null") == "UPDATE 1"
    finally:
        await conn.close()


async def test_ethnicity_and_religion_are_sensitive(members: httpx.AsyncClient) -> None:
    """The catalogue says which purposes are about sensitive data, in both languages."""
    items = (await members.get("/v1/purposes")).json()["items"]
    assert {item["code"] for item in items if item["sensitive"]} == {"ethnicity", "religion"}
    assert all(item["vi"] and item["en"] for item in items)


Act = Literal["given", "withdrawn"]
SOMEBODY = UUID(int=1)
acts = st.lists(
    st.tuples(
        st.sampled_from(["statistics", "bank-sharing"]),
        st.sampled_from(["given", "withdrawn"]),
        st.dates(date(2026, 1, 1), date(2026, 1, 9)),
    )
)


@given(acts, st.dates(date(2025, 12, 31), date(2026, 1, 10)))
def test_the_last_act_up_to_a_day_decides(acts: list[tuple[str, Act, date]], day: date) -> None:
    """Whatever was recorded, in whatever order: a purpose stands as its last act by day, then by recording, left it."""
    entries = [
        EntryOut(
            id=new_id(),
            member=SOMEBODY,
            purpose=purpose,
            act=act,
            occurred_on=on,
            how="paper",
            text_version=None,
            evidence=None,
            recorded_by="x",
            recorded_at=now(),
        )
        for purpose, act, on in sorted(acts, key=lambda each: each[2])
    ]
    expected: dict[str, bool] = {}
    for at in range((day - date(2025, 12, 31)).days + 1):
        for purpose, act, on in acts:
            if on == date(2025, 12, 31) + timedelta(days=at):
                expected[purpose] = act == "given"
    assert {each.purpose: each.given for each in queries.as_of(entries, day)} == expected
