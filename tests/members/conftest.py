"""What tests of members share."""

import httpx
import pytest

from tests.conftest import Api, Database


@pytest.fixture
async def url(database: Database) -> str:
    """A fresh members database."""
    return await database("members")


@pytest.fixture
async def members(api: Api, url: str) -> httpx.AsyncClient:
    """A provincial caller of the members service."""
    return await api("members", url)
