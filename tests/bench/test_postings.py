"""POST repayments to ledgers, against a peer that records them as Apache Fineract does, in one run."""

import asyncio
import statistics
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy.dev.supervisor import Stack
from services.chassis import journal
from tests.bench import load
from tests.bench.peer import running
from tests.bench.test_statements import AMOUNT, Made, lend
from tests.platform import keep_only

CONNECTIONS, SECONDS, ROUNDS = 50, 6.0, 3
MONTHS, LOANS_EACH, VISITS = 9, 40, 8
MADE = [Made(number, MONTHS) for number in range(CONNECTIONS * LOANS_EACH)]
"""2,000 loans with 13 entries each. Every connection has 40 of its own, so nobody waits for another's lock."""
FROM, PAID = date(2023, 11, 1), 1_000
FLOOR = 1.5
ACTIVE = 300
"""The peer's word for a loan that is paid out and owed."""


@pytest.mark.bench
@pytest.mark.timeout(300)
async def test_post_repayment(folder: Path) -> None:
    """Half again as many as the peer, were it to commit once; everything posted is in the ledger, once."""
    stack = Stack(folder / "postings", settings={"RATE_PER_SECOND": "0", "LOG_LEVEL": "WARNING"}, say=lambda _: None)
    found: dict[str, list[load.Result]] = {"ours": [], "peer": [], "peer, one commit": []}
    try:
        await asyncio.to_thread(stack.start)
        keep_only(stack, "loans-api", "issuer")
        headers = {"Authorization": f"Bearer {stack.token()}"}
        async with httpx.AsyncClient(base_url=stack.addresses["loans"], headers=headers, timeout=120) as loans:
            await lend(stack, loans, MADE)
        before = await _count(stack, "loans", "select count(*) from entry")
        async with running(stack, folder, "orm_lending", SEQUENCE, **_rows()) as orm:
            doors: dict[str, tuple[int, dict[str, str], str, tuple[str, str]]] = {
                "ours": (stack.ports["loans"], headers, "repayments", ("occurred_on", "principal")),
                "peer": (orm.port, orm.headers, "transactions", THEIRS),
                "peer, one commit": (orm.port, orm.headers, "transactions?commits=1", THEIRS),
            }
            for number in range(ROUNDS):
                for name, (port, own, door, fields) in doors.items():
                    asked = _requests(number, own, door, fields)
                    found[name].append(await load.run(port, asked, connections=CONNECTIONS, seconds=SECONDS))
        posted = await _count(stack, "loans", "select count(*) from entry") - before
        told = await _count(stack, "loans", "select count(*) from journal where type like '%.loan.repaid.v1'")
        kept = await _count(stack, "peer", "select count(*) from peer_transaction") - before
        wrong = await _count(
            stack, "loans", "select count(*) from unbalanced(array(select id from loan))"
        ) + await _count(
            stack,
            "peer",
            "select count(*) from peer_loan where total_outstanding <> (select sum(case kind when 'disbursement' then"
            " amount else -principal_portion end) from peer_transaction where loan = peer_loan.id)",
        )
    finally:
        await asyncio.to_thread(stack.stop)
    times: dict[str, float] = {}
    for name, results in found.items():
        for each in results:
            took = f"p50 {each.p50:5.1f} p95 {each.p95:5.1f} p99 {each.p99:5.1f} ms"
            print(f"{name:16} {each.rate:6.0f}/s {took} {each.statuses}")
        rounds = zip(found["ours"], results, strict=True)
        times[name] = statistics.median(ours.rate / theirs.rate for ours, theirs in rounds)
        print(f"{name:16} ours are {times[name]:.2f} times as many (median of the rounds)")
    assert all(set(each.statuses) == {"201"} for results in found.values() for each in results)
    assert posted == told == sum(each.requests for each in found["ours"])
    assert kept == sum(each.requests for name in ("peer", "peer, one commit") for each in found[name])
    assert not wrong
    assert times["peer, one commit"] >= FLOOR


THEIRS = ("transaction_date", "transaction_amount")
SEQUENCE = "select setval('peer_transaction_id_seq', (select max(id) from peer_transaction))"


def _requests(number: int, headers: dict[str, str], door: str, fields: tuple[str, str]) -> list[str]:
    """A round's repayments: a connection goes through its loans, each time a day later, each under a key of its own."""
    found = []
    for connection in range(CONNECTIONS):
        own = MADE[connection * LOANS_EACH : (connection + 1) * LOANS_EACH]
        for visit in range(VISITS):
            day = FROM + timedelta(days=number * VISITS + visit)
            body = dict(zip(fields, (str(day), PAID), strict=True))
            found += [
                load.request("POST", f"/v1/loans/{each.id}/{door}", {**headers, "Idempotency-Key": str(uuid4())}, body)
                for each in own
            ]
    return found


def _rows() -> dict[str, list[tuple[Any, ...]]]:
    """The same loans and transactions, as the peer keeps them."""
    now = journal.now().replace(tzinfo=None)
    loans: list[tuple[Any, ...]] = []
    transactions: list[tuple[Any, ...]] = []
    for made in MADE:
        owed, principal, interest = 0, 0, 0
        for kind, amount, on in made.entries():
            parts = (amount if kind == "principal" else 0, amount if kind == "interest" else 0)
            owed += amount if kind == "disbursement" else -parts[0]
            principal, interest = principal + parts[0], interest + parts[1]
            said = "disbursement" if kind == "disbursement" else "repayment"
            transactions.append((len(transactions) + 1, made.id, said, on, amount, *parts, owed, False, "bench", now))
        dates = (made.days[0], made.due_on)
        sums = (AMOUNT, principal, interest, owed)
        loans.append((made.id, f"HD-{made.number}", "22", ACTIVE, *dates, *sums, "bench", now, 1))
    return {"peer_loan": loans, "peer_transaction": transactions}


async def _count(stack: Stack, database: str, query: str) -> int:
    conn = await asyncpg.connect(stack.postgres.url(database))
    try:
        return int(await conn.fetchval(query))
    finally:
        await conn.close()
