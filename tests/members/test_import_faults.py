"""Imports under faults: killed, told to stop, cut off, two at once. One effect per row, nothing lost."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path

import asyncpg
import httpx
import pytest
from openpyxl import load_workbook

from deploy.dev.process import free_port
from tests.builders import MONG_DUONG, branch
from tests.members.files import Rows, as_csv, as_xlsx, people
from tests.members.importing import counts, ended, rows, send

ROOT = Path(__file__).parents[2]
ROWS = 6_000
Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """The importers' folder of temporary files."""
    return tmp_path


@pytest.fixture
async def start(url: str, copies: Path) -> AsyncIterator[Start]:
    """Starts importer processes; those that are left end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def importer() -> subprocess.Popen[bytes]:
        own = {"DANVAN_DATABASE_URL": url, "DANVAN_OPS_PORT": str(free_port()), "DANVAN_LOG_LEVEL": "WARNING"}
        own["TMPDIR"] = str(copies)
        command = [sys.executable, "-m", "services.members.main", "importer"]
        started.append(subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own}))
        return started[-1]

    yield importer
    for process in started:
        process.kill()
        process.wait()


async def reached(members: httpx.AsyncClient, import_id: str, number: int) -> None:
    """Until so many rows are done."""
    async with asyncio.timeout(60):
        while True:
            if (await members.get(f"/v1/imports/{import_id}")).json()["rows_done"] >= number:
                return
            await asyncio.sleep(0.01)


async def check_once(members: httpx.AsyncClient, url: str, import_id: str, number: int) -> None:
    """Each row of the file is one member, one journal row, one verdict."""
    done = await ended(members, import_id)
    assert (done["state"], done["rows_total"], counts(done)) == ("done", number, (number, 0, 0, 0))
    conn = await asyncpg.connect(url)
    for count in (
        "select count(*) from member",
        "select count(distinct name) from member",
        "select count(*) from import_key",
        "select count(*) from journal where type = 'vn.danvan.members.member.enrolled.v1'",
        "select count(*) from import_row where verdict = 'created'",
    ):
        assert await conn.fetchval(count) == number, count
    await conn.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_an_importer_that_ends_mid_file_is_followed(
    members: httpx.AsyncClient, url: str, start: Start, how: signal.Signals
) -> None:
    """Killed twice, or drained twice, mid-file: another process goes on where it stood."""
    await branch(members)
    sent = await send(members, as_xlsx(people(*range(ROWS))), unit=MONG_DUONG)
    for number in (1, 3_000):
        process = start()
        await reached(members, sent["id"], number)
        process.send_signal(how)
        assert await asyncio.to_thread(process.wait, 30) == (-how if how == signal.SIGKILL else 0)
        assert (await members.get(f"/v1/imports/{sent['id']}")).json()["state"] == "applying"
    start()
    await check_once(members, url, sent["id"], ROWS)


async def test_sessions_cut_off_mid_file(members: httpx.AsyncClient, url: str, start: Start) -> None:
    """The database ends the importer's session again and again: it connects anew and loses and repeats nothing."""
    await branch(members)
    sent = await send(members, as_csv(people(*range(ROWS))), unit=MONG_DUONG)
    process = start()
    conn = await asyncpg.connect(url)
    for number in (1, 2_000, 4_000):
        await reached(members, sent["id"], number)
        cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'members-importer'"
        assert await conn.fetchval(cut)
    await conn.close()
    await check_once(members, url, sent["id"], ROWS)
    assert process.poll() is None


async def test_the_same_file_twice_at_once(members: httpx.AsyncClient, url: str, start: Start) -> None:
    """Two importers, two imports of one file side by side: each row is enrolled by one of them."""
    await branch(members)
    content = as_csv(people(*range(ROWS)))
    start(), start()
    sent = [await send(members, content, unit=MONG_DUONG) for _ in range(2)]
    done = [await ended(members, each["id"]) for each in sent]
    assert sum(each["created"] for each in done) == sum(each["unchanged"] for each in done) == ROWS
    conn = await asyncpg.connect(url)
    assert await conn.fetchval("select count(*) from member") == ROWS
    assert await conn.fetchval("select count(distinct name) from member") == ROWS
    await conn.close()
    first, second = [[each["member"] for each in await rows(members, each["id"])] for each in sent]
    assert first == second


@pytest.mark.parametrize("write", [as_csv, as_xlsx])
async def test_the_error_file_is_whole_after_a_kill(
    members: httpx.AsyncClient, start: Start, copies: Path, write: Callable[[Rows], bytes]
) -> None:
    """Rows refused before the kill are in the error file as well as those after; no copy of a file is left on disk."""
    await branch(members)
    table = people(*range(ROWS))
    for row in table[1::500]:
        row[2] = "không rõ"
    sent = await send(members, write(table), unit=MONG_DUONG)
    process = start()
    await reached(members, sent["id"], 2_000)
    assert held(process), "the copies are on disk"
    process.kill()
    process.wait()
    assert os.listdir(copies) == []
    start()
    done = await ended(members, sent["id"])
    assert counts(done) == (ROWS - ROWS // 500, 0, 0, ROWS // 500)
    answer = await members.get(f"/v1/imports/{sent['id']}/errors")
    if write is as_csv:
        numbers = [line.split(",")[0] for line in answer.text.splitlines()]
    else:
        sheet = load_workbook(BytesIO(answer.content)).worksheets[0]
        numbers = [str(row[0]) for row in sheet.iter_rows(values_only=True)]
    assert numbers[1:] == [str(n) for n in range(0, ROWS, 500)]


def held(process: subprocess.Popen[bytes]) -> list[str]:
    """Files without a name that a process holds open."""
    links = [os.readlink(each) for each in Path(f"/proc/{process.pid}/fd").iterdir()]
    return [link for link in links if link.endswith(" (deleted)")]
