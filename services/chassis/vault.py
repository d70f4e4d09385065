"""Personal numbers at rest: envelope encryption, and a blind index that finds an exact value.

Values are sealed under data keys; data keys lie in the service's database, sealed under the key of the settings. A new
key in front of the settings takes over at the next `rotate`: data keys are sealed again, a new one seals from then on,
and old values are carried over in small steps while everybody reads both. Source: NIST SP 800-57 part 1 (key wrapping,
cryptoperiods); the index is HMAC-SHA-256 (RFC 2104), cut to 128 bits.
"""

import asyncio
import hashlib
import hmac
import logging
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Self
from uuid import UUID

from fastapi import Depends, FastAPI, Request

from services.chassis import db
from services.chassis.db import Connection
from services.chassis.sealing import KEY_BYTES, BrokenSeal, Sealer
from services.chassis.settings import Settings, SettingsError

log = logging.getLogger("danvan.vault")

LOCK = 0x7661756C74  # "vault"
INDEX_BYTES = 16
ID_BYTES = 4
RELOAD_SECONDS = 30.0
KNOWN_SECONDS = 120.0
"""A data key so old is known to every process, which all reload; before that nobody seals with it, and RELOAD_SECONDS
later everybody does."""
KEYS = "select *, created_at < now() - make_interval(secs => $1) as known from data_key order by id"


class Vault:
    """Seals and opens with the data keys of one database."""

    def __init__(self, sealers: dict[int, Sealer], newest: int, index_key: bytes) -> None:
        self.sealers, self.newest, self.index_key = sealers, newest, index_key

    @classmethod
    async def load(cls, conn: Connection, keys: str) -> Self:
        """The data keys as they are; the first are made if there are none. Raises BrokenSeal if no key opens one."""
        rows, master = await conn.fetch(KEYS, KNOWN_SECONDS), Sealer(keys)
        if not rows:
            await conn.execute("select pg_advisory_xact_lock($1)", LOCK)
            for purpose in ("index", "seal"):
                await _make(conn, master, purpose)
            rows = await conn.fetch(KEYS, KNOWN_SECONDS)
        opened = {row["id"]: master.open(row["sealed"], row["purpose"].encode()) for row in rows}
        seals = [row for row in rows if row["purpose"] == "seal"]
        (index,) = (row["id"] for row in rows if row["purpose"] == "index")
        return cls(
            {row["id"]: Sealer(b64encode(opened[row["id"]]).decode()) for row in seals},
            max(row["id"] for row in seals if row["known"] or row is seals[0]),
            opened[index],
        )

    def seal(self, text: str, about: str) -> bytes:
        """`text`, sealed under the newest data key; it opens only for the same `about` (the record and field)."""
        return self.newest.to_bytes(ID_BYTES, "big") + self.sealers[self.newest].seal(text.encode(), about.encode())

    def open(self, sealed: bytes, about: str) -> str:
        """What was sealed. Raises BrokenSeal."""
        number = int.from_bytes(sealed[:ID_BYTES], "big")
        return self.sealers[number].open(sealed[ID_BYTES:], about.encode()).decode()

    def index(self, text: str, field: str) -> bytes:
        """The same for the same text of the same field, and nothing else to whoever lacks the key."""
        return hmac.digest(self.index_key, f"{field}\0{text}".encode(), hashlib.sha256)[:INDEX_BYTES]


async def _make(conn: Connection, master: Sealer, purpose: str) -> None:
    """A new data key; of the index there is only ever one."""
    await conn.execute(
        """
        insert into data_key (purpose, sealed) select $1, $2
        where $1 = 'seal' or not exists (select from data_key where purpose = $1)
        """,
        purpose,
        master.seal(os.urandom(KEY_BYTES), purpose.encode()),
    )


async def rotate(conn: Connection, keys: str) -> None:
    """Seal every data key under the first of `keys`, and make a new one for what is sealed from now on."""
    await conn.execute("select pg_advisory_xact_lock($1)", LOCK)
    master = Sealer(keys)
    for row in await conn.fetch("select * from data_key for update"):
        about = row["purpose"].encode()
        sealed = master.seal(master.open(row["sealed"], about), about)
        await conn.execute("update data_key set sealed = $2 where id = $1", row["id"], sealed)
    await _make(conn, master, "seal")


Reseal = Callable[[Connection, Vault, UUID], Awaitable[UUID | None]]
"""Carries the values of a few records after this id over to the newest data key; gives the last id, None at the end."""


async def rekey(settings: Settings, service: str, reseal: Reseal) -> None:
    """Take up the first key of the settings while everybody goes on: a new data key, and in small steps all values.

    Waits until every process seals with the new data key, so nothing needs an older one when it has ended, and a key
    may leave the settings. Run again, it goes on. Raises SettingsError without a key.
    """
    if settings.personal_key is None:
        raise SettingsError("DANVAN_PERSONAL_KEY is needed")
    keys = settings.personal_key.get_secret_value()
    pool = db.Pool(settings, f"{service}-rekey")
    try:
        async with db.transaction(pool) as conn:
            await Vault.load(conn, keys)
            await rotate(conn, keys)
            newest = await conn.fetchval("select max(id) from data_key")
        async with db.transaction(pool) as conn:
            vault = await Vault.load(conn, keys)
        log.info("waiting until all seal with the new key", extra={"seconds": settings.rekey_wait})
        await asyncio.sleep(settings.rekey_wait)
        vault.newest, count = newest, 0
        last: UUID | None = UUID(int=0)
        while last is not None:
            async with db.transaction(pool) as conn:
                last = await reseal(conn, vault, last)
            count += 1
        log.info("rekeyed", extra={"data_key": newest, "steps": count})
    finally:
        pool.terminate()


@asynccontextmanager
async def keeping(app: FastAPI) -> AsyncIterator[None]:
    """Keeps `app.state.vault` current while the application runs; None without a key in the settings.

    If the database is away at the start, the first request that needs it opens it (`app.state.open_vault`). Raises
    BrokenSeal if no key opens it at the start; later that is logged, and what was open stays.
    """
    state, opening = app.state, asyncio.Lock()
    keys, state.vault = state.settings.personal_key, None

    async def load() -> None:
        conn = await db.connect(state.settings, "vault")  # beside the pool: whoever waits for it may hold the last
        try:
            async with conn.transaction():
                state.vault = await Vault.load(conn, keys.get_secret_value())
        finally:
            conn.terminate()

    async def opened() -> Vault:
        async with opening:
            if state.vault is None:
                await load()
        vault: Vault = state.vault
        return vault

    async def follow() -> None:
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            try:
                await load()
            except db.NOT_NOW as error:
                _away(error)
            except BrokenSeal:
                log.exception("no key of the settings opens the data keys")

    state.open_vault = opened
    if keys is None:
        yield
        return
    try:
        await load()
    except db.NOT_NOW as error:
        _away(error)
    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _away(error: Exception) -> None:
    log.warning("not now", extra={"dependency": "database", "error": repr(error)})


async def _held(request: Request) -> Vault | None:
    state = request.app.state
    vault: Vault | None = state.vault
    if vault is None and state.settings.personal_key is not None:
        vault = await state.open_vault()
    return vault


Vaulted = Annotated[Vault | None, Depends(_held)]
"""The vault; None where no key is set and so no number is kept."""
