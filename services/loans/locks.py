"""Carrying and what it must not miss take turns: who is registered, or who is in which group."""

from services.chassis.db import Connection

FOLLOWING = "hashtext('loans.follower')"


async def apart(conn: Connection) -> None:
    """Nothing is carried until the transaction ends; asked for before anything else is locked."""
    await conn.execute(f"select pg_advisory_xact_lock_shared({FOLLOWING})")


async def alone(conn: Connection) -> None:
    """Nobody is registered, and no group changes its members, place or name, until the transaction ends."""
    await conn.execute(f"select pg_advisory_xact_lock({FOLLOWING})")
