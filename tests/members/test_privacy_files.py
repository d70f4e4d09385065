"""Privacy where persons come in files, are asked for by a number, or are a branch officer's own."""

from collections.abc import Callable

import asyncpg
import httpx
import pytest

from tests.builders import BA_CHE, MONG_DUONG, branch, made, member
from tests.conftest import Api
from tests.issuer import Issuer
from tests.members.files import Rows, as_csv, as_xlsx, people, person
from tests.members.importing import imported, rows
from tests.members.test_merges import merged
from tests.members.test_people import OLD, PHONE
from tests.members.test_privacy_erasure import asked, erase


async def files(conn: "asyncpg.Connection[asyncpg.Record]") -> bytes:
    """Every byte of every file kept."""
    return b"".join(row["bytes"] for row in await conn.fetch("select bytes from import_file order by import, part"))


@pytest.mark.usefixtures("importer")
async def test_erasing_a_member_deletes_the_files_she_stands_in(members: httpx.AsyncClient, url: str) -> None:
    """The file she came by, the same one only validated, its errors, and her row's hash; another's file stays."""
    await branch(members)
    both = as_csv([*people(1, 2), person(3, c5="mai")])
    done = await imported(members, both, unit=MONG_DUONG)
    await imported(members, both, unit=MONG_DUONG, mode="validate")
    await imported(members, as_csv(people(4)), unit=MONG_DUONG)
    who = {"id": (await rows(members, done["id"]))[0]["member"]}
    conn = await asyncpg.connect(url)
    try:
        assert (await files(conn)).count("Hội viên Mẫu 1".encode()) == 2
        await conn.execute("update import set finished_at = null where id = $1", done["id"])
        request = await asked(members, who)
        busy = await erase(members, who, request)
        assert (busy.status_code, busy.json()["type"]) == (409, "urn:danvan:problem:import-under-way")
        assert (await members.get(f"/v1/members/{who['id']}")).json()["name"] == "Hội viên Mẫu 1"
        await conn.execute("update import set finished_at = now()")
        proof = await made(await erase(members, who, request))
        assert "import.file" in proof["erased"]
        left = await files(conn)
        assert ("Hội viên Mẫu 1".encode() in left, "Hội viên Mẫu 4".encode() in left) == (False, True)
        assert await conn.fetchval("select count(*) from import_key") == 2
        assert await conn.fetchval("select count(*) from import_row where key is null and member = $1", who["id"]) == 2
    finally:
        await conn.close()


@pytest.mark.usefixtures("importer")
@pytest.mark.parametrize("write", [as_csv, as_xlsx])
async def test_an_error_file_is_given_back_for_a_purpose_and_logged(
    members: httpx.AsyncClient, url: str, write: Callable[[Rows], bytes]
) -> None:
    """It is full of names: no purpose, no file; each time it is sent there is a row before the first byte."""
    await branch(members)
    done = await imported(members, write([*people(1), person(2, c5="mai")]), unit=MONG_DUONG)
    path = f"/v1/imports/{done['id']}/errors"
    given = await members.get(path, headers={"purpose": "membership-care"})
    assert (given.status_code, given.headers["cache-control"]) == (200, "no-store")
    members.headers.pop("purpose")
    assert (await members.get(path)).json()["errors"][0]["pointer"] == "header:purpose"
    conn = await asyncpg.connect(url)
    try:
        (row,) = await conn.fetch("select * from access_log")
        assert (row["route"], row["purpose"], [str(each) for each in row["subjects"]]) == (
            "GET /v1/imports/{import_id}/errors",
            "membership-care",
            [done["id"]],
        )
        await conn.execute("alter table access_log add constraint broken check (purpose is null) not valid")
    finally:
        await conn.close()
    refused = await members.get(path, headers={"purpose": "membership-care"})
    assert (refused.status_code, refused.headers["content-type"]) == (500, "application/problem+json")


async def test_a_look_up_is_never_kept_and_always_logged(api: Api, url: str) -> None:
    """Asked again under one Idempotency-Key it is another read with its own row; no answer is kept."""
    members = await api("members", url, personal_key=OLD)
    someone = await member(members, await branch(members), phone=PHONE)
    for _ in range(2):
        answer = await members.post("/v1/members/lookup", json={"phone": PHONE}, headers={"idempotency-key": "same"})
        assert [item["id"] for item in answer.json()["items"]] == [someone["id"]]
        assert "idempotency-replayed" not in answer.headers
    conn = await asyncpg.connect(url)
    try:
        assert await conn.fetchval("select count(*) from access_log where route like 'POST%'") == 2
        assert await conn.fetchval("select count(*) from idempotency") == 0
    finally:
        await conn.close()


async def test_a_branchs_privacy_officer_sees_her_branch(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """Accesses, requests and proofs of her own branch; those of the next one, and who looked, are not hers."""
    own, beside = await branch(members), await branch(members, name="Khu 2")
    someone, other = await member(members, own), await member(members, beside)
    assert (await members.get("/v1/members")).status_code == 200
    officer = issuer.headers(MONG_DUONG, sub="officer", branch=own["id"])
    mine, theirs = [await asked(members, who) for who in (someone, other)]
    log = "/v1/access-log"
    (entry,) = (await members.get(log, params={"member": someone["id"]}, headers=officer)).json()["items"]
    assert entry["subjects"] == [someone["id"]]
    assert (await members.get(log, params={"member": other["id"]}, headers=officer)).status_code == 404
    assert (await members.get(log, params={"reader": "tester"}, headers=officer)).json()["items"] == []
    listed = (await members.get("/v1/subject-requests", headers=officer)).json()["items"]
    assert [request["id"] for request in listed] == [mine["id"]]
    assert (await members.get(f"/v1/subject-requests/{theirs['id']}", headers=officer)).status_code == 404
    for who, request in ((someone, mine), (other, theirs)):
        await made(await erase(members, who, request))
    assert (await members.get(f"/v1/members/{someone['id']}/erasure", headers=officer)).status_code == 200
    assert (await members.get(f"/v1/members/{other['id']}/erasure", headers=officer)).status_code == 404


@pytest.mark.usefixtures("importer")
async def test_an_export_holds_what_was_merged_into_her_and_the_files_she_came_by(
    api: Api, url: str, issuer: Issuer
) -> None:
    """A duplicate, the duplicate of that in another commune, their consents, numbers and rows; each noted as seen."""
    members = await api("members", url, personal_key=OLD)
    await branch(members)
    far = await branch(members, BA_CHE)
    done = await imported(members, as_csv(people(1, 2)), unit=MONG_DUONG)
    one, other = [{"id": row["member"], "version": 1} for row in await rows(members, done["id"])]
    third = await member(members, far, name="Hội viên Mẫu 3", phone=PHONE)
    consent = {"purpose": "statistics", "text_version": "1", "how": "paper", "given_on": "2026-02-02"}
    await made(await members.post(f"/v1/members/{third['id']}/consents", json=consent))
    await merged(members, other, third)
    await merged(members, one, other)
    commune = {**issuer.headers(MONG_DUONG), "purpose": "subject-request"}
    export = await made(await members.get(f"/v1/members/{one['id']}/export", headers=commune), 200)
    names = ["Hội viên Mẫu 1", "Hội viên Mẫu 3", "Hội viên Mẫu 2"]
    records = [export, *export["merged"]]
    assert [record["member"]["name"] for record in records] == names
    assert [[(row["id"], row["row"], row["verdict"]) for row in record["imports"]] for record in records] == [
        *([(done["id"], 2, "created")], [], [(done["id"], 3, "created")]),
    ]
    assert (records[1]["member"]["phone"], records[1]["member"]["unit"]) == (PHONE, BA_CHE)
    assert [len(record["consents"]) for record in records] == [0, 1, 0]
    assert [[event["type"].split(".")[-2] for event in record["history"]] for record in records] == [
        *(["enrolled"], ["enrolled", "merged"], ["enrolled", "merged"]),
    ]
    log = (await members.get("/v1/access-log", params={"member": third["id"]})).json()["items"]
    assert set(log[0]["subjects"]) == {record["id"] for record in records}
