"""Erasing a member and handing her what is held: nothing personal stays, every figure stays, a proof stays."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from contracts import members as events
from services.chassis.clock import today
from services.members.exports.page import labels
from services.members.exports.schemas import ExportOut
from services.reporting.contributions.cells import Place
from services.reporting.contributions.rules import contributions
from tests.builders import BA_CHE, branch, household, made, member
from tests.issuer import Issuer
from tests.members.conftest import Sql

NAME, ADDRESS, BORN = "Hội viên Mẫu Kín Đáo", "Địa chỉ mẫu 7", "1980-03-04"
EVIDENCE, DETAIL, REASON = "Hồ sơ giấy mẫu 3", "Xin xóa hết mẫu 4", "Lý do mẫu 5"
WORDS = (NAME, "hoi vien mau kin dao", ADDRESS, BORN, EVIDENCE, DETAIL, REASON)


async def somebody(members: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A member with everything personal there is, alone in her household."""
    khu = await branch(members)
    home = await household(members, khu, address=ADDRESS)
    return await member(
        members, khu, household=home["id"], name=NAME, birth_date=BORN, birth_year=None, ethnicity="09", **fields
    )


async def asked(members: httpx.AsyncClient, who: dict[str, Any], kind: str = "erase") -> dict[str, Any]:
    """An answered request of hers."""
    day = today().isoformat()
    body = {"member": who["id"], "kind": kind, "channel": "paper", "received_on": day, "detail": DETAIL}
    request = await made(await members.post("/v1/subject-requests", json=body))
    answer = await members.post(
        f"/v1/subject-requests/{request['id']}/answer", json={"on": day}, headers={"if-match": '"1"'}
    )
    return await made(answer, 200)


async def erase(members: httpx.AsyncClient, who: dict[str, Any], request: dict[str, Any]) -> httpx.Response:
    """The erasure of a member as last read."""
    path = f"/v1/members/{who['id']}"
    tag = (await members.get(path)).headers["etag"]
    return await members.post(f"{path}/erasure", json={"request": request["id"]}, headers={"if-match": tag})


async def dump(sql: Sql) -> str:
    """Every row of every table of the service, as text."""
    tables = await sql("select tablename from pg_tables where schemaname = 'public'")
    rows = [
        row["row"]
        for table in tables
        for row in await sql(f'select t::text as row from "{table["tablename"]}" t')  # noqa: S608  # own tables
    ]
    bodies = [bytes(row["body"]).decode() for row in await sql("select body from idempotency where body is not null")]
    return "\n".join(rows + bodies)


async def test_nothing_personal_stays_and_a_proof_does(members: httpx.AsyncClient, sql: Sql) -> None:
    """No table of the service holds her name, birth date, address or words afterwards; the request is done."""
    who = await somebody(members)
    consent = {"purpose": "statistics", "text_version": "1", "how": "paper", "given_on": "2026-02-02"}
    await made(await members.post(f"/v1/members/{who['id']}/consents", json={**consent, "evidence": EVIDENCE}))
    request = await asked(members, who)
    day = today().isoformat()
    longer = await members.post(
        f"/v1/subject-requests/{request['id']}/extension",
        json={"on": day, "reason": REASON},
        headers={"if-match": '"2"'},
    )
    await sql(
        "insert into idempotency (caller, key, fingerprint, status, headers, body) "
        "values ('x', 'k', '', 201, '{}', $1)",
        json.dumps({"id": who["id"], "name": NAME, "birth_date": BORN, "unit": "06760"}, ensure_ascii=False).encode(),
    )
    held = await dump(sql)
    assert [word for word in WORDS if word not in held] == []
    proof = await made(await erase(members, who, longer.json()))
    left = await dump(sql)
    assert [word for word in WORDS if word in left] == []
    assert set(proof["erased"]) == {
        *("member.name", "member.birth_date", "member.household", "household.address"),
        *("consent.evidence", "request.detail", "request.reason"),
    }
    assert (len(proof["request_hash"]), proof["erased_by"], proof["erased_on"]) == (64, "tester", day)
    assert (await members.get(f"/v1/members/{who['id']}/erasure")).json() == proof
    read = (await members.get(f"/v1/members/{who['id']}")).json()
    assert (read["name"], read["birth_date"], read["household"]) == (None, None, None)
    assert (read["erased_on"], read["birth_year"], read["ethnicity"], read["status"]) == (day, 1980, "09", "active")
    assert (await members.get(f"/v1/subject-requests/{request['id']}")).json()["state"] == "done"
    (kept,) = await sql("select body from idempotency where key = 'k'")
    assert json.loads(kept["body"]) == {"id": who["id"], "name": None, "birth_date": None, "unit": "06760"}


@pytest.mark.parametrize("gone", [False, True])
async def test_every_contribution_stays(members: httpx.AsyncClient, sql: Sql, gone: bool) -> None:
    """The state the event tells contributes to the last digit what the one before did: active or gone."""
    who = await somebody(members)
    status = {"status": "poor", "standard": "national-2022-2025", "effective_on": "2024-01-01"}
    path = f"/v1/households/{who['household']}/poverty-status/2024"
    await made(await members.put(path, json=status, headers={"if-match": '"1"'}), 200)
    if gone:
        leaving = {"left_on": "2025-05-05", "reason": "own_wish"}
        await made(
            await members.post(f"/v1/members/{who['id']}/departure", json=leaving, headers={"if-match": '"2"'}), 200
        )
    await made(await erase(members, who, await asked(members, who)))
    rows = await sql("select type, data from journal where subject = $1 order by version desc limit 2", UUID(who["id"]))
    assert rows[0]["type"] == events.MemberErased.TYPE
    after, before = (contributions("members.member", json.loads(row["data"]), Place("06760", None)) for row in rows)
    assert before
    assert after == before


async def test_a_household_in_which_others_live_keeps_its_address(members: httpx.AsyncClient) -> None:
    """It is theirs too; it goes with the last of them."""
    who = await somebody(members)
    branch_of = {"id": who["branch"]}
    other = await member(members, branch_of, household=who["household"], name="Hội viên Mẫu 2")
    proof = await made(await erase(members, who, await asked(members, who)))
    assert "household.address" not in proof["erased"]
    home = f"/v1/households/{who['household']}"
    assert (await members.get(home)).json()["address"] == ADDRESS
    await made(await erase(members, other, await asked(members, other)))
    assert (await members.get(home)).json()["address"] is None


async def test_an_erased_member_can_leave_but_not_be_corrected(members: httpx.AsyncClient) -> None:
    """Her membership may still end, which figures need; nothing personal is put back, and she is not erased twice."""
    who = await somebody(members)
    request = await asked(members, who)
    await made(await erase(members, who, request))
    again = await asked(members, who)
    assert (await erase(members, who, again)).json()["type"] == "urn:danvan:problem:member-erased"
    path = f"/v1/members/{who['id']}"
    back = await members.patch(path, json={"name": NAME}, headers={"if-match": '"2"'})
    assert back.json()["type"] == "urn:danvan:problem:member-erased"
    leaving = {"left_on": "2025-05-05", "reason": "own_wish"}
    left = await made(await members.post(f"{path}/departure", json=leaving, headers={"if-match": '"2"'}), 200)
    assert (left["status"], left["erased_on"]) == ("left", today().isoformat())
    assert (await members.get("/v1/members", params={"q": "kin dao"})).json()["items"] == []


async def test_only_an_answered_request_to_erase_erases(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """Not another kind, not another's, not one unanswered or done, not an old version, not without scope or reach."""
    who = await somebody(members)
    other = await member(members, {"id": who["branch"]})
    for request in (await asked(members, who, "access"), await asked(members, other)):
        assert (await erase(members, who, request)).json()["errors"][0]["pointer"] == "/request"
    body = {"member": who["id"], "kind": "erase", "channel": "paper", "received_on": today().isoformat()}
    unanswered = await made(await members.post("/v1/subject-requests", json=body))
    assert (await erase(members, who, unanswered)).json()["type"] == "urn:danvan:problem:request-state"
    request = await asked(members, who)
    path, ask = f"/v1/members/{who['id']}/erasure", {"request": request["id"]}
    for headers, status in (
        ({"if-match": '"9"'}, 412),
        ({"if-match": '"1"', **issuer.headers(BA_CHE)}, 404),
        ({"if-match": '"1"', **issuer.headers(scope="members:write members:personal")}, 403),
    ):
        assert (await members.post(path, json=ask, headers=headers)).status_code == status
    assert (await members.get(path)).status_code == 404
    assert (await members.get(f"/v1/members/{who['id']}")).json()["name"] == NAME


async def test_the_proof_cannot_be_rewritten(members: httpx.AsyncClient, url: str) -> None:
    """Nor can an erased member be given a name behind the API's back."""
    who = await somebody(members)
    await made(await erase(members, who, await asked(members, who)))
    conn = await asyncpg.connect(url)
    try:
        for statement in ("update erasure set erased_by = 'x'", "delete from erasure", "truncate erasure"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await conn.execute(statement)
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute("update member set name = 'x' where erased_on is not null")
    finally:
        await conn.close()


async def test_each_column_of_a_person_is_decided_on(sql: Sql) -> None:
    """A new column of member or household fails here until it is erased or known to identify nobody."""
    sealed = ("citizen_sealed", "citizen_index", "phone_sealed", "phone_index")
    erased = {("member", name) for name in ("name", "name_folded", "birth_date", "household", "card_number", *sealed)}
    erased |= {("household", "address")}
    kept = {
        *("id", "unit", "branch", "timeline", "version", "recorded_at", "registered_on", "birth_year", "ethnicity"),
        *("ethnicity_system", "kind", "core", "joined_on", "status", "left_on", "leaving_reason", "poverty_status"),
        *("due_on", "erased_on", "group", "roles", "fees"),
    }
    rows = await sql(
        "select table_name, column_name from information_schema.columns where table_name in ('member', 'household')"
    )
    columns = {(row["table_name"], row["column_name"]) for row in rows}
    assert erased <= columns
    assert {name for _, name in columns - erased} == kept


async def test_erasure_reaches_whatever_was_merged_into_her(members: httpx.AsyncClient, sql: Sql) -> None:
    """A duplicate's duplicate: its name, address, evidence and detail go as her own do."""
    other = await somebody(members)
    consent = {"purpose": "statistics", "text_version": "1", "how": "paper", "given_on": "2026-02-02"}
    await made(await members.post(f"/v1/members/{other['id']}/consents", json={**consent, "evidence": EVIDENCE}))
    await asked(members, other, "access")
    khu = await branch(members, name="Khu 2")
    one, between = [await member(members, khu) for _ in range(2)]
    for survivor, duplicate in ((between, other), (one, between)):
        path, body = f"/v1/members/{survivor['id']}/merge", {"duplicate": duplicate["id"]}
        await made(await members.post(path, json=body, headers={"if-match": '"1"'}), 200)
    proof = await made(await erase(members, one, await asked(members, one)))
    assert {"household.address", "consent.evidence", "request.detail", "duplicate"} <= set(proof["erased"])
    text = await dump(sql)
    assert [word for word in WORDS if word in text] == []


async def test_a_person_gets_everything_that_is_held(members: httpx.AsyncClient, sql: Sql) -> None:
    """Record, household, history, consents, requests and accesses; itself logged; as JSON and as a page to print."""
    who = await somebody(members)
    await members.get(f"/v1/members/{who['id']}")
    consent = {"purpose": "statistics", "text_version": "1", "how": "paper", "given_on": "2026-02-02"}
    await made(await members.post(f"/v1/members/{who['id']}/consents", json=consent))
    await asked(members, who, "access")
    path, purpose = f"/v1/members/{who['id']}/export", {"purpose": "subject-request"}
    answer = await members.get(path, headers=purpose)
    found = await made(answer, 200)
    assert (found["member"]["name"], found["household"]["address"]) == (NAME, ADDRESS)
    assert [each["type"] for each in found["history"]] == [events.MemberEnrolled.TYPE]
    assert [len(found[name]) for name in ("consents", "requests", "accesses")] == [1, 1, 1]
    assert found["requests"][0]["detail"] == DETAIL
    (row,) = await sql("select * from access_log where purpose = 'subject-request'")
    assert {str(each) for each in row["subjects"]} == {who["id"], who["household"]}
    printed = await members.get(path, params={"format": "html"}, headers=purpose)
    assert printed.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<th>Họ tên<td>{NAME}" in printed.text
    assert (answer.headers["cache-control"], printed.headers["cache-control"]) == ("no-store", "no-store")


async def test_an_export_needs_both_scopes_and_a_purpose(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """403 without either scope, 422 without a purpose, 404 outside reach; and a page cannot carry markup of a name."""
    who = await member(members, await branch(members), name="<b>Mẫu</b>")
    path = f"/v1/members/{who['id']}/export"
    for scope in ("members:personal", "members:privacy"):
        assert (await members.get(path, headers=issuer.headers(scope=scope))).status_code == 403
    assert (await members.get(path, headers=issuer.headers(BA_CHE))).status_code == 404
    assert "&lt;b&gt;Mẫu&lt;/b&gt;" in (await members.get(path, params={"format": "html"})).text
    members.headers.pop("purpose")
    assert (await members.get(path)).json()["errors"][0]["pointer"] == "header:purpose"


def test_every_field_of_an_export_has_its_vietnamese_name() -> None:
    """A page to print is for a person, not for a program."""

    def names(schema: Any) -> set[str]:
        if isinstance(schema, dict):
            inside = {name for value in schema.values() for name in names(value)}
            return inside | set(schema["properties"] if isinstance(schema.get("properties"), dict) else ())
        return {name for value in schema for name in names(value)} if isinstance(schema, list) else set()

    fields = names(ExportOut.model_json_schema()) | names(events.MemberState.model_json_schema())
    assert fields - labels().keys() == set()
