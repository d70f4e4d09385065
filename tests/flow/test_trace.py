"""One trace runs from the HTTP request through journal and Kafka to the figures."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.dev.supervisor import Stack
from tests import builders
from tests.collector import Collector
from tests.platform import Platform

SECONDS = 30


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A running collector."""
    with Collector() as running:
        yield running


@pytest.fixture
def traced(folder: Path, collector: Collector) -> Iterator[Platform]:
    """The platform, tracing to the collector."""
    stack = Stack(folder / "traced", durable=False, settings={"OTLP_ENDPOINT": collector.url}, say=lambda _: None)
    stack.start()
    yield Platform(stack)
    stack.stop()


async def test_one_post_is_one_trace_across_four_processes(traced: Platform, collector: Collector) -> None:
    """The caller's own trace id is on spans of api, relay and projector, in the answer, the journal and the log."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    async with traced.client("members") as members, traced.client("reporting") as reporting:
        branch = await builders.branch(members)
        headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        answer = await members.post("/v1/members", json=builders.joining(branch), headers=headers)
        assert answer.headers["traceresponse"].split("-")[1] == trace
        wait = {"wait-for": answer.headers["journal-position"]}
        assert (await reporting.get("/v1/freshness", headers=wait)).status_code == httpx.codes.OK
    deadline = time.monotonic() + SECONDS
    wanted = {("danvan-members", "api"), ("danvan-members", "relay"), ("danvan-reporting", "projector")}
    while not wanted <= {(span.service, span.process) for span in collector.spans if span.trace == trace}:
        assert time.monotonic() < deadline, sorted({span[:3] for span in collector.spans if span.trace == trace})
        await asyncio.sleep(0.1)
    assert "POST /v1/members" in {span.name for span in collector.spans if span.trace == trace}
    kept = await traced.count("members", "select traceparent from journal order by position desc limit 1")
    assert kept.split("-")[1] == trace
    lines = [json.loads(line) for line in traced.stack.log_of("members-api").read_text().splitlines()]
    assert [line["status"] for line in lines if line.get("trace_id") == trace] == [201]
