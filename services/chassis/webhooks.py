"""`/v1/webhooks` of an owning service: the feed, pushed and signed (`delivery.py` sends)."""

import secrets
from base64 import b64encode
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.chassis import journal, subscriptions
from services.chassis.auth import Caller, needs
from services.chassis.db import Row
from services.chassis.errors import Fault, Text, Unavailable, Unprocessable
from services.chassis.outbound import LONGEST_URL, fault_of
from services.chassis.paging import Cursor, Limit, Page, after, page_of
from services.chassis.sealing import Sealer
from services.chassis.web import IDEMPOTENT, IfMatch, IfMatchOptional, Reading, Writing, etag, noun, shown_once

SECRET_BYTES = 32
Url = Annotated[str, Field(max_length=LONGEST_URL, examples=["https://receiver.example.org/danvan"])]
Types = Annotated[
    list[Annotated[str, Field(pattern=r"^[a-z0-9._]{1,200}$", examples=["vn.danvan.members.member."])]],
    Field(max_length=50, description="How the types wanted begin; none is every type"),
]
Position = Annotated[int, Field(ge=0, le=2**63 - 1)]


class WebhookIn(BaseModel):
    """A subscription to the events of a unit, and of what lies in it."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    types: Types = []
    unit: str | None = Field(None, description="Inside the caller's reach; default the caller's own")
    active: bool = True
    start: Position | None = Field(None, alias="from", description="`sequence` to begin after; default the last one")


class WebhookPatch(BaseModel):
    """What may be changed; absent fields stay. A change tries a failing webhook at once and puts a disabled one on."""

    model_config = ConfigDict(extra="forbid")

    url: Url | None = None
    types: Types | None = None
    active: bool | None = None


class ReplayIn(BaseModel):
    """Where to go on from."""

    model_config = ConfigDict(extra="forbid")

    start: Position = Field(alias="from", description="`sequence` to begin after; 0 is everything")


class WebhookOut(BaseModel):
    """A subscription, and how far it is. One message at a time, in order; what fails holds this subscription only."""

    id: UUID
    unit: str
    branch: UUID | None
    owner: str = Field(description="Who made it: `sub` of the token")
    url: str
    types: list[str]
    active: bool
    status: Literal["active", "failing", "paused", "disabled"]
    disabled: Literal["gone", "given_up"] | None = Field(description="gone: 410 was answered | it failed for too long")
    position: int = Field(description="Everything up to here was delivered, or is not wanted")
    behind: int = Field(description="Positions still to go, wanted or not")
    failures: int = Field(description="In a row, up to now")
    failing_since: datetime | None
    retry_at: datetime | None
    last_error: str | None
    delivered_at: datetime | None = Field(description="Last time something was")
    old_secret_until: datetime | None = Field(description="Until then the secret before signs too")
    test_pending: bool
    tested_at: datetime | None
    test_error: str | None = Field(description="Why the last test failed; null if it did not")
    version: int
    recorded_at: datetime


class SecretOut(WebhookOut):
    """The same with its signing secret, which is shown this once."""

    secret: str | None = Field(description="whsec_…; null in an answer repeated for an Idempotency-Key")


def out(row: Row) -> WebhookOut:
    """A subscription's row as the door shows it."""
    return WebhookOut.model_validate({**dict(row), "test_pending": row["test"] is not None}, extra="ignore")


def _checked(request: Request, url: str | None) -> None:
    if url is not None and (fault := fault_of(request.app.state.settings, url)):
        raise Unprocessable(faults=[Fault("/url", "not_allowed", fault)])


def _fresh_secret(request: Request, webhook_id: UUID) -> tuple[bytes, str]:
    """A new signing secret: sealed, and as Standard Webhooks writes it."""
    key = request.app.state.settings.webhook_key
    if key is None:
        raise Unavailable(Text("Chưa cấu hình khóa cho webhook", "Webhooks are not set up here"))
    secret = secrets.token_bytes(SECRET_BYTES)
    return Sealer(key.get_secret_value()).seal(secret, webhook_id.bytes), f"whsec_{b64encode(secret).decode()}"


def webhook_router(service: str) -> APIRouter:
    """`/v1/webhooks` of an owning service; needs the scopes `events:subscribe` and `<service>:read`."""
    door = noun("webhooks")
    Subscriber = Annotated[Caller, Depends(needs("events:subscribe", f"{service}:read"))]  # noqa: N806  # a type

    @door.post("", status_code=201, openapi_extra=shown_once("secret"))
    async def subscribe(
        body: WebhookIn, conn: Writing, caller: Subscriber, request: Request, response: Response
    ) -> SecretOut:
        """Have events pushed: signed as Standard Webhooks says, in order, as CloudEvents in batches."""
        _checked(request, body.url)
        id_ = journal.new_id()
        sealed, secret = _fresh_secret(request, id_)
        row = await subscriptions.add(
            conn,
            caller.reach,
            owner=caller.subject,
            unit=body.unit or caller.unit,
            url=body.url,
            types=body.types,
            active=body.active,
            start=body.start,
            id_=id_,
            secret=sealed,
        )
        etag(response, row["version"])
        response.headers["location"] = f"/v1/webhooks/{id_}"
        return SecretOut(**out(row).model_dump(), secret=secret)

    @door.get("")
    async def list_webhooks(
        conn: Reading, caller: Subscriber, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[WebhookOut]:
        """Subscriptions inside the caller's reach."""
        rows = await subscriptions.find(conn, caller.reach, after(cursor, UUID), limit + 1)
        page, following = page_of(rows, limit, lambda row: (row["id"],))
        return Page(items=[out(row) for row in page], next_cursor=following)

    @door.get("/{webhook_id}")
    async def read_webhook(webhook_id: UUID, conn: Reading, caller: Subscriber, response: Response) -> WebhookOut:
        """One subscription: its state, how far it is, and what went wrong last."""
        row = await subscriptions.get(conn, caller.reach, webhook_id)
        etag(response, row["version"])
        return out(row)

    @door.patch("/{webhook_id}")
    async def change_webhook(
        webhook_id: UUID,
        body: WebhookPatch,
        version: IfMatch,
        conn: Writing,
        caller: Subscriber,
        request: Request,
        response: Response,
    ) -> WebhookOut:
        """Change where it goes and what it carries, pause it, or put it on again."""
        _checked(request, body.url)
        given = body.model_dump(exclude_unset=True, exclude_none=True)
        row = await subscriptions.change(conn, caller.reach, webhook_id, version, given)
        etag(response, row["version"])
        return out(row)

    @door.delete("/{webhook_id}", status_code=204)
    async def unsubscribe(webhook_id: UUID, version: IfMatchOptional, conn: Writing, caller: Subscriber) -> None:
        """End a subscription."""
        await subscriptions.remove(conn, caller.reach, webhook_id, version)

    @door.post("/{webhook_id}/secret", openapi_extra=shown_once("secret"))
    async def rotate_secret(
        webhook_id: UUID, version: IfMatch, conn: Writing, caller: Subscriber, request: Request, response: Response
    ) -> SecretOut:
        """A new signing secret. For a day messages carry two signatures, of the old one too."""
        sealed, secret = _fresh_secret(request, webhook_id)
        row = await subscriptions.change(conn, caller.reach, webhook_id, version, {}, sealed)
        etag(response, row["version"])
        return SecretOut(**out(row).model_dump(), secret=secret)

    @door.post("/{webhook_id}/replay", openapi_extra=IDEMPOTENT)
    async def replay(webhook_id: UUID, body: ReplayIn, conn: Writing, caller: Subscriber) -> WebhookOut:
        """Send again everything after a position, as new messages with the same events."""
        return out(await subscriptions.replay(conn, caller.reach, webhook_id, body.start))

    @door.post("/{webhook_id}/test", status_code=202, openapi_extra=IDEMPOTENT)
    async def send_test(webhook_id: UUID, conn: Writing, caller: Subscriber) -> WebhookOut:
        """Have a test message sent; read the webhook to see what became of it."""
        return out(await subscriptions.ask_test(conn, caller.reach, webhook_id))

    return door
