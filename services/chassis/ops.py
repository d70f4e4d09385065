"""The ops port of every process: `/livez` (it makes progress), `/readyz` (its dependencies answer), `/metrics`."""

import asyncio
import gc
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.chassis.settings import Settings

log = logging.getLogger("danvan.ops")
Ready = Callable[[], Awaitable[dict[str, bool]]]
Live = Callable[[], bool]
JSON = "application/json"


@asynccontextmanager
async def serve(settings: Settings, ready: Ready, live: Live) -> AsyncIterator[int]:
    """Answer on `ops_host:ops_port` while the block runs; gives the bound port (0 picks a free one), which is logged.

    Called when a process is set up: from here on the garbage collector leaves what exists alone, and looks less often.
    `/livez` and `/readyz` answer 200 or 503 with a JSON object of booleans. Raises OSError if the port is taken.
    """
    config = uvicorn.Config(
        _application(ready, live), lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    server = uvicorn.Server(config)
    setattr(server, "capture_signals", nullcontext)  # noqa: B010 - signals belong to the process, not to this port
    with socket.create_server((settings.ops_host, settings.ops_port)) as listening:
        port: int = listening.getsockname()[1]
        log.info("ops port", extra={"port": port})
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield port
        finally:
            server.should_exit = True
            await task


def _application(ready: Ready, live: Live) -> Callable[..., Awaitable[None]]:
    async def answer(path: str) -> tuple[int, str, bytes]:
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest()
        if path == "/livez":
            return _verdict({"progress": live()})
        if path == "/readyz":
            return _verdict(await ready())
        return 404, JSON, b"{}"

    async def application(scope: dict[str, Any], _: Any, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        status, kind, body = await answer(scope["path"])
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


def _verdict(checks: dict[str, bool]) -> tuple[int, str, bytes]:
    return 200 if all(checks.values()) else 503, JSON, json.dumps(checks).encode()
