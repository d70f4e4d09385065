"""Reads of a commune and of a province share their words, and no plan."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import asyncpg
import pytest

from contracts import units
from services.chassis.db import Connection
from services.chassis.reach import Reach
from services.loans.applications import queries as applications
from services.loans.checks import queries as checks
from services.loans.portfolio import queries as portfolio
from services.loans.receipts import queries as receipts

ON = date(2025, 11, 20)
USES = 8
Read = Callable[[Connection, Reach], Awaitable[Any]]
READS: dict[str, Read] = {
    "applications": lambda conn, reach: applications.find(conn, reach, None, None, None, 100, None),
    "checks": lambda conn, reach: checks.find(conn, reach, checks.Wanted(), 100, None),
    "receipts": lambda conn, reach: receipts.find(conn, reach, None, None, None, 100, None),
    "ages of receipts": lambda conn, reach: receipts.ageing(conn, reach, "unit", None, ON, [3, 7], 100, None),
    "ages of debt": lambda conn, reach: portfolio.ageing(conn, portfolio.Scope(reach, None, ON)),
}


@pytest.mark.parametrize("read", READS)
async def test_a_plan_is_for_who_asks(url: str, read: str) -> None:
    """However often it is asked on one connection, by whomever, PostgreSQL keeps no plan for any arguments."""
    conn = await asyncpg.connect(url)
    for _ in range(USES):
        async with conn.transaction():
            await READS[read](conn, Reach(units.subtree("22")))
    plans = await conn.fetchrow(
        """
        select sum(custom_plans)::int, sum(generic_plans)::int from pg_prepared_statements where parameter_types <> '{}'
        """
    )
    await conn.close()
    assert plans is not None
    assert plans[0] >= USES
    assert plans[1] == 0
