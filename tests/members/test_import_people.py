"""Who a row is: numbers, groups, and people who are in already."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from services.chassis.worker import Worker
from services.members.imports import queries
from tests.builders import BA_CHE, MONG_DUONG, branch, made, member
from tests.conftest import Api
from tests.issuer import Issuer
from tests.members.files import HEADINGS, as_csv, as_xlsx, person
from tests.members.importing import at_work, counts, ended, imported, rows
from tests.members.test_people import NUMBER, OLD, PHONE, found

MORE = ("Số CCCD", "Điện thoại", "Số thẻ", "Tổ")
OTHER = "022180000124"


@pytest.fixture
async def members(api: Api, url: str) -> httpx.AsyncClient:
    """A provincial caller of a members service that has a key."""
    return await api("members", url, personal_key=OLD)


@pytest.fixture(autouse=True)
async def importer(url: str) -> AsyncIterator[Worker]:
    """An importer at work that has the same key."""
    async with at_work(url, personal_key=SecretStr(OLD)) as process:
        yield process


def table(*people: list[Any]) -> list[list[Any]]:
    """Rows under all headings."""
    return [[*HEADINGS, *MORE], *people]


async def faults(members: httpx.AsyncClient, done: dict[str, Any]) -> list[tuple[int, str, str, str | None]]:
    """Row, pointer, code and column of everything refused."""
    refused = await rows(members, done["id"], verdict="refused")
    return [(row["row"], e["pointer"], e["code"], e["column"]) for row in refused for e in row["errors"]]


@pytest.mark.parametrize("write", [as_csv, as_xlsx])
async def test_numbers_and_groups_are_read_and_sealed(members: httpx.AsyncClient, url: str, write: Any) -> None:
    """Zeros that a spreadsheet dropped come back; numbers are found by look-up and lie open nowhere."""
    khu = await branch(members)
    body = {"branch": khu["id"], "name": "Tổ phụ nữ 1", "opened_on": "2020-01-01"}
    group = await made(await members.post("/v1/groups", json=body))
    people = [
        [*person(1), NUMBER, "+84 912.345-678", "HV-1", "1"],
        [*person(2), int(OTHER), 912345679, "", group["id"]],
        [*person(3), "022 180 000 125", "0203 382 5123", "", "tổ phụ nữ 1"],
    ]
    done = await imported(members, write(table(*people)), unit=MONG_DUONG)
    assert counts(done) == (3, 0, 0, 0), await faults(members, done)
    ids = [row["member"] for row in await rows(members, done["id"])]
    numbers = (NUMBER, OTHER, "022180000125")
    assert [await found(members, citizen_number=number) for number in numbers] == [[each] for each in ids]
    phones = (PHONE, "0912345679", "02033825123")
    assert [await found(members, phone=number) for number in phones] == [[each] for each in ids]
    read = [(await members.get(f"/v1/members/{each}")).json() for each in ids]
    assert [each["group"] for each in read] == [group["id"]] * 3
    assert [each["card_number"] for each in read] == ["HV-1", None, None]
    conn = await asyncpg.connect(url)
    kept = "member::text from member", "journal::text from journal", "import_row::text from import_row"
    text = str([await conn.fetch(f"select {each}") for each in kept])
    await conn.close()
    assert not [number for number in (*numbers, *phones) if number in text]


async def test_numbers_and_groups_that_are_none(members: httpx.AsyncClient) -> None:
    """Each names its column: an old identity card, a phone too short, a card of words, another branch's group."""
    khu, beside = await branch(members), await branch(members, name="Khu 2")
    for place, name in ((khu, "Tổ 1"), (beside, "Tổ 7")):
        body = {"branch": place["id"], "name": name, "opened_on": "2020-01-01"}
        await made(await members.post("/v1/groups", json=body))
    people = [
        [*person(1), "100123456", "", "", ""],
        [*person(2), "", "12345", "", ""],
        [*person(3), "", "", "hai từ", ""],
        [*person(4), "", "", "", "Tổ 7"],
        [*person(5), "", "", "", "Tổ 1"],
    ]
    done = await imported(members, as_csv(table(*people)), unit=MONG_DUONG)
    assert counts(done) == (1, 0, 0, 4)
    assert [each[:2] + each[3:] for each in await faults(members, done)] == [
        (2, "/citizen_number", "Số CCCD"),
        (3, "/phone", "Điện thoại"),
        (4, "/card_number", "Số thẻ"),
        (5, "/group", "Tổ"),
    ]


def cut(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Cut files into chunks of so many rows."""
    for name in ("CHUNK", "FEW"):
        monkeypatch.setattr(f"services.members.importer.{name}", size)


@pytest.mark.parametrize("chunk", [1, 1_000])
async def test_a_citizen_number_is_nobody_elses(
    members: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    """Another member's, or of a row before, however far: refused naming the field, by validation too."""
    cut(monkeypatch, chunk)
    await member(members, await branch(members), name="Người khác", citizen_number=NUMBER)
    people = [[*person(n), number, "", "", ""] for n, number in enumerate([NUMBER, OTHER, OTHER])]
    for mode, expected in (("validate", (0, 1, 0, 2)), ("apply", (1, 0, 0, 2)), ("apply", (0, 0, 1, 2))):
        done = await imported(members, as_csv(table(*people)), unit=MONG_DUONG, mode=mode)
        assert counts(done) == expected
        taken = [(row, "/citizen_number", "taken", "Số CCCD") for row in (2, 4)]
        assert await faults(members, done) == taken


async def test_what_a_number_says_otherwise_is_a_warning(members: httpx.AsyncClient) -> None:
    """Year and sex: the row is enrolled, its verdict says what looks doubtful, and such rows can be listed."""
    await branch(members)
    people = [[*person(1, c2="08/03/1981"), "022080000123", "", "", ""], [*person(2), OTHER, "", "", ""]]
    done = await imported(members, as_csv(table(*people)), unit=MONG_DUONG)
    assert counts(done) == (2, 0, 0, 0)
    (doubtful,) = await rows(members, done["id"], doubtful=True)
    told = [(each["pointer"], each["code"], each["column"]) for each in doubtful["warnings"]]
    assert (doubtful["row"], doubtful["verdict"], doubtful["errors"]) == (2, "created", [])
    assert told == [("/citizen_number", code, "Số CCCD") for code in ("birth_year", "sex")]
    assert [row["warnings"] == [] for row in await rows(members, done["id"])] == [False, True]


async def test_without_a_key_numbers_are_not_kept(api: Api, url: str, importer: Worker) -> None:
    """As the API does: the row is refused naming the field, others are enrolled."""
    importer.stopping.set()
    members = await api("members", url)
    await branch(members)
    people = [[*person(1), NUMBER, "", "", ""], [*person(2), "", "", "", ""]]
    async with at_work(url):
        done = await imported(members, as_csv(table(*people)), unit=MONG_DUONG)
    assert counts(done) == (1, 0, 0, 1)
    assert await faults(members, done) == [(2, "/citizen_number", "not_kept", "Số CCCD")]


async def test_who_is_in_already_is_not_enrolled_again(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """Enrolled by the API: known by citizen number, by card number, or by name, birth, branch and day of joining."""
    khu, far = await branch(members), await branch(members, BA_CHE)
    same = {"name": "Hội viên Mẫu 3", "birth_date": "1980-03-08", "joined_on": "2021-10-20"}
    by = [
        await member(members, khu, name="HỘI VIÊN Mẫu 1", citizen_number=NUMBER),
        await member(members, far, name="Hội viên Mẫu 2", card_number="HV-2"),
        await member(members, khu, **same),
        await member(members, khu, name="Hội viên Mẫu 4", birth_year=None, joined_on="2021-10-20"),
        await member(members, khu, **{**same, "name": "Hội viên Mẫu 5"}, citizen_number=OTHER),
    ]
    people = [
        [*person(1), NUMBER, "", "", ""],
        [*person(2), "", "", "HV-2", ""],
        [*person(3), "022180000777", "", "", ""],
        [*person(4, c2=""), "", "", "", ""],
        [*person(5), "022180000888", "", "", ""],
        [*person(6), "", "", "HV-2", ""],
    ]
    content = as_csv(table(*people))
    done = await imported(members, content, unit=MONG_DUONG)
    assert counts(done) == (2, 0, 4, 0)
    known = [row["member"] for row in await rows(members, done["id"])]
    assert known[:4] == [each["id"] for each in by[:4]]
    assert counts(await imported(members, content, unit=MONG_DUONG)) == (0, 0, 6, 0)
    officer = {**issuer.headers(unit=MONG_DUONG, sub="officer"), "content-type": "text/csv"}
    answer = await members.post("/v1/imports", content=content, headers=officer)
    done = await ended(members, answer.json()["id"])
    assert counts(done) == (1, 0, 5, 0), "who is out of reach is not known"


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["Mẫu 1", "Mẫu 2", "Đã có"]),
        st.sampled_from(["08/03/1980", "1980", "31/02/1980", ""]),
        st.sampled_from(["20/10/2021", "1/1/1970"]),
        st.sampled_from(["", NUMBER, OTHER, "022180000125"]),
        st.sampled_from(["", PHONE, "12345"]),
        st.sampled_from(["", "HV-1", "HV-2"]),
    ),
    min_size=2,
    max_size=8,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.sampled_from([1, 2, 3]))
async def test_verdicts_do_not_depend_on_how_a_file_is_cut(
    members: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, written: list[tuple[str, ...]], chunk: int
) -> None:
    """Every row has the same verdict, in one transaction or in many."""
    if not (await members.get("/v1/branches")).json()["items"]:
        await member(members, await branch(members), name="Đã có", citizen_number=NUMBER, card_number="HV-1")
    people = [[*person(0, c1=name, c2=born, c5=joined), *more, ""] for name, born, joined, *more in written]
    judged = []
    for size in (1_000, chunk):
        cut(monkeypatch, size)
        done = await imported(members, as_csv(table(*people)), unit=MONG_DUONG, mode="validate")
        judged.append([(row["verdict"], row["member"]) for row in await rows(members, done["id"])])
    assert judged[0] == judged[1]


@pytest.mark.parametrize("ask", [queries.rows_before, queries.holders])
async def test_rows_before_are_found_without_statistics(url: str, ask: Any) -> None:
    """Of a table that nobody has analysed yet, only the rows asked for are read, however often it is asked."""
    conn = await asyncpg.connect(url)
    await conn.execute("alter table import_row set (autovacuum_enabled = false)")
    await conn.execute(
        """
        with one as (insert into import (id, unit, actor, language, mode, state, create_branches, size)
                     values ($1::uuid, '22', 'a', 'vi', 'apply', 'done', false, 0) returning id)
        insert into import_row (import, row, verdict, key, citizen)
        select id, row, 'refused', name, name
        from one, generate_series(1, 5000) as row, sha256((row / 2)::text::bytea) as name
        """,
        UUID(int=1),
    )
    names = [row[0] for row in await conn.fetch("select sha256(n::text::bytea) from generate_series(1, 100) as n")]
    async with conn.transaction():
        for _ in range(8):
            assert await ask(conn, UUID(int=1), names) == {name: 2 * n for n, name in enumerate(names, 1)}
        read = "select idx_tup_fetch + seq_tup_read from pg_stat_xact_user_tables where relname = 'import_row'"
        assert await conn.fetchval(read) == 8 * 200
    await conn.close()
