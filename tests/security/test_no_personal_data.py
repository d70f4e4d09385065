"""What goes in under a name leaves no name: not on the bus, nor in a journal, a log, a trace, a metric or a figure."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from kafka import KafkaConsumer, TopicPartition

from deploy.dev.supervisor import Stack
from services.chassis.clock import today
from services.chassis.paging import fold
from tests.builders import MONG_DUONG, branch, household, joining, made, member
from tests.collector import Collector
from tests.platform import Platform

NAMES = [f"Hội viên Mẫu Bí Mật {number}" for number in range(8)]
ADDRESS, REPRESENTATIVE, DETAIL = "Ngõ Mẫu Bí Mật 12", "Chủ hộ Mẫu Bí Mật 3", "Lời lẽ Mẫu Bí Mật"
BORN, PHONE, CITIZEN = "1931-01-07", "0900123987", "022131987654"
SECRETS = (*NAMES, ADDRESS, REPRESENTATIVE, DETAIL, BORN, PHONE, CITIZEN)
Texts = dict[str, str]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A running collector of traces."""
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def platform(folder: Path, collector: Collector) -> Iterator[Platform]:
    """The whole platform, as talkative as it can be."""
    settings = {"OTLP_ENDPOINT": collector.url, "LOG_LEVEL": "DEBUG"}
    stack = Stack(folder / "private", durable=False, settings=settings, say=lambda _: None)
    stack.start()
    yield Platform(stack)
    stack.stop()


async def figures(reporting: httpx.AsyncClient, position: str) -> Any:
    """Every figure of the commune, once reporting has reached a position."""
    found = await reporting.get("/v1/freshness", headers={"wait-for": position})
    assert found.status_code == httpx.codes.OK, found.text
    shown = (await reporting.get(f"/v1/dashboards/{MONG_DUONG}", params={"from": "2020-01-01"})).json()
    return {name: shown[name] for name in ("cards", "series", "breakdowns", "units")}


async def erase(members: httpx.AsyncClient, someone: dict[str, Any]) -> httpx.Response:
    """A request to be erased, answered and fulfilled today."""
    day = today().isoformat()
    body = {"member": someone["id"], "kind": "erase", "channel": "paper", "received_on": day, "detail": DETAIL}
    request = await made(await members.post("/v1/subject-requests", json=body))
    path = f"/v1/subject-requests/{request['id']}/answer"
    await made(await members.post(path, json={"on": day}, headers={"if-match": '"1"'}), 200)
    path = f"/v1/members/{someone['id']}"
    tag = (await members.get(path)).headers["etag"]
    return await members.post(f"{path}/erasure", json={"request": request["id"]}, headers={"if-match": tag})


async def live(platform: Platform) -> str:
    """A life with everything that is ever said about a person, well and badly formed; the id of who was erased."""
    async with (
        platform.client("members") as members,
        platform.client("loans") as loans,
        platform.client("reporting") as reporting,
    ):
        members.headers["purpose"] = "membership-care"
        khu = await branch(members)
        home = await household(members, khu, address=ADDRESS)
        fields = {"household": home["id"], "birth_date": BORN, "birth_year": None}
        first = await member(members, khu, name=NAMES[0], **fields)
        rows = [joining(khu, name=name, **fields) for name in NAMES[1:4]]
        broken = joining(khu, name=NAMES[4], birth_date="1931-13-07", ethnicity="99")
        batch = await members.post("/v1/members/batch", json={"items": [*rows, broken]})
        assert batch.json()["created"] == len(rows)
        path = f"/v1/members/{first['id']}"
        await made(await members.patch(path, json={"name": NAMES[5]}, headers={"if-match": '"1"'}), 200)
        assert len((await members.get("/v1/members", params={"q": NAMES[5]})).json()["items"]) == 1
        for extra in ({"phone": PHONE, "citizen_number": CITIZEN}, {"surname": NAMES[6]}):
            await members.post("/v1/members", json=joining(khu, name=NAMES[6], **extra))
        borrower = {
            "household": home["id"],
            "unit": MONG_DUONG,
            "branch": khu["id"],
            "customer_code": "KH-1",
            "representative": REPRESENTATIVE,
        }
        await made(await loans.post("/v1/borrowers", json=borrower))
        await platform.count(
            "members", f"alter table member add constraint broken check (name <> '{NAMES[7]}') not valid"
        )
        failed = await members.post("/v1/members", json=joining(khu, name=NAMES[7], **fields))
        assert failed.status_code == httpx.codes.INTERNAL_SERVER_ERROR
        await platform.count("members", "select pg_sleep(1.1) where $1 <> ''", NAMES[7])
        before = await figures(reporting, f"members:{first['id']}@2")
        erased = await erase(members, first)
        await made(erased)
        assert erased.headers["journal-position"] == f"members:{first['id']}@3"
        assert await figures(reporting, erased.headers["journal-position"]) == before
        found: str = first["id"]
        return found


def topics(platform: Platform) -> Texts:
    """Every record of every topic: key, value and headers."""
    bootstrap = platform.stack.kafka.bootstrap
    with closing(KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")) as consumer:
        parts = [
            TopicPartition(topic, part)
            for topic in consumer.topics()
            for part in consumer.partitions_for_topic(topic) or ()
        ]
        consumer.assign(parts)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(parts)
        found: Texts = {}
        while any(consumer.position(part) < end for part, end in ends.items()):
            for part, records in consumer.poll(timeout_ms=5_000).items():
                said = "\n".join(f"{record.key!r} {record.value.decode()} {record.headers}" for record in records)
                found[f"topic {part.topic}"] = found.get(f"topic {part.topic}", "") + said
        return found


async def databases(platform: Platform) -> Texts:
    """The journals, and all that reporting holds."""
    wanted = {"members": ["journal"], "loans": ["journal"]}
    tables = await platform.count(
        "reporting", "select array_agg(tablename::text) from pg_tables where schemaname = 'public'"
    )
    found = {}
    for database, names in {**wanted, "reporting": tables}.items():
        for table in names:
            text = f"select coalesce(string_agg(t::text, chr(10)), '') from \"{table}\" t"  # noqa: S608  # own tables
            found[f"{database}.{table}"] = await platform.count(database, text)
    return found


def outputs(platform: Platform, collector: Collector) -> Texts:
    """Logs of every process and engine, metrics of every process, and all traces."""
    stack = platform.stack
    logs = {str(path): path.read_text(errors="replace") for path in sorted(stack.logs.glob("*.log"))}
    for engine in stack.engines():
        logs[f"log {engine}"] = stack.log_of(engine).read_text(errors="replace")
    for name, address in stack.ops.items():
        with urllib.request.urlopen(f"{address}/metrics") as answer:
            logs[f"metrics {name}"] = answer.read().decode()
    return {**logs, "traces": b"\n".join(collector.raw).decode(errors="replace")}


def leaks(texts: Texts) -> set[tuple[str, str]]:
    """(where, what) of every secret found, written as it is, escaped for JSON or a URL, or folded."""
    return {
        (where, secret)
        for where, text in texts.items()
        for secret in SECRETS
        if any(form in text for form in (secret, json.dumps(secret)[1:-1], str(httpx.QueryParams(q=secret))[2:]))
        or fold(secret) in fold(text)
    }


async def test_no_personal_data_leaves_the_table_it_is_kept_in(platform: Platform, collector: Collector) -> None:
    """After a whole life of it, an error whose row PostgreSQL would quote, and an erasure that changes no figure."""
    erased = await live(platform)
    platform.stack.terminate("members-api")
    scanned = {**topics(platform), **await databases(platform)}
    platform.stack.run("members-api")
    scanned |= outputs(platform, collector)
    for where in ("topic danvan.members", "members.journal", "reporting.entity", "traces"):
        assert erased in scanned[where], f"{where} was not scanned"
    assert '"logger": "danvan.access"' in scanned[str(platform.stack.log_of("members-api"))]
    assert "violates check constraint" in scanned["log postgres"]
    assert {"topic danvan.members", "topic danvan.loans"} <= scanned.keys()
    assert leaks({"control": f"x {NAMES[0]}", "folded": "hoi vien mau bi mat 1"}) == {
        ("control", NAMES[0]),
        ("folded", NAMES[1]),
    }
    assert leaks(scanned) == set()
