"""A service: its API application and its processes, `python -m services.<name>.main <process>`."""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from services.chassis import db, migrate, ops, telemetry
from services.chassis.auth import SCHEME, Authenticator
from services.chassis.edge import Edge
from services.chassis.errors import ProblemOut
from services.chassis.problems import install
from services.chassis.settings import Settings, SettingsError

log = logging.getLogger("danvan")
VERSION = "0.1.0"
PROBLEM: dict[str, Any] = {"model": ProblemOut, "description": "Problem", "content": {"application/problem+json": {}}}
Process = Callable[[Settings], Awaitable[None]]
DESCRIPTION = "Errors are RFC 9457 problem details, in Vietnamese or English by Accept-Language."


@dataclass(frozen=True)
class Service:
    """What makes a service: name, routers, migrations' folder, further processes, background work, static pages.

    `uploads` are the paths that take files, up to `max_import_bytes`.
    """

    name: str
    routers: Sequence[APIRouter]
    migrations: Path
    processes: dict[str, Process] = field(default_factory=dict)
    background: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None
    pages: Path | None = None
    uploads: Sequence[str] = ()

    def create_app(self, settings: Settings) -> FastAPI:
        """The API. It starts whether or not its database and issuer answer yet."""

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            app.state.pool = db.Pool(settings, f"{self.name}-api")
            try:
                async with self.background(app) if self.background else contextlib.nullcontext():
                    yield
            finally:
                app.state.pool.terminate()

        app = FastAPI(
            title=f"Dân Vận · {self.name}",
            version=VERSION,
            description=DESCRIPTION,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            lifespan=lifespan,
            separate_input_output_schemas=False,
            generate_unique_id_function=lambda route: route.name,
            responses={"default": PROBLEM},
            telemetry={"tracing": False, "metrics": False, "logs": False},  # the edge does it, at a tenth of the cost
        )
        app.state.settings = settings
        app.state.authenticator = Authenticator(settings)
        uploads = dict.fromkeys(self.uploads, settings.max_import_bytes)
        app.add_middleware(Edge, max_request_bytes=settings.max_request_bytes, uploads=uploads)
        install(app)
        for router in self.routers:
            app.include_router(router)
        app.add_api_route("/v1/openapi.json", self._document, include_in_schema=False)
        if self.pages is not None:
            app.mount("/", StaticFiles(directory=self.pages, html=True, check_dir=False))
        return app

    async def _document(self) -> JSONResponse:
        return JSONResponse(self.openapi())

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document."""
        document = self.create_app(Settings(database_url="postgresql://none")).openapi()
        document["components"]["securitySchemes"] = SCHEME
        document["security"] = [{scheme: []} for scheme in SCHEME]
        return document

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Run one process of the service; settings come from the environment."""
        processes: dict[str, Process] = {"api": self._serve, "migrate": self._migrate, **self.processes}
        parser = argparse.ArgumentParser(prog=f"python -m services.{self.name}.main")
        parser.add_argument("process", choices=[*processes, "openapi"])
        process = parser.parse_args(arguments).process
        if process == "openapi":
            json.dump(self.openapi(), sys.stdout, ensure_ascii=False, indent=2, sort_keys=True)
            sys.stdout.write("\n")
            return
        try:
            settings = Settings.load()
        except SettingsError as error:
            sys.exit(f"settings: {error}")
        telemetry.set_up(settings, self.name, process)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_awaited(processes[process](settings)))

    async def _migrate(self, settings: Settings) -> None:
        await migrate.upgrade(settings, self.migrations)

    async def _serve(self, settings: Settings) -> None:
        """Serve the API until SIGTERM or SIGINT, then let requests under way finish."""
        app = self.create_app(settings)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                lifespan="on",
                timeout_graceful_shutdown=settings.drain_seconds,
                backlog=2048,
            )
        )
        setattr(server, "capture_signals", contextlib.nullcontext)  # noqa: B010  # uvicorn would raise SIGTERM again

        def stop() -> None:
            server.should_exit = app.state.stopping = True

        app.state.stopping = False
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)

        async def ready() -> dict[str, bool]:
            return {
                "serving": server.started and not server.should_exit,
                "database": bool(await db.asked(app.state.pool, "select true")),
                "schema": migrate.suffices(await db.asked(app.state.pool, migrate.REVISION), self.migrations),
                "issuer": await app.state.authenticator.reachable(),
            }

        with socket.create_server((settings.host, settings.port), backlog=2048, reuse_port=False) as listening:
            log.info("listening", extra={"port": listening.getsockname()[1]})
            async with ops.serve(settings, ready, lambda: True):
                await server.serve([listening])


async def _awaited(process: Awaitable[None]) -> None:
    await process
