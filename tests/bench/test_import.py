"""120,000 rows of CSV and of XLSX: rows a second, the importer's memory, and what callers of the API notice."""

import asyncio
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import pytest
from openpyxl import Workbook

from contracts import units
from deploy.dev.supervisor import Stack
from services.chassis.sheets.sheet import CSV_TYPE, XLSX_TYPE
from tests.bench import load
from tests.builders import joining
from tests.members.files import HEADINGS, as_csv, person

ROWS, FEW, BROKEN = 120_000, 12_000, 100
POSTS, SECONDS = 50, 15
FAIR, SLOW = 10, 30
COMMUNES = [unit.code for unit in units.children("22")]


class Figures(NamedTuple):
    """One file: rows a second, the importer's largest resident size in MiB."""

    rate: float
    memory: float


def rows(first: int, number: int) -> list[list[Any]]:
    """People of all communes, six branches each; one row in BROKEN has a birth date that is none."""
    found: list[list[Any]] = [[*HEADINGS, "Xã/phường"]]
    for n in range(first, first + number):
        commune = COMMUNES[n % len(COMMUNES)]
        birth = "31/02/1980" if n % BROKEN == 0 else f"{n % 28 + 1:02}/{n % 12 + 1:02}/{1950 + n % 50}"
        found.append([*person(n, c2=birth, c4=f"Chi hội {n // len(COMMUNES) % 6 + 1}"), commune])
    return found


def xlsx(path: Path, found: list[list[Any]]) -> bytes:
    """Rows as a workbook."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in found:
        sheet.append(row)
    book.save(path)
    return path.read_bytes()


@pytest.mark.bench
@pytest.mark.timeout(900)
async def test_import(folder: Path) -> None:
    """At least 3,000 rows a second; memory does not grow with the file.

    POSTs beside an import: p95 within twice that of POSTs alone in the same run (or FAIR ms), p99 within SLOW ms.
    """
    files = [("csv", as_csv(rows(0, FEW)), FEW), ("csv", as_csv(rows(ROWS, ROWS)), ROWS)]
    files += [("xlsx", xlsx(folder / "bench.xlsx", rows(3 * ROWS, ROWS)), ROWS)]
    stack = Stack(folder / "import", settings={"RATE_PER_SECOND": "0", "LOG_LEVEL": "WARNING"}, say=lambda _: None)
    try:
        await asyncio.to_thread(stack.start)
        for name in ("loans-api", "loans-relay", "loans-follower"):
            stack.terminate(name)
        headers = {"Authorization": f"Bearer {stack.token()}"}
        async with httpx.AsyncClient(base_url=stack.addresses["members"], headers=headers, timeout=60) as members:
            branch = await _branch(members)
            found = [await _import(stack, members, *each) for each in files]
            await _drained(stack, members, headers, branch)
            quiet = await _posts(stack, headers, branch)
            content = as_csv(rows(5 * ROWS, ROWS))
            sent = await members.post(
                "/v1/imports", content=content, params={"create_branches": True}, headers={"content-type": CSV_TYPE}
            )
            busy = await _posts(stack, headers, branch)
            meanwhile = (await members.get(f"/v1/imports/{sent.json()['id']}")).json()
    finally:
        await asyncio.to_thread(stack.stop)
    for name, result in (("quiet", quiet), ("importing", busy)):
        print(f"POST, {name}: p50 {result.p50:.1f} p95 {result.p95:.1f} p99 {result.p99:.1f} ms {result.statuses}")
    print(f"meanwhile {meanwhile['rows_done'] / SECONDS:.0f} rows/s ({meanwhile['state']})")
    assert all(each.rate >= 3_000 for each in found[1:])
    assert all(each.memory - found[0].memory < 32 for each in found[1:])
    assert meanwhile["state"] == "applying", "it ended before the POSTs did"
    assert busy.statuses.keys() == {"200", "201"}
    assert busy.p95 <= max(2 * quiet.p95, FAIR)
    assert busy.p99 <= SLOW


async def _branch(members: httpx.AsyncClient) -> str:
    body = {"unit": COMMUNES[0], "name": "Chi hội", "opened_on": "2010-01-01"}
    found: str = (await members.post("/v1/branches", json=body)).raise_for_status().json()["id"]
    return found


async def _import(stack: Stack, members: httpx.AsyncClient, kind: str, content: bytes, number: int) -> Figures:
    """From the first byte sent to the last row decided and the error file written, by an importer just started."""
    stack.terminate("members-importer")
    stack.run("members-importer")
    process = psutil.Process(stack.processes["members-importer"].pid)
    began, largest = time.perf_counter(), 0
    media_type = {"csv": CSV_TYPE, "xlsx": XLSX_TYPE}[kind]
    answer = await members.post(
        "/v1/imports", content=content, params={"create_branches": True}, headers={"content-type": media_type}
    )
    path = f"/v1/imports/{answer.raise_for_status().json()['id']}"
    while (body := (await members.get(path)).json())["state"] in ("received", "applying"):
        largest = max(largest, process.memory_info().rss)
        await asyncio.sleep(2)
    assert (body["state"], body["created"], body["refused"]) == ("done", number - number // BROKEN, number // BROKEN)
    found = Figures(number / (time.perf_counter() - began), largest / (1 << 20))
    print(f"{number} rows, {len(content) >> 10} KiB of {kind}: {found.rate:.0f}/s, {found.memory:.0f} MiB")
    return found


async def _drained(stack: Stack, members: httpx.AsyncClient, headers: dict[str, str], branch: str) -> None:
    """Until the figures hold all that was imported: what follows is measured without its after-effects."""
    answer = await members.post(
        "/v1/members", json={"branch": branch, "name": "Hội viên Mẫu", "joined_on": "2021-05-10"}
    )
    wait = {**headers, "wait-for": answer.headers["journal-position"]}
    async with httpx.AsyncClient(base_url=stack.addresses["reporting"], headers=wait, timeout=60) as reporting:
        while (await reporting.get("/v1/freshness")).status_code == 503:
            pass


async def _posts(stack: Stack, headers: dict[str, str], branch: str) -> load.Result:
    """POST /v1/members at a steady rate, each after a small read; latencies are the POSTs'."""
    port = stack.ports["members"]
    return await load.pace(
        port,
        [load.request("GET", f"/v1/units/{COMMUNES[0]}", headers)],
        rate=POSTS,
        seconds=SECONDS,
        every=1,
        follow_port=port,
        follow=load.request("POST", "/v1/members", headers, joining({"id": branch})),
    )
