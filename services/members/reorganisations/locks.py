"""Plans and movement take turns: a plan locks branches first and members last, movement members first."""

from services.chassis.db import Connection


async def apart(conn: Connection) -> None:
    """No plan is applied or reversed until the transaction ends; asked for before anything else is locked."""
    await conn.execute("lock table reorganisation in row share mode")


async def alone(conn: Connection) -> None:
    """Nobody moves, and no branch is opened or changed, until the transaction ends; asked for before anything else is
    locked. Statements may take as long as a province's worth of rows does."""
    await conn.execute("set local statement_timeout = '120s'")
    await conn.execute("lock table reorganisation in exclusive mode")
    await conn.execute("lock table branch in share row exclusive mode")
