"""100,000 loans with 36 months of entries: a statement of 100,000 lines matched, and a ledger read under load."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import httpx
import psutil
import pytest

from contracts import units
from deploy.dev.supervisor import Stack
from services.chassis import journal
from services.chassis.sheets.sheet import CSV_TYPE
from services.loans.entries.books import Kind
from tests.bench import load
from tests.bench.test_import import xlsx
from tests.loans.lending import TERMS
from tests.loans.reconciling import HEADINGS
from tests.members.files import as_csv
from tests.platform import keep_only

LOANS, MONTHS, AMOUNT, PART, INTEREST = 100_000, 36, 60_000_000, 2_000_000, 350_000
FIRST, AS_OF, DUE, LATE = date(2022, 12, 5), date(2025, 12, 31), date(2027, 12, 5), date(2025, 6, 30)
QUARTER, OVERDUE, DIFFERENT = 3, 10, 50
"""Principal every so many months; of so many loans one is overdue, and one line says something else."""
COMMUNES = [unit.code for unit in units.children("22")]
CLIENTS, A_SECOND, SECONDS = 50, 200, 15
LEAST, MOST_MS = 5_000, 20


class Made(NamedTuple):
    """A loan of the bench by its number."""

    number: int
    months: int = MONTHS

    @property
    def id(self) -> UUID:
        """Ids grow with the number, as those of UUIDv7 do."""
        return UUID(int=(1 << 120) + self.number)

    @property
    def days(self) -> list[date]:
        """The day of disbursement, and that of each month after it."""
        first = FIRST + timedelta(days=self.number % 20)
        months = (first.month - 1 + month for month in range(self.months + 1))
        return [first.replace(year=first.year + month // 12, month=month % 12 + 1) for month in months]

    @property
    def due_on(self) -> date:
        """The day the whole of it is due."""
        return LATE if self.number % OVERDUE == 0 else DUE

    def entries(self) -> Iterator[tuple[Kind, int, date]]:
        """What was posted: kind, VND, day."""
        first, *months = self.days
        yield "disbursement", AMOUNT, first
        for month, day in enumerate(months, 1):
            yield "interest", INTEREST, day
            if month % QUARTER == 0:
                yield "principal", PART, day

    def balances(self) -> Iterator[tuple[Any, ...]]:
        """What that adds up to: since, status, due, in term, overdue, frozen, overdue since."""
        moved = [(day, PART) for kind, _, day in self.entries() if kind == "principal"]
        days = sorted([(self.days[0], -AMOUNT), *moved, (self.due_on + timedelta(days=1), 0)])
        owed = 0
        for day, less in days:
            owed -= less
            late = day > self.due_on
            since = self.due_on + timedelta(days=1) if late else None
            yield (
                day,
                "overdue" if late else "in_term",
                self.due_on,
                0 if late else owed,
                owed if late else 0,
                0,
                since,
            )

    def line(self, every: int) -> list[Any]:
        """What the bank says; of so many lines one has paid a million more."""
        owed = AMOUNT - self.months // QUARTER * PART - (0 if (self.number + 1) % every else 1_000_000)
        parts = (0, owed) if self.due_on == LATE else (owed, 0)
        return [self.number, f"HD-{self.number}", f"KH-{self.number}", "Việc làm mẫu", *parts, 0, INTEREST, 0]


@pytest.mark.bench
@pytest.mark.timeout(300)
async def test_statement(folder: Path) -> None:
    """At least 5,000 lines a second, were all of them wrong; a ledger read in 20 ms (p95) by 50 clients."""
    stack = Stack(folder / "statement", settings={"RATE_PER_SECOND": "0", "LOG_LEVEL": "WARNING"}, say=lambda _: None)
    try:
        await asyncio.to_thread(stack.start)
        keep_only(stack, "loans-api", "issuer")
        headers = {"Authorization": f"Bearer {stack.token()}"}
        async with httpx.AsyncClient(base_url=stack.addresses["loans"], headers=headers, timeout=120) as loans:
            recount = await lend(stack, loans, [Made(n) for n in range(LOANS)])
            rates = []
            for kind, every in (("csv", DIFFERENT), ("csv", 1), ("xlsx", DIFFERENT)):
                lines = [list(HEADINGS), *(Made(n).line(every) for n in range(LOANS))]
                content = as_csv(lines) if kind == "csv" else xlsx(folder / "statement.xlsx", lines)
                rates.append(await _send(stack, loans, content, recount, every))
            await _again(loans)
            requests = [
                load.request("GET", f"/v1/loans/{Made(n * 97 % LOANS).id}/ledger", headers) for n in range(5_000)
            ]
            read = await load.run(
                stack.ports["loans"], requests, connections=CLIENTS, seconds=SECONDS, think=CLIENTS / A_SECOND
            )
    finally:
        await asyncio.to_thread(stack.stop)
    print(f"ledger, {read.rate:.0f}/s: p50 {read.p50:.1f} p95 {read.p95:.1f} p99 {read.p99:.1f} ms {read.statuses}")
    assert set(read.statuses) == {"200"}
    assert min(rates) >= LEAST
    assert read.p95 <= MOST_MS


async def lend(stack: Stack, loans: httpx.AsyncClient, made: Sequence[Made]) -> int:
    """Loans, entries and balances by COPY, without the checks of each commit; what is owed by plain addition."""
    terms = {**TERMS, "code": "bench", "valid_from": "2019-01-01", "name_vi": "Việc làm mẫu"}
    programme = UUID((await loans.post("/v1/programmes", json=terms)).raise_for_status().json()["id"])
    now = journal.now()
    lent = ("bench", "central", AMOUNT, 83_820, 130, 1, now)
    tables: dict[str, tuple[str, Iterator[tuple[Any, ...]]]] = {
        "borrower": (
            "id household unit customer_code version recorded_at",
            ((each.id, each.id, unit_of(each), f"KH-{each.number}", 1, now) for each in made),
        ),
        "loan": (
            (
                "id borrower unit programme contract_number contract_on due_on programme_code capital_source amount "
                "annual_rate_ppm overdue_rate_percent version recorded_at"
            ),
            (
                (each.id, each.id, unit_of(each), programme, f"HD-{each.number}", each.days[0], each.due_on, *lent)
                for each in made
            ),
        ),
        "entry": (
            "id loan kind amount occurred_on recorded_at",
            (
                (UUID(int=(each.number + 1) * 1_000 + n), each.id, *entry, now)
                for each in made
                for n, entry in enumerate(each.entries())
            ),
        ),
        "balance": (
            "loan since status due_on in_term overdue frozen overdue_since",
            ((each.id, *balance) for each in made for balance in each.balances()),
        ),
    }
    began = time.perf_counter()
    conn = await asyncpg.connect(stack.postgres.url("loans"))
    await conn.execute("set session_replication_role = replica")
    for table, (columns, records) in tables.items():
        await conn.copy_records_to_table(table, records=records, columns=columns.split())
    await conn.execute("analyze")
    assert not await conn.fetch("select * from unbalanced($1)", [each.id for each in made[::1_000]])
    entries = await conn.fetchval("select count(*) from entry")
    owed: int = await conn.fetchval("select sum(principal)::bigint from entry where occurred_on <= $1", AS_OF)
    await conn.close()
    print(f"{entries} entries in {time.perf_counter() - began:.0f} s")
    return owed


def unit_of(made: Made) -> str:
    """Where its household lives."""
    return COMMUNES[made.number % len(COMMUNES)]


async def _send(stack: Stack, loans: httpx.AsyncClient, content: bytes, owed: int, every: int) -> float:
    """Lines a second from the first byte sent to the answer; the API's largest resident size is printed."""
    process, began = psutil.Process(stack.processes["loans-api"].pid), time.perf_counter()
    sent = await loans.post(
        "/v1/statements", content=content, params={"as_of": str(AS_OF)}, headers={"content-type": CSV_TYPE}
    )
    rate = LOANS / (time.perf_counter() - began)
    assert sent.status_code == 201, sent.text
    answer = (await loans.get(f"/v1/statements/{sent.json()['id']}/reconciliation")).json()
    assert answer["outstanding_ours"] == owed
    assert {each["kind"]: each["differences"] for each in answer["total"]["explained"]} == {"amount": LOANS // every}
    assert not any(any(cell["remainder"].values()) for cell in [answer["total"], *answer["items"]])
    memory = process.memory_info().rss / (1 << 20)
    print(f"{LOANS} lines, {LOANS // every} differ, {len(content) >> 10} KiB: {rate:.0f} lines/s, API {memory:.0f} MiB")
    return rate


async def _again(loans: httpx.AsyncClient) -> None:
    """How long a match alone takes."""
    (statement,) = (await loans.get("/v1/statements")).json()["items"]
    began = time.perf_counter()
    (await loans.post(f"/v1/statements/{statement['id']}/matching")).raise_for_status()
    print(f"matched again: {LOANS / (time.perf_counter() - began):.0f} lines/s")
