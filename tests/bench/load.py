"""A closed loop of HTTP/1.1 connections: each sends its next request when the last is answered.

Runs in a process of its own (`python -m tests.bench.load`), reads a JSON job from standard input, writes a JSON result.
"""

import asyncio
import json
import sys
import time
from typing import Any, NamedTuple

import uvloop


class Result(NamedTuple):
    """What a run measured; latencies in milliseconds."""

    requests: int
    seconds: float
    statuses: dict[str, int]
    p50: float
    p95: float
    p99: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


async def _connection(
    port: int, requests: list[bytes], until: float, found: list[tuple[float, str]], first: int
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number = first
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(requests[number % len(requests)])
        number += 1
        head = await reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at >= 0:
            length = int(lower[at + 15 : lower.find(b"\r\n", at)])
            if length:
                await reader.readexactly(length)
        found.append((time.perf_counter() - began, head[9:12].decode()))
    writer.close()


async def _run(job: dict[str, Any]) -> dict[str, Any]:
    requests = [request.encode() for request in job["requests"]]
    found: list[tuple[float, str]] = []
    began = time.perf_counter()
    until = began + job["seconds"]
    step = max(1, len(requests) // job["connections"])
    await asyncio.gather(
        *(_connection(job["port"], requests, until, found, n * step) for n in range(job["connections"]))
    )
    seconds = time.perf_counter() - began
    times = sorted(1000 * each for each, _ in found)
    statuses: dict[str, int] = {}
    for _, status in found:
        statuses[status] = statuses.get(status, 0) + 1
    at = [times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.95, 0.99)]
    return Result(len(times), seconds, statuses, *at)._asdict()


def request(method: str, path: str, headers: dict[str, str], body: object = None) -> str:
    """One HTTP/1.1 request as it goes over the wire."""
    content = "" if body is None else json.dumps(body)
    lines = {"Host": "bench", **headers}
    if content:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(content.encode()))}
    return f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n" + content


async def run(port: int, requests: list[str], *, connections: int, seconds: float) -> Result:
    """Run the load in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    job = {"port": port, "requests": requests, "connections": connections, "seconds": seconds}
    out, _ = await process.communicate(json.dumps(job).encode())
    assert process.returncode == 0, "the load generator failed"
    return Result(**json.loads(out))


if __name__ == "__main__":
    json.dump(uvloop.run(_run(json.load(sys.stdin))), sys.stdout)
