"""The process `webhooks`: each subscription's events to its receiver, in journal order, losing nothing.

One replica leads (`leader.py`). Each subscription has a task of its own: one that is slow or fails holds no other.
A message is a batch of CloudEvents (JSON batch format), one under way a subscription: its id and extent are stored, it
is sent, then its end is marked. A crash in between sends it again, under the same `webhook-id`. Marking uses the
session that holds the lock: a leader that lost it marks nothing, and what it still sends is a repeat.

Signed as Standard Webhooks 1.0 says: `webhook-signature: v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import random
import time
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

from services.chassis import db, leader, subscriptions, telemetry, worker
from services.chassis.db import Row
from services.chassis.outbound import Outbound, Unreachable
from services.chassis.relay import envelope
from services.chassis.sealing import BrokenSeal, Sealer
from services.chassis.settings import Settings, SettingsError
from services.chassis.subscriptions import Message

log = logging.getLogger("danvan.webhooks")
LOCK = 0x776562686F6F6B  # "webhook"
IDLE_SECONDS = 0.2
CENSUS_SECONDS = 5.0
LONGEST_WAIT = 3_600.0
LONGEST_ASKED = 86_400.0
"""What a Retry-After may ask for."""
GONE, OK, MULTIPLE = 410, 200, 300


async def run(settings: Settings, service: str) -> None:
    """Deliver webhooks of `service` until SIGTERM. Raises SettingsError without a key."""
    if settings.webhook_key is None:
        raise SettingsError("DANVAN_WEBHOOK_KEY: the process webhooks needs it")
    await worker.run(settings, lambda process: deliver(process, settings, service))


async def deliver(process: worker.Worker, settings: Settings, service: str, outbound: Outbound | None = None) -> None:
    """Stand by, lead, and again after every fault that waiting mends."""
    process.ready["database"] = False
    async with outbound or Outbound(settings) as posting:
        while not process.stopping.is_set():
            try:
                async with leader.session(settings, f"{service}-webhooks") as conn:
                    if await leader.elected(process, conn, LOCK, "webhook"):
                        await Delivery(process, settings, service, conn, posting).lead()
            except db.NOT_NOW as error:
                await process.not_now("database", error)
            finally:
                telemetry.WEBHOOK_LEADER.set(0)


class Delivery:
    """What the leader's tasks share: the session, which they use in turns, and the connections to receivers."""

    def __init__(
        self, process: worker.Worker, settings: Settings, service: str, conn: db.Connection, outbound: Outbound
    ) -> None:
        assert settings.webhook_key is not None
        self.process, self.settings, self.service, self.outbound = process, settings, service, outbound
        self.sealer = Sealer(settings.webhook_key.get_secret_value())
        self.conn, self.turn = conn, asyncio.Lock()
        self.tasks: dict[UUID, asyncio.Task[None]] = {}

    async def lead(self) -> None:
        """Give each subscription that is due a task, until told to stop; then let messages under way arrive."""
        telemetry.WEBHOOK_LEADER.set(1)
        log.info("leading")
        census_at = 0.0
        try:
            while not self.process.stopping.is_set():
                async with self.turn:
                    waiting = await subscriptions.due(self.conn)
                    if time.monotonic() >= census_at:
                        await self._census()
                        census_at = time.monotonic() + CENSUS_SECONDS
                self.process.succeeded("database")
                for webhook_id in waiting:
                    if webhook_id not in self.tasks:
                        self.tasks[webhook_id] = asyncio.create_task(self._serve(webhook_id))
                await self.process.pause(IDLE_SECONDS)
                self._reap()
            if self.tasks:
                await asyncio.wait(self.tasks.values(), timeout=self.settings.drain_seconds)
                self._reap()
        finally:
            for task in self.tasks.values():
                task.cancel()
            await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    def _reap(self) -> None:
        """Forget tasks that are done; a fault of one is a fault of all."""
        for webhook_id, task in list(self.tasks.items()):
            if task.done():
                del self.tasks[webhook_id]
                task.result()

    async def _census(self) -> None:
        rows = {row["status"]: row for row in await subscriptions.census(self.conn)}
        for status in ("active", "failing", "paused", "disabled"):
            telemetry.WEBHOOK_STATUS.labels(status).set(rows[status]["webhooks"] if status in rows else 0)
        telemetry.WEBHOOK_BEHIND.set(max((rows[s]["behind"] for s in ("active", "failing") if s in rows), default=0))

    async def _serve(self, webhook_id: UUID) -> None:
        """Send what a subscription has due, message after message, until there is no more or one fails."""
        while not self.process.stopping.is_set():
            async with self.turn, self.conn.transaction():
                message = await subscriptions.next_message(self.conn, webhook_id)
            if message is None or not await self._send(message):
                return

    async def _send(self, message: Message) -> bool:
        """Send one message and note what became of it; whether it arrived."""
        body = json.dumps(self._content(message), ensure_ascii=False, separators=(",", ":")).encode()
        wait = None
        started, error = time.monotonic(), None
        try:
            answer = await self.outbound.post(message.webhook["url"], self._headers(message, body), body)
            if not OK <= answer.status < MULTIPLE:
                error, wait = f"HTTP {answer.status}", retry_after(answer.headers)
        except (Unreachable, BrokenSeal) as fault:
            answer, error = None, str(fault)
        telemetry.WEBHOOK_SECONDS.observe(time.monotonic() - started)
        telemetry.WEBHOOK_MESSAGES.labels("failed" if error else "delivered").inc()
        async with self.turn:
            if not message.events:
                await subscriptions.tested(self.conn, message, error)
            elif error is None:
                await subscriptions.delivered(self.conn, message)
            else:
                gone = answer is not None and answer.status == GONE
                await self._failed(message, error, wait, gone=gone)
        return error is None

    async def _failed(self, message: Message, error: str, asked: float | None, *, gone: bool) -> None:
        own = backoff(self.settings.webhook_retry, message.webhook["failures"])
        wait = timedelta(seconds=max(own, asked or 0))
        give_up = timedelta(days=self.settings.webhook_retry_days)
        disabled = await subscriptions.failed(self.conn, message, error, wait, give_up, gone=gone)
        what = {"webhook": str(message.webhook["id"]), "error": error, "disabled": disabled}
        log.warning("webhook disabled" if disabled else "webhook failing", extra=what)

    def _content(self, message: Message) -> list[dict[str, Any]]:
        if message.events:
            return [envelope(self.service, row) for row in message.events]
        test = {"id": str(message.id), "subject": str(message.webhook["id"]), "data": {}}
        kind = f"vn.danvan.{self.service}.webhook.tested.v1"
        made = {"specversion": "1.0", "source": f"/{self.service}", "type": kind, "datacontenttype": "application/json"}
        return [{**made, **test, "time": datetime.now(UTC).isoformat()}]

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        now = int(time.time())
        return {
            "content-type": "application/cloudevents-batch+json; charset=utf-8",
            "user-agent": f"danvan-{self.service}-webhooks",
            "webhook-id": str(message.id),
            "webhook-timestamp": str(now),
            "webhook-signature": signatures(self._secrets(message.webhook), str(message.id), now, body),
        }

    def _secrets(self, webhook: Row) -> list[bytes]:
        """The secrets that sign: the newest, and for a while the one before."""
        until = webhook["old_secret_until"]
        old = [webhook["old_secret"]] if until and until > datetime.now(UTC) else []
        return [self.sealer.open(sealed, webhook["id"].bytes) for sealed in (webhook["secret"], *old)]


def signatures(secrets: list[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Standard Webhooks 1.0: a signature by each secret, between them spaces."""
    content = f"{message_id}.{timestamp}.".encode() + body
    made = (hmac.new(secret, content, hashlib.sha256).digest() for secret in secrets)
    return " ".join(f"v1,{b64encode(each).decode()}" for each in made)


def backoff(first: float, failures: int) -> float:
    """Seconds to wait after one more failure: doubling, half of it by chance, an hour at most."""
    return min(LONGEST_WAIT, first * 2.0 ** min(failures, 30)) * random.uniform(0.5, 1)  # noqa: S311  # no secret


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After (RFC 9110 § 10.2.3) asks for, a day at most; None without a readable one."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(LONGEST_ASKED, float(value[:9]))
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return min(LONGEST_ASKED, max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()))
