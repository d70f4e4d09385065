"""Data subjects' requests: their steps, their clocks, and working days."""

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import calendars
from services.chassis.clock import today
from services.members.subject_requests import clocks
from services.members.subject_requests.clocks import Kind
from tests.builders import BA_CHE, branch, made, member
from tests.issuer import Issuer

DAYS = st.dates(date(2026, 1, 1), date(2028, 12, 31))
PATH = "/v1/subject-requests"


async def received(members: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A request for access of 2026-02-12, the Thursday before Tết."""
    if "member" not in fields:
        fields["member"] = (await member(members, await branch(members)))["id"]
    body = {"kind": "access", "channel": "paper", "received_on": "2026-02-12", **fields}
    return await made(await members.post(PATH, json=body))


async def step(members: httpx.AsyncClient, request: dict[str, Any], act: str, **body: Any) -> httpx.Response:
    """One step, on the version that was last seen."""
    return await members.post(
        f"{PATH}/{request['id']}/{act}", json=body, headers={"if-match": f'"{request["version"]}"'}
    )


async def test_a_request_is_answered_and_done(members: httpx.AsyncClient) -> None:
    """Clocks by the terms in force, over Tết; every step is kept; the detail is personal."""
    request = await received(members, detail="Xin bản sao hồ sơ")
    assert (request["answer_due"], request["completion_due"]) == ("2026-02-23", "2026-02-23")
    answered = await made(await step(members, request, "answer", on="2026-02-13"), 200)
    done = await made(await step(members, answered, "completion", on="2026-02-24"), 200)
    assert (done["state"], done["answered_on"], done["closed_on"], done["overdue"]) == (
        "done",
        "2026-02-13",
        "2026-02-24",
        False,
    )
    assert [each["act"] for each in done["steps"]] == ["received", "answered", "done"]
    read = await members.get(f"{PATH}/{request['id']}")
    assert (done["detail"], read.json()["detail"], read.headers["etag"]) == (None, "Xin bản sao hồ sơ", '"3"')


async def test_a_term_is_extended_once_with_a_reason(members: httpx.AsyncClient) -> None:
    """The second time, after the term, or without a reason: refused."""
    request = await received(members, kind="restrict", received_on="2026-03-02")
    assert request["completion_due"] == "2026-03-17"
    assert (await step(members, request, "extension", on="2026-03-10")).status_code == 422
    late = await step(members, request, "extension", on="2026-03-18", reason="Hồ sơ phức tạp")
    assert late.json()["errors"][0]["code"] == "late"
    longer = await made(await step(members, request, "extension", on="2026-03-10", reason="Hồ sơ phức tạp"), 200)
    assert (longer["completion_due"], longer["extended"], longer["state"]) == ("2026-04-01", True, "received")
    again = await step(members, longer, "extension", on="2026-03-11", reason="Vẫn phức tạp")
    assert (again.status_code, again.json()["legal"]) == (409, ["answered", "refused"])


async def test_a_refusal_gives_its_reason_and_ends_it(members: httpx.AsyncClient) -> None:
    """Refused is the answer too; afterwards nothing is legal any more."""
    request = await received(members)
    refused = await made(await step(members, request, "refusal", on="2026-02-13", reason="Không xác minh được"), 200)
    assert (refused["state"], refused["answered_on"]) == ("refused", "2026-02-13")
    assert (await members.get(f"{PATH}/{request['id']}")).json()["reason"] == "Không xác minh được"
    ended = await step(members, refused, "completion", on="2026-02-14")
    assert (ended.json()["type"], ended.json()["legal"]) == ("urn:danvan:problem:request-state", [])


async def test_steps_that_cannot_be_are_refused(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """Done before answered, before receipt, in the future, on an old version, outside reach, without the scope."""
    request = await received(members)
    assert (await step(members, request, "completion", on="2026-02-13")).status_code == 409
    for day in ("2026-02-11", (today() + timedelta(days=1)).isoformat()):
        assert (await step(members, request, "answer", on=day)).json()["errors"][0]["pointer"] == "/on"
    assert (await step(members, {**request, "version": 7}, "answer", on="2026-02-13")).status_code == 412
    path = f"{PATH}/{request['id']}"
    assert (await members.get(path, headers=issuer.headers(BA_CHE))).status_code == 404
    assert (await members.get(path, headers=issuer.headers(scope="members:read"))).status_code == 403


async def test_a_request_before_the_law_has_no_term(members: httpx.AsyncClient) -> None:
    """Nor has one that is received tomorrow, or by somebody who is nobody."""
    someone = (await member(members, await branch(members)))["id"]
    body = {"member": someone, "kind": "erase", "channel": "online", "received_on": "2025-12-31"}
    assert (await members.post(PATH, json=body)).json()["errors"][0]["code"] == "no_term"
    tomorrow = (today() + timedelta(days=1)).isoformat()
    assert (await members.post(PATH, json={**body, "received_on": tomorrow})).json()["errors"][0]["code"] == "future"
    nobody = {**body, "received_on": "2026-02-12", "member": "00000000-0000-7000-8000-000000000000"}
    assert (await members.post(PATH, json=nobody)).status_code == 404


async def test_what_is_overdue_is_listed_the_most_urgent_first(members: httpx.AsyncClient) -> None:
    """An unanswered request by its first clock, an answered one by its second, a closed one never; in pages."""
    khu = await branch(members)
    someone = (await member(members, khu))["id"]
    answered = await received(members, member=someone, received_on="2026-02-24")
    answered = await made(await step(members, answered, "answer", on="2026-02-25"), 200)
    unanswered = await received(members, member=someone, kind="erase", received_on="2026-02-24")
    closed = await received(members, member=someone, received_on="2026-02-24")
    await made(await step(members, closed, "refusal", on="2026-02-25", reason="Trùng"), 200)

    async def overdue(on: str, **params: Any) -> list[str]:
        body = (await members.get(PATH, params={"overdue_on": on, **params})).json()
        return [item["id"] for item in body["items"]]

    assert await overdue("2026-02-26") == []
    assert await overdue("2026-02-27") == [unanswered["id"]]
    assert await overdue("2026-03-07") == [answered["id"], unanswered["id"]]
    assert await overdue("2026-03-07", kind="erase") == [unanswered["id"]]
    first = (await members.get(PATH, params={"member": someone, "limit": 2})).json()
    rest = (await members.get(PATH, params={"member": someone, "cursor": first["next_cursor"]})).json()
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 3
    assert [item["id"] for item in (await members.get(PATH, params={"state": "refused"})).json()["items"]] == [
        closed["id"]
    ]


async def test_steps_cannot_be_rewritten(members: httpx.AsyncClient, url: str) -> None:
    """The database refuses every change but forgetting a reason."""
    await received(members)
    conn = await asyncpg.connect(url)
    try:
        for statement in (
            "update subject_request_step set occurred_on = '2026-01-01'",
            "update subject_request_step set reason = 'khác'",
            "delete from subject_request_step",
            "truncate subject_request_step",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await conn.execute(statement)
    finally:
        await conn.close()


@given(DAYS, st.integers(0, 30))
def test_working_days_are_counted_one_by_one(day: date, number: int) -> None:
    """Between a day and its n-th working day lie n working days, the last of them that day."""
    end = calendars.working_days_after(day, number)
    between = [day + timedelta(days=n) for n in range(1, (end - day).days + 1)]
    assert sum(map(calendars.is_working, between)) == number
    assert not number or calendars.is_working(end)


@given(DAYS, st.sampled_from(sorted(clocks.terms())), st.booleans())
def test_no_clock_ends_on_a_day_off_or_early(day: date, kind: Kind, third_party: bool) -> None:
    """Answer first, completion not before its days are over, third parties never sooner, an extension always later."""
    term = clocks.term(kind, day)
    assert term is not None
    due = clocks.due(term, day, third_party=third_party)
    days = term.third_party_days if third_party else term.completion_days
    assert calendars.is_working(due.completion)
    assert due.completion >= day + timedelta(days=days)
    assert due.completion <= clocks.due(term, day, third_party=True).completion
    assert clocks.ends(due.completion, term.extension_days) > due.completion


def test_tet_is_off_and_a_worked_saturday_is_not() -> None:
    """As holidays.csv says."""
    assert calendars.working_days_after(date(2026, 2, 13), 1) == date(2026, 2, 23)
    assert calendars.is_working(date(2026, 8, 22))
    assert not calendars.is_working(date(2026, 8, 31))


@pytest.mark.parametrize(
    "path", [Path(clocks.__file__).parent / "terms.csv", Path(calendars.__file__).parent / "holidays.csv"]
)
def test_each_row_says_its_source_and_whether_it_is_confirmed(path: Path) -> None:
    """Data that a decision changes names the decision, or says that it could not be checked."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert all(row["source"] and row["confirmed"] in ("true", "false") for row in rows)
