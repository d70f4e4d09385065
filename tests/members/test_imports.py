"""Imports: validate, apply, repeat, correct and send again."""

import csv
from io import BytesIO, StringIO
from typing import Any

import asyncpg
import httpx
import openpyxl
import pytest

from services.members.imports import commands
from tests.builders import BA_CHE, MONG_DUONG, branch, household
from tests.conftest import Api
from tests.issuer import Issuer
from tests.members.files import HEADINGS, as_csv, as_xlsx, people, person
from tests.members.importing import counts, ended, imported, rows, send
from tests.members.planning import HA_KHAU, VIET_HUNG, applied, goes, step

pytestmark = pytest.mark.usefixtures("importer")


async def total(members: httpx.AsyncClient) -> int:
    """How many members there are."""
    return len((await members.get("/v1/members", params={"limit": 500})).json()["items"])


@pytest.mark.parametrize("write", [as_csv, as_xlsx])
async def test_a_file_is_enrolled_and_again_changes_nothing(members: httpx.AsyncClient, url: str, write: Any) -> None:
    """Every row becomes a member with its journal row; sent again, and again in the other format, nothing changes."""
    khu = await branch(members)
    done = await imported(members, write(people(1, 2, 3)), unit=MONG_DUONG)
    assert (done["state"], done["rows_total"], done["rows_done"], counts(done)) == ("done", 3, 3, (3, 0, 0, 0))
    verdicts = await rows(members, done["id"])
    assert [(each["row"], each["verdict"]) for each in verdicts] == [(2, "created"), (3, "created"), (4, "created")]
    first = (await members.get(f"/v1/members/{verdicts[0]['member']}")).json()
    told = {name: first[name] for name in ("name", "birth_date", "ethnicity", "branch", "joined_on", "core", "kind")}
    assert told == {
        "name": "Hội viên Mẫu 1",
        "birth_date": "1980-03-08",
        "ethnicity": "01",
        "branch": khu["id"],
        "joined_on": "2021-10-20",
        "core": True,
        "kind": "ordinary",
    }
    conn = await asyncpg.connect(url)
    facts = await conn.fetch("select actor from journal where type = 'vn.danvan.members.member.enrolled.v1'")
    assert [fact["actor"] for fact in facts] == ["tester"] * 3
    for again in (as_csv, as_xlsx):
        done = await imported(members, again(people(1, 2, 3)), unit=MONG_DUONG)
        assert counts(done) == (0, 0, 3, 0)
    assert [each["member"] for each in await rows(members, done["id"])] == [each["member"] for each in verdicts]
    assert await conn.fetchval("select count(*) from journal where type like '%member.enrolled%'") == 3
    await conn.close()


async def test_validate_changes_nothing_then_it_is_applied(members: httpx.AsyncClient, url: str) -> None:
    """Validation says what would happen, also of branches to be opened, and leaves no trace; application does it."""
    conn = await asyncpg.connect(url)
    content = as_xlsx([*people(1, 2), person(3, c2="31/02/1980")])
    checked = await imported(members, content, unit=MONG_DUONG, mode="validate", create_branches=True)
    assert (checked["state"], counts(checked)) == ("done", (0, 2, 0, 1))
    written = "select (select count(*) from member) + (select count(*) from branch) + (select count(*) from journal)"
    assert await conn.fetchval(written) == 0
    path = f"/v1/imports/{checked['id']}"
    answer = await members.post(f"{path}/application")
    assert (answer.status_code, answer.json()["mode"]) == (202, "apply")
    done = await ended(members, checked["id"])
    assert (done["state"], counts(done)) == ("done", (2, 0, 0, 1))
    (opened,) = await conn.fetch("select unit, name, opened_on::text from branch")
    assert tuple(opened) == (MONG_DUONG, "Khu 1", "2021-10-20")
    answer = await members.post(f"{path}/application")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:danvan:problem:import-not-validated")
    await conn.close()


async def test_refused_rows_come_back_and_their_correction_is_accepted(members: httpx.AsyncClient) -> None:
    """The error file is the officer's sheet, refused rows only, plus a column; corrected, it adds those rows alone."""
    await branch(members)
    title = [["DANH SÁCH HỘI VIÊN"], []]
    bad = [person(2, c2="31/02/1980"), person(3, c3="Kynh", c6="chắc vậy"), person(5, c1="", c5=None)]
    content = as_xlsx([*title, *people(1), bad[0], bad[1], person(4), bad[2]], "A1:H1")
    done = await imported(members, content, unit=MONG_DUONG)
    assert (done["rows_total"], counts(done)) == (5, (2, 0, 0, 3))
    refused = await rows(members, done["id"], verdict="refused")
    assert [(each["row"], [(e["pointer"], e["column"], e["code"]) for e in each["errors"]]) for each in refused] == [
        (5, [("/birth_date", "Ngày sinh", "date")]),
        (6, [("/ethnicity", "Dân tộc", "unknown"), ("/core", "Nòng cốt", "yes_or_no")]),
        (8, [("/name", "Họ và tên", "missing"), ("/joined_on", "Ngày vào Hội", "missing")]),
    ]
    assert refused[1]["errors"][0]["message"] == "Không có dân tộc này; gần giống: Kinh"
    answer = await members.get(f"/v1/imports/{done['id']}/errors")
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    book = openpyxl.load_workbook(BytesIO(answer.content))
    sheet = book.worksheets[0]
    written = [list(row) for row in sheet.iter_rows(values_only=True)]
    assert written[0][0] == "DANH SÁCH HỘI VIÊN"
    assert written[1] == [*HEADINGS, "Lỗi"]
    assert written[2][:8] == bad[0]
    assert written[2][8] == "Ngày sinh: Không hiểu ngày này: viết ngày/tháng/năm, ví dụ 08/03/1980"
    assert len(written) == 5
    sheet["C3"], sheet["D4"], sheet["G4"], sheet["B5"], sheet["F5"] = "28/02/1980", "Kinh", "x", "Người Mẫu", "1/2/2022"
    file = BytesIO()
    book.save(file)
    again = await imported(members, file.getvalue(), unit=MONG_DUONG)
    assert (again["state"], counts(again)) == ("done", (3, 0, 0, 0))
    assert again["columns"][-1] == {"column": "I", "heading": "Lỗi", "field": None}
    assert (await members.get(f"/v1/imports/{again['id']}/errors")).status_code == 404
    assert await total(members) == 5


async def test_a_csv_error_file_keeps_its_delimiter_and_its_one_error_column(members: httpx.AsyncClient) -> None:
    """Semicolons come back as semicolons; an error column that is there already is used again; text stays text."""
    await branch(members)
    once = await imported(members, as_csv([*people(), person(1, c1="=1+1", c5="mai")], ";"), unit=MONG_DUONG)
    first = (await members.get(f"/v1/imports/{once['id']}/errors")).content
    assert first.startswith(b"\xef\xbb\xbfSTT;")
    twice = await imported(members, first, unit=MONG_DUONG)
    second = (await members.get(f"/v1/imports/{twice['id']}/errors")).content
    assert first == second
    (_, row) = csv.reader(StringIO(second.decode("utf-8-sig")), delimiter=";")
    assert row[1] == "=1+1"
    assert row[8].startswith("Ngày vào Hội: ")
    as_book = await imported(members, as_xlsx([*people(), person(1, c0="'=1+1", c5="mai")]), unit=MONG_DUONG)
    book = openpyxl.load_workbook(BytesIO((await members.get(f"/v1/imports/{as_book['id']}/errors")).content))
    assert {cell.data_type for row in book.worksheets[0].iter_rows() for cell in row} <= {"s", "n"}


async def test_branches_unknown_by_name_are_refused_with_what_is_close(members: httpx.AsyncClient) -> None:
    """A branch is found with or without the words Chi hội; one that is unknown names its likes, or is opened."""
    await branch(members, name="Chi hội Khu 1")
    content = as_csv([*people(1), person(2, c4="khu 1"), person(3, c4="Chi hội Khu 11"), person(4, c4="Vạn Gia")])
    done = await imported(members, content, unit=MONG_DUONG)
    assert counts(done) == (2, 0, 0, 2)
    near, far = [each["errors"][0]["message"] for each in await rows(members, done["id"], verdict="refused")]
    assert near == "Không có chi hội này; gần giống: Chi hội Khu 1"
    assert far == "Không có chi hội này"
    done = await imported(members, content, unit=MONG_DUONG, create_branches=True)
    assert counts(done) == (2, 0, 2, 0)
    names = {each["name"] for each in (await members.get("/v1/branches")).json()["items"]}
    assert names == {"Chi hội Khu 1", "Chi hội Khu 11", "Vạn Gia"}


async def test_communes_of_today_and_before(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """By code, short code, alias, name and old name; outside the reach there is nothing."""
    for unit in (MONG_DUONG, BA_CHE):
        await branch(members, unit)
    headings = [*HEADINGS, "Xã/phường"]
    written = [MONG_DUONG, 6970, "06978", "phường Mông Dương", "Ba Chẽ", "Xã Nam Sơn", "01", "Atlantis", ""]
    content = as_xlsx([headings, *([*person(n), where] for n, where in enumerate(written))])
    done = await imported(members, content)
    assert counts(done) == (6, 0, 0, 3)
    refused = [each["errors"][0] for each in await rows(members, done["id"], verdict="refused")]
    assert [(each["pointer"], each["code"]) for each in refused] == [
        ("/unit", "unknown"),
        ("/unit", "unknown"),
        ("/unit", "missing"),
    ]
    found = (await members.get("/v1/members", params={"unit": BA_CHE})).json()["items"]
    assert len(found) == 4
    local = issuer.headers(unit=BA_CHE, sub="officer")
    answer = await members.post("/v1/imports", content=content, headers={**local, "content-type": "text/csv"})
    done = await ended(members, answer.json()["id"])
    assert (done["unit"], counts(done)) == (BA_CHE, (1, 0, 4, 4))
    theirs = (await members.get("/v1/imports", headers=local)).json()["items"]
    assert [each["id"] for each in theirs] == [done["id"]]


async def test_old_communes_go_where_applied_plans_took_them(members: httpx.AsyncClient) -> None:
    """A ward the lineage divides asks for the code, until a plan says where it went; by code, key and name."""
    await branch(members, VIET_HUNG)
    await branch(members, HA_KHAU)
    headings = [*HEADINGS, "Xã/phường"]
    written = ["06655", 6655, HA_KHAU, "Phường Hà Khẩu", "hà khẩu"]
    content = as_xlsx([headings, *([*person(n), where] for n, where in enumerate(written))])
    before = await imported(members, content, mode="validate")
    assert counts(before) == (0, 0, 0, 5)
    faults = [each["errors"][0] for each in await rows(members, before["id"])]
    assert {(each["pointer"], each["code"]) for each in faults} == {("/unit", "ambiguous")}
    plan = await applied(members, goes(HA_KHAU, VIET_HUNG))
    names = {each["name"] for each in (await members.get("/v1/branches", params={"unit": VIET_HUNG})).json()["items"]}
    assert "Khu 1" in names
    assert counts(await imported(members, content, mode="validate")) == (0, 5, 0, 0)
    await step(members, plan, "reversal")
    assert counts(await imported(members, content, mode="validate")) == (0, 0, 0, 5)


async def test_a_mapping_is_remembered_per_caller(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """Headings nobody knows are mapped once, then known to this caller and to no other; null ignores a column."""
    await branch(members)
    headings = ["", "Quý danh", "Sinh", "Dân tộc", "Chi hội", "Vào hội khi", "Nòng cốt", "Loại"]
    content = as_csv([headings, person(1), person(2, c3="?")])
    mapping = '{"Quý danh": "name", "Sinh": "birth_date", "Vào hội khi": "joined_on", "Dân tộc": null}'
    first = await imported(members, content, unit=MONG_DUONG)
    assert (first["state"], first["faults"][0]["code"]) == ("refused", "missing_columns")
    assert counts(await imported(members, content, unit=MONG_DUONG, mapping=mapping)) == (2, 0, 0, 0)
    assert counts(await imported(members, content, unit=MONG_DUONG)) == (0, 0, 2, 0)
    other = {**issuer.headers(sub="another"), "content-type": "text/csv", "accept-language": "en"}
    answer = await members.post("/v1/imports", content=content, params={"unit": MONG_DUONG}, headers=other)
    body = await ended(members, answer.json()["id"])
    assert body["faults"][0]["message"].startswith("Thiếu cột: Họ và tên, Ngày vào Hội")
    read = await members.get(f"/v1/imports/{body['id']}", headers=other)
    assert read.json()["faults"][0]["message"].startswith("Columns are missing: Họ và tên, Ngày vào Hội")
    for wrong in ("[]", '{"a": "b"}', "x"):
        answer = await members.post("/v1/imports", content=content, params={"mapping": wrong}, headers=other)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "query:mapping")


async def test_the_same_person_twice_in_a_file(members: httpx.AsyncClient) -> None:
    """The second row is refused naming the first, in every mode and however often it is sent."""
    await branch(members)
    content = as_csv([*people(1, 2), person(3, c1="HỘI VIÊN mẫu 1")])
    for mode, first in (("validate", (0, 2, 0, 1)), ("apply", (2, 0, 0, 1)), ("apply", (0, 0, 2, 1))):
        done = await imported(members, content, unit=MONG_DUONG, mode=mode)
        assert counts(done) == first
        (refused,) = await rows(members, done["id"], verdict="refused")
        assert (refused["row"], refused["errors"][0]["code"]) == (4, "same_row")
        assert "dòng 2" in refused["errors"][0]["message"]


async def test_households_by_code_or_address(members: httpx.AsyncClient) -> None:
    """A household of the branch by its id or its address; another's, a double or an unknown one is refused."""
    khu, other = await branch(members), await branch(members, name="Khu 2")
    home = await household(members, khu, address="Tổ 1, số 5")
    far = await household(members, other, address="Tổ 9")
    for _ in range(2):
        await household(members, khu, address="Tổ 2")
    written = [home["id"], "tổ 1, số 5", far["id"], "Tổ 2", "Tổ 3", ""]
    homes = [[*person(n), where] for n, where in enumerate(written)]
    content = as_csv([[*HEADINGS, "Số hộ"], *homes, [*person(6, c4="Khu 9"), "Tổ 1"]])
    done = await imported(members, content, unit=MONG_DUONG)
    assert counts(done) == (3, 0, 0, 4)
    faults = [each["errors"][0] for each in await rows(members, done["id"], verdict="refused")]
    assert [(fault["column"], fault["code"]) for fault in faults] == [
        *(("Số hộ", "unknown"), ("Số hộ", "ambiguous"), ("Số hộ", "unknown"), ("Chi hội", "unknown")),
    ]
    found = (await members.get("/v1/members")).json()["items"]
    assert sorted(each["household"] or "" for each in found) == ["", home["id"], home["id"]]


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
async def test_the_template_can_be_filled_in(members: httpx.AsyncClient, format_: str) -> None:
    """The template is understood as it is; its example is refused only for a branch that does not exist."""
    answer = await members.get("/v1/imports/template", params={"format": format_})
    assert f'filename="hoi-vien-mau.{format_}"' in answer.headers["content-disposition"]
    done = await imported(members, answer.content)
    assert all(column["field"] for column in done["columns"])
    (row,) = await rows(members, done["id"])
    assert [(each["pointer"], each["code"]) for each in row["errors"]] == [("/branch", "unknown")]
    assert counts(await imported(members, answer.content, create_branches=True)) == (1, 0, 0, 0)


async def test_files_and_rows_are_kept_for_so_long(members: httpx.AsyncClient, url: str) -> None:
    """After the days have passed the file, its errors and its rows are gone; what was counted stays."""
    await branch(members)
    content = as_csv([*people(1), person(2, c5="mai")])
    done = await imported(members, content, unit=MONG_DUONG, mode="validate")
    path = f"/v1/imports/{done['id']}"
    assert (await members.get(f"{path}/errors")).status_code == 200
    conn = await asyncpg.connect(url)
    await commands.forget(conn, 30)
    assert (await members.get(f"{path}/errors")).status_code == 200
    await conn.execute("update import set finished_at = finished_at - interval '31 days'")
    await commands.forget(conn, 30)
    assert await conn.fetchval("select (select count(*) from import_file) + (select count(*) from import_row)") == 0
    await conn.close()
    assert (await members.get(f"{path}/errors")).status_code == 404
    assert (await members.post(f"{path}/application")).status_code == 409
    assert counts((await members.get(path)).json()) == (0, 1, 0, 1)


async def test_who_may_and_what_is_taken(members: httpx.AsyncClient, api: Api, url: str, issuer: Issuer) -> None:
    """Both scopes, places in reach, known media types, so many bytes; a key that was used answers again."""
    csv_file = {"content-type": "text/csv"}
    for scope in ("members:write", "members:read members:personal"):
        headers = {**issuer.headers(scope=scope), **csv_file}
        assert (await members.post("/v1/imports", content=b"x", headers=headers)).status_code == 403
        assert (await members.get("/v1/imports", headers=headers)).status_code == 403
    answer = await members.post("/v1/imports", content=b"x", headers={"content-type": "application/pdf"})
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:danvan:problem:unsupported-media-type")
    for query in ({"unit": "00004"}, {"branch": "00000000-0000-7000-8000-000000000000"}):
        answer = await members.post("/v1/imports", content=b"x", params=query, headers=csv_file)
        assert answer.json()["errors"][0]["pointer"] == f"query:{next(iter(query))}"
    small = await api("members", url, max_import_bytes=2048, max_request_bytes=1024)
    assert (await small.post("/v1/imports", content=b"x" * 2048, headers=csv_file)).status_code == 202
    answer = await small.post("/v1/imports", content=b"x" * 2049, headers=csv_file)
    assert (answer.status_code, answer.json()["detail"]) == (413, "Nhiều nhất 2048 byte")
    keyed = {**csv_file, "idempotency-key": "one"}
    first = await members.post("/v1/imports", content=b"x", headers=keyed)
    again = await members.post("/v1/imports", content=b"x", headers=keyed)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    other = await members.post("/v1/imports", content=b"y", headers=keyed)
    assert other.json()["type"] == "urn:danvan:problem:idempotency-key-reused"
    theirs = await members.get(f"/v1/imports/{first.json()['id']}", headers=issuer.headers(unit=BA_CHE))
    assert theirs.status_code == 404


async def test_lists_are_paged(members: httpx.AsyncClient) -> None:
    """Imports, the newest first, and rows in the order of the file, page by page."""
    await branch(members)
    ids = [(await imported(members, as_csv(people(n)), unit=MONG_DUONG))["id"] for n in range(3)]
    page = (await members.get("/v1/imports", params={"limit": 2})).json()
    rest = (await members.get("/v1/imports", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [each["id"] for each in page["items"] + rest["items"]] == ids[::-1]
    done = await imported(members, as_csv(people(*range(600))), unit=MONG_DUONG)
    assert [each["row"] for each in await rows(members, done["id"])] == list(range(2, 602))


async def test_what_cannot_be_done_is_given_up(members: httpx.AsyncClient, url: str) -> None:
    """An import that was begun so often without a step forward fails, and says so; others go on."""
    conn = await asyncpg.connect(url)
    sent = await send(members, as_csv(people(1)))
    await ended(members, sent["id"])
    await conn.execute("update import set state = 'applying', attempts = $1", commands.ATTEMPTS)
    body = await ended(members, sent["id"])
    assert (body["state"], body["faults"][0]["code"]) == ("failed", "unexpected")
    await conn.close()
