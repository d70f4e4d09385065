"""HTTP/1.1 load. `run`: each connection sends its next request when the last is answered. `pace`: at a steady rate.

Runs in a process of its own (`python -m tests.bench.load`), reads a JSON job from standard input, writes a JSON result.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any, NamedTuple

import uvloop

POSITION = "{position}"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


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


async def _exchange(connection: Connection, request: bytes) -> bytes:
    """Send a request, read its answer; gives the answer's head."""
    reader, writer = connection
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if length := _header(head, b"content-length"):
        await reader.readexactly(int(length))
    return head


def _header(head: bytes, name: bytes) -> bytes:
    at = head.lower().find(name + b": ")
    return head[at + len(name) + 2 : head.index(b"\r\n", at)] if at >= 0 else b""


async def _connection(
    port: int, requests: list[bytes], until: float, found: list[tuple[float, str]], first: int
) -> None:
    connection = await asyncio.open_connection("127.0.0.1", port)
    number = first
    while time.perf_counter() < until:
        began = time.perf_counter()
        head = await _exchange(connection, requests[number % len(requests)])
        number += 1
        found.append((time.perf_counter() - began, head[9:12].decode()))
    connection[1].close()


async def _pace(job: dict[str, Any]) -> dict[str, Any]:
    idle: dict[int, list[Connection]] = {job["port"]: [], job["follow_port"]: []}
    statuses: Counter[str] = Counter()
    times: list[float] = []

    async def exchange(port: int, request: bytes) -> bytes:
        connection = idle[port].pop() if idle[port] else await asyncio.open_connection("127.0.0.1", port)
        head = await _exchange(connection, request)
        statuses[head[9:12].decode()] += 1
        idle[port].append(connection)
        return head

    async def one(number: int) -> None:
        head = await exchange(job["port"], job["requests"][number % len(job["requests"])].encode())
        if number % job["every"] == 0:
            began = time.perf_counter()
            position = _header(head, b"journal-position").decode()
            await exchange(job["follow_port"], job["follow"].replace(POSITION, position).encode())
            times.append(1000 * (time.perf_counter() - began))

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(job["rate"] * job["seconds"])):
            await asyncio.sleep(max(0, began + number / job["rate"] - time.perf_counter()))
            tasks.create_task(one(number))
    seconds = time.perf_counter() - began
    for connection in (each for found in idle.values() for each in found):
        connection[1].close()
    return Result(int(job["rate"] * job["seconds"]), seconds, dict(statuses), *_percentiles(times))._asdict()


def _percentiles(times: list[float]) -> list[float]:
    times = sorted(times)
    return [times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.95, 0.99)]


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
    statuses = Counter(status for _, status in found)
    return Result(len(found), seconds, dict(statuses), *_percentiles([1000 * each for each, _ in found]))._asdict()


def request(method: str, path: str, headers: dict[str, str], body: object = None) -> str:
    """One HTTP/1.1 request as it goes over the wire."""
    content = "" if body is None else json.dumps(body)
    lines = {"Host": "bench", **headers}
    if content:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(content.encode()))}
    return f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n" + content


async def run(port: int, requests: list[str], *, connections: int, seconds: float) -> Result:
    """Run the load in a process of its own."""
    return await _apart({"port": port, "requests": requests, "connections": connections, "seconds": seconds})


async def pace(
    port: int, requests: list[str], *, rate: float, seconds: float, every: int, follow_port: int, follow: str
) -> Result:
    """Writes at a steady rate whatever the answers take, from a process of its own.

    Every so many, `follow` is sent with the write's Journal-Position in place of POSITION. Latencies are of those.
    """
    job = {"port": port, "requests": requests, "rate": rate, "seconds": seconds, "every": every}
    return await _apart({**job, "follow_port": follow_port, "follow": follow})


async def _apart(job: dict[str, Any]) -> Result:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate(json.dumps(job).encode())
    assert process.returncode == 0, "the load generator failed"
    return Result(**json.loads(out))


async def _main(job: dict[str, Any]) -> dict[str, Any]:
    return await (_pace(job) if "rate" in job else _run(job))


if __name__ == "__main__":
    json.dump(uvloop.run(_main(json.load(sys.stdin))), sys.stdout)
