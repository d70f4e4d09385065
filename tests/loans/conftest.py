"""A loans service with one programme."""

import httpx
import pytest

from deploy.dev.engines import Kafka
from tests.builders import made
from tests.chassis import bus
from tests.conftest import Api, Database
from tests.loans.following import World
from tests.loans.lending import TERMS


@pytest.fixture
async def url(database: Database) -> str:
    """A fresh loans database."""
    return await database("loans")


@pytest.fixture
async def loans(api: Api, url: str) -> httpx.AsyncClient:
    """A provincial caller of the loans service, with one programme published."""
    client = await api("loans", url)
    await made(await client.post("/v1/programmes", json=TERMS))
    return client


@pytest.fixture
async def world(api: Api, database: Database, url: str, loans: httpx.AsyncClient, kafka: Kafka) -> World:
    """The members service beside it, and topics of the test's own."""
    members_url = await database("members")
    return World(await api("members", members_url), loans, members_url, url, bus.settings(kafka, url))
