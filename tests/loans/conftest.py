"""A loans service with one programme."""

import httpx
import pytest

from tests.builders import made
from tests.conftest import Api, Database
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
