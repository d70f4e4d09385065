"""Citizen numbers and phones: sealed, found, doubted, never twice; keys change while everybody goes on."""

import asyncio
import json
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from contracts import units
from contracts.members import MemberCorrected
from deploy.dev.engines import Postgres
from services.chassis import vault
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.reach import Reach
from services.chassis.sealing import BrokenSeal
from services.chassis.settings import Settings
from services.chassis.vault import Vault
from services.members.members import commands
from services.members.members.commands import reseal
from services.members.members.numbers import warnings
from tests.builders import BA_CHE, branch, joining, made, member
from tests.chassis.bus import until
from tests.conftest import Api, execute
from tests.issuer import Issuer
from tests.members.planning import blocked
from tests.members.test_members import journal, pointers

OLD, NEW = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=", "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="
NUMBER, PHONE = "022180000123", "0912345678"


@pytest.fixture
async def members(api: Api, url: str) -> httpx.AsyncClient:
    """A provincial caller of a members service that has a key."""
    return await api("members", url, personal_key=OLD)


async def found(members: httpx.AsyncClient, **asked: str) -> list[str]:
    """Ids of whom a look-up finds."""
    answer = await members.post("/v1/members/lookup", json=asked)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_numbers_are_sealed_found_and_shown_for_one(members: httpx.AsyncClient, url: str, issuer: Issuer) -> None:
    """As they are said in any form; the database, the journal and lists hold none of them."""
    khu = await branch(members)
    someone = await member(members, khu, citizen_number=NUMBER, phone="+84 912.345-678", card_number="HV-000123")
    read = (await members.get(f"/v1/members/{someone['id']}")).json()
    assert (read["citizen_number"], read["phone"], read["card_number"]) == (NUMBER, PHONE, "HV-000123")
    assert await found(members, citizen_number=NUMBER) == await found(members, phone="0912 345 678") == [someone["id"]]
    assert await found(members, phone="0912345679") == []
    (listed,) = (await members.get("/v1/members")).json()["items"]
    assert (listed["citizen_number"], listed["phone"]) == (None, None)
    conn = await asyncpg.connect(url)
    kept = str([dict(row) for row in await conn.fetch("select * from member")])
    await conn.close()
    assert NUMBER not in kept
    assert PHONE not in kept
    assert NUMBER not in json.dumps(await journal(url), default=str)
    plain = issuer.headers(scope="members:read")
    bare = (await members.get(f"/v1/members/{someone['id']}", headers=plain)).json()
    assert (bare["citizen_number"], bare["phone"], bare["card_number"]) == (None, None, None)
    assert (await members.post("/v1/members/lookup", json={"phone": PHONE}, headers=plain)).status_code == 403
    other = await members.post("/v1/members/lookup", json={"phone": PHONE}, headers=issuer.headers(BA_CHE))
    assert other.json()["items"] == []


async def test_a_citizen_number_is_nobody_elses(members: httpx.AsyncClient) -> None:
    """One at a time, corrected, in a batch, twice in one batch; a phone may be a family's."""
    khu = await branch(members)
    await member(members, khu, citizen_number=NUMBER, phone=PHONE)
    assert pointers(await members.post("/v1/members", json=joining(khu, citizen_number=NUMBER)), 409) == {
        ("/citizen_number", "taken")
    }
    other = await member(members, khu, phone=PHONE)
    path, first = f"/v1/members/{other['id']}", {"if-match": '"1"'}
    assert (await members.patch(path, json={"citizen_number": NUMBER}, headers=first)).status_code == 409
    items = [joining(khu, citizen_number=n) for n in (NUMBER, "022180000999", "022180000999")]
    done = (await members.post("/v1/members/batch", json={"items": items})).json()
    assert [row["verdict"] for row in done["items"]] == ["refused", "created", "refused"]
    assert len(await found(members, phone=PHONE)) == 2
    changed = await members.patch(path, json={"citizen_number": "022180000555", "phone": None}, headers=first)
    assert changed.status_code == 200
    assert await found(members, citizen_number="022180000555") == [other["id"]]
    assert len(await found(members, phone=PHONE)) == 1


async def test_a_number_that_disagrees_is_a_warning(members: httpx.AsyncClient) -> None:
    """Another birth year, a man's number: recorded and said; a wrong form is refused."""
    khu = await branch(members)
    answer = await members.post("/v1/members", json=joining(khu, citizen_number="022079000123"))
    told = {(warning["pointer"], warning["code"]) for warning in (await made(answer))["warnings"]}
    assert told == {("/citizen_number", "birth_year"), ("/citizen_number", "sex")}
    honorary = joining(khu, citizen_number="022080000124", kind="honorary")
    assert (await made(await members.post("/v1/members", json=honorary)))["warnings"] == []
    tried = {"items": [joining(khu, citizen_number="022079000125")], "validate_only": True}
    (row,) = (await members.post("/v1/members/batch", json=tried)).json()["items"]
    assert (row["verdict"], len(row["warnings"])) == ("valid", 2)
    for fields, expected in (
        ({"citizen_number": "12345"}, ("/citizen_number", "string_pattern_mismatch")),
        ({"phone": "12345"}, ("/phone", "phone")),
    ):
        assert pointers(await members.post("/v1/members", json=joining(khu, **fields))) == {expected}
    both = {"phone": PHONE, "citizen_number": NUMBER}
    assert pointers(await members.post("/v1/members/lookup", json=both)) == {("", "one_of")}


@given(st.integers(1900, 2099), st.booleans())
def test_a_number_tells_century_year_and_sex(year: int, female: bool) -> None:
    """Digits 4 to 6, over two centuries: no warning for what agrees, one for each thing that does not."""
    digit = (year - 1900) // 100 * 2 + female
    number = f"022{digit}{year % 100:02}000001"
    assert [fault.code for fault in warnings(number, year, ordinary=True)] == ([] if female else ["sex"])
    assert [fault.code for fault in warnings(number, year + 1, ordinary=False)] == ["birth_year"]
    assert warnings(number, None, ordinary=False) == warnings(None, year, ordinary=True) == []


async def test_without_a_key_no_number_is_kept(api: Api) -> None:
    """The field is named; everything else works."""
    members = await api("members")
    khu = await branch(members)
    refused = await members.post("/v1/members", json=joining(khu, citizen_number=NUMBER, phone=PHONE))
    assert pointers(refused) == {("/citizen_number", "not_kept"), ("/phone", "not_kept")}
    await member(members, khu)
    assert await found(members, phone=PHONE) == []


async def test_keys_change_while_everybody_goes_on(members: httpx.AsyncClient, api: Api, url: str) -> None:
    """After `rekey` with a new key in front, services with both keys, then the new one alone, read and find all."""
    khu = await branch(members)
    someone = await member(members, khu, citizen_number=NUMBER, phone=PHONE)
    before = await sealed(url, someone)
    both = Settings(database_url=url, personal_key=SecretStr(f"{NEW} {OLD}"), rekey_wait=0)
    await vault.rekey(both, "members", reseal)
    assert before != (after := await sealed(url, someone))
    for keys in (f"{NEW} {OLD}", NEW):
        later = await api("members", url, personal_key=keys)
        assert (await later.get(f"/v1/members/{someone['id']}")).json()["phone"] == PHONE
        assert await found(later, citizen_number=NUMBER) == [someone["id"]]
    await vault.rekey(Settings(database_url=url, personal_key=SecretStr(NEW), rekey_wait=0), "members", reseal)
    assert after != await sealed(url, someone)
    conn = await asyncpg.connect(url)
    with pytest.raises(BrokenSeal):
        await Vault.load(conn, OLD)
    opened = await Vault.load(conn, NEW)
    await conn.close()
    with pytest.raises(BrokenSeal):
        opened.open(await sealed(url, someone), f"{UUID(int=1)}:citizen_number")


@pytest.mark.parametrize("rekey_commits", ["before the write", "while the write waits"])
async def test_a_write_that_read_before_rekey_keeps_what_it_sealed(
    members: httpx.AsyncClient, api: Api, url: str, rekey_commits: str
) -> None:
    """After one `rekey`, whatever was under way, no number needs the old data key: it may be destroyed."""
    khu = await branch(members)
    someone = await member(members, khu, citizen_number=NUMBER, phone=PHONE)
    writer, keeper = [await asyncpg.connect(url) for _ in range(2)]
    settings = Settings(database_url=url, personal_key=SecretStr(OLD), rekey_wait=0)
    async with writer.transaction():
        before = await commands.at_version(writer, Reach(units.subtree("22")), UUID(someone["id"]), 1)
        writing = commands.update(writer, before.next(before.timeline, card_number="HV-1"), MemberCorrected, today())
        if rekey_commits == "before the write":
            await vault.rekey(settings, "members", reseal)
            await writing
        else:
            await vault.rekey(settings, "members", nothing)
            async with keeper.transaction():
                await reseal(keeper, await newest(keeper), UUID(int=0))
                task = asyncio.create_task(writing)
                await blocked(url)
            await task
    await keeper.execute("delete from data_key where purpose = 'seal' and id < (select max(id) from data_key)")
    await writer.close()
    await keeper.close()
    later = await api("members", url, personal_key=OLD)
    path = f"/v1/members/{someone['id']}"
    read = (await later.get(path)).json()
    assert (read["citizen_number"], read["phone"], read["card_number"]) == (NUMBER, PHONE, "HV-1")
    await made(await later.patch(path, json={"phone": "0900000001"}, headers={"if-match": '"2"'}), 200)
    assert (await later.get(path)).json()["phone"] == "0900000001"


async def test_the_vault_opens_with_the_first_request(postgres: Postgres, api: Api, url: str) -> None:
    """Started while its database is away, the service serves whoever comes first once it is there."""
    name = url.rpartition("/")[2]
    await execute(postgres, f"alter database {name} rename to away")
    members = await api("members", url, personal_key=OLD)
    assert (await members.post("/v1/members/lookup", json={"phone": PHONE})).status_code == 503
    await execute(postgres, f"alter database away rename to {name}")
    assert await found(members, phone=PHONE) == []


async def test_a_service_that_lacks_the_new_key_says_so_and_goes_on(
    api: Api, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It keeps what it had open, tries again, and reads what was sealed meanwhile once a key of its own is back."""
    monkeypatch.setattr(vault, "RELOAD_SECONDS", 0.02)
    members = await api("members", url, personal_key=OLD)
    someone = await member(members, await branch(members), phone=PHONE)

    async def told() -> bool:
        return "no key of the settings opens the data keys" in caplog.text

    async def phone() -> bool:
        answer = await members.get(f"/v1/members/{someone['id']}")
        return answer.status_code == 200 and answer.json()["phone"] == PHONE

    settings = Settings(database_url=url, personal_key=SecretStr(f"{NEW} {OLD}"), rekey_wait=0)
    await vault.rekey(settings, "members", nothing)
    await until(told)
    assert await phone()
    settings = settings.model_copy(update={"personal_key": SecretStr(f"{OLD} {NEW}")})
    await vault.rekey(settings, "members", reseal)
    await until(phone)


def test_rekey_waits_until_all_seal_with_the_new_key() -> None:
    """Until it is old enough, every process has loaded it since, and whatever was under way has ended (60 s)."""
    waits = Settings(database_url="postgresql://none").rekey_wait
    assert waits >= vault.KNOWN_SECONDS + vault.RELOAD_SECONDS + 60


async def nothing(*_: object) -> None:
    """Seals nothing again, so that a test does it."""


async def newest(conn: Connection) -> Vault:
    """The vault that seals with the newest data key, as `rekey` has it."""
    opened = await Vault.load(conn, OLD)
    opened.newest = max(opened.sealers)
    return opened


async def sealed(url: str, someone: dict[str, Any]) -> bytes:
    """The citizen number as the database holds it."""
    conn = await asyncpg.connect(url)
    try:
        value: bytes = await conn.fetchval("select citizen_sealed from member where id = $1", UUID(someone["id"]))
        return value
    finally:
        await conn.close()


async def test_names_are_found_by_their_words(members: httpx.AsyncClient) -> None:
    """All words, in any order, marks and case folded, the last perhaps unfinished; nothing else."""
    khu = await branch(members)
    for name in ("Nguyễn Thị Hòa", "Nguyễn Thị Hoà", "Hoàng Thị Nguyên"):
        await member(members, khu, name=name)
    found = [
        len((await members.get("/v1/members", params={"q": q})).json()["items"])
        for q in ("nguyen thi hoa", "HÒA thị nguyễn", "thi ng", "hoa", "guyen", "!&|", "hoa' & x:*")
    ]
    assert found == [3, 2, 3, 3, 0, 0, 0]


async def test_a_merged_record_holds_no_number(members: httpx.AsyncClient) -> None:
    """It is found by none, the survivor may take it over, and then the merge cannot be undone."""
    khu = await branch(members)
    one, other = await member(members, khu), await member(members, khu, citizen_number=NUMBER, phone=PHONE)
    path, body, first = f"/v1/members/{one['id']}", {"duplicate": other["id"]}, {"if-match": '"1"'}
    await made(await members.post(f"{path}/merge", json=body, headers=first), 200)
    assert await found(members, citizen_number=NUMBER) == []
    await made(await members.patch(path, json={"citizen_number": NUMBER}, headers=first), 200)
    assert await found(members, citizen_number=NUMBER) == [one["id"]]
    undo = await members.post(f"{path}/unmerge", json=body, headers={"if-match": '"2"'})
    assert pointers(undo, 409) == {("/citizen_number", "taken")}
