"""HTTP/1.1 load. `run`: each connection sends its next request when the last is answered, or a while after that, as
people do. `pace`: at a steady rate.

Runs in a process of its own (`python -m tests.bench.load`), reads a JSON job from standard input, writes a JSON result.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import uvloop

POSITION = "{position}"


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


class _Connection(asyncio.Protocol):
    """One connection: a request at a time. A protocol costs a core a third of what streams would."""

    def __init__(self) -> None:
        self.received, self.head, self.length = b"", b"", -1
        self.done: Callable[[bytes], object] | None = None
        self.transport: asyncio.WriteTransport

    def send(self, request: bytes, done: Callable[[bytes], object]) -> None:
        """Send a request; `done` gets the head of its answer once all of it has come."""
        self.done = done
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Gather an answer."""
        self.received += data
        if self.length < 0:
            end = self.received.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            self.head = self.received[:end]
            self.length = end + int(_header(self.head, b"content-length") or 0)
        if len(self.received) >= self.length:
            self.received, self.length = b"", -1
            self._end(self.head)

    def connection_lost(self, _: Exception | None) -> None:
        """What is still asked for stays unanswered: its status is none."""
        self._end(b"HTTP/1.1 --- connection lost\r\n\r\n")

    def _end(self, head: bytes) -> None:
        done, self.done = self.done, None
        if done is not None:
            done(head)


async def _connect(port: int) -> _Connection:
    transport, connection = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", port)
    connection.transport = transport
    return connection


def _header(head: bytes, name: bytes) -> bytes:
    at = head.lower().find(b"\n" + name + b": ")
    return head[at + len(name) + 3 : head.index(b"\r\n", at)] if at >= 0 else b""


def _status(head: bytes) -> str:
    return head[9:12].decode()


async def _run(job: dict[str, Any]) -> dict[str, Any]:
    requests = [request.encode() for request in job["requests"]]
    connections = [await _connect(job["port"]) for _ in range(job["connections"])]
    times: list[float] = []
    statuses: Counter[str] = Counter()
    ended = asyncio.Semaphore(0)
    began = time.perf_counter()
    until = began + job["seconds"]
    think, chance, loop = job["think"], random.Random(1), asyncio.get_running_loop()

    def start(connection: _Connection, number: int) -> None:
        if connection.transport.is_closing():
            ended.release()
            return
        sent = time.perf_counter()

        def done(head: bytes) -> None:
            now = time.perf_counter()
            times.append(1000 * (now - sent))
            statuses[_status(head)] += 1
            pause = chance.expovariate(1 / think) if think else 0.0
            if now + pause >= until:
                ended.release()
            elif pause:
                loop.call_later(pause, start, connection, number + 1)
            else:
                start(connection, number + 1)

        connection.send(requests[number % len(requests)], done)

    step = max(1, len(requests) // len(connections))
    for number, connection in enumerate(connections):
        loop.call_later(chance.random() * think, start, connection, number * step)
    for _ in connections:
        await ended.acquire()
    seconds = time.perf_counter() - began
    for connection in connections:
        connection.transport.close()
    return Result(len(times), seconds, dict(statuses), *_percentiles(times))._asdict()


async def _pace(job: dict[str, Any]) -> dict[str, Any]:
    idle: dict[int, list[_Connection]] = {job["port"]: [], job["follow_port"]: []}
    statuses: Counter[str] = Counter()
    times: list[float] = []

    async def exchange(port: int, request: bytes) -> bytes:
        while idle[port] and idle[port][-1].transport.is_closing():  # the server ends what is idle for long
            idle[port].pop()
        connection = idle[port].pop() if idle[port] else await _connect(port)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        connection.send(request, answer.set_result)
        head = await answer
        statuses[_status(head)] += 1
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
        connection.transport.close()
    return Result(int(job["rate"] * job["seconds"]), seconds, dict(statuses), *_percentiles(times))._asdict()


def _percentiles(times: list[float]) -> list[float]:
    times = sorted(times)
    return [times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.95, 0.99)]


def request(method: str, path: str, headers: dict[str, str], body: object = None) -> str:
    """One HTTP/1.1 request as it goes over the wire."""
    content = "" if body is None else json.dumps(body)
    lines = {"Host": "bench", **headers}
    if content:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(content.encode()))}
    return f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n" + content


async def run(port: int, requests: list[str], *, connections: int, seconds: float, think: float = 0) -> Result:
    """Run the load in a process of its own; each client thinks for `think` seconds on average between requests."""
    job = {"port": port, "requests": requests, "connections": connections, "seconds": seconds, "think": think}
    return await _apart(job)


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
