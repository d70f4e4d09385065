"""What tests of reporting share."""

import pytest

from tests.conftest import Database


@pytest.fixture
async def url(database: Database) -> str:
    """A fresh reporting database."""
    return await database("reporting")
