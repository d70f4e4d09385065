"""The reporting service: every question about numbers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from contracts.catalog import EVENTS
from services.chassis.app import Service
from services.chassis.parked import parked_router
from services.reporting import projector
from services.reporting.contributions.commands import apply
from services.reporting.contributions.rules import read
from services.reporting.dashboards import api as dashboards
from services.reporting.dashboards.cache import Cache
from services.reporting.figures import api as figures
from services.reporting.freshness import api as freshness
from services.reporting.indicators import api as indicators
from services.reporting.stream import api as stream
from services.reporting.stream.listener import listening

FOLDER = Path(__file__).parent


@asynccontextmanager
async def background(app: FastAPI) -> AsyncIterator[None]:
    """What the API keeps beside its pool: dashboards already made, and news of what has changed."""
    async with listening(app) as applied:
        app.state.dashboards = Cache(applied)
        yield


SERVICE = Service(
    name="reporting",
    routers=[
        indicators.router,
        dashboards.router,
        figures.router,
        freshness.router,
        stream.router,
        parked_router("reporting", read, EVENTS, apply),
    ],
    migrations=FOLDER / "migrations",
    processes={"projector": projector.run},
    background=background,
    pages=FOLDER / "web" / "dist",
)

if __name__ == "__main__":
    SERVICE.main()
