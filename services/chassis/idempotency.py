"""Safe retries: the answer to a POST is kept under (caller, Idempotency-Key), in the transaction of its effect."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from fastapi import Request, Response

from services.chassis.db import Connection, Row
from services.chassis.errors import Fault, PreconditionRequired, Text, Unprocessable, invalid

HEADER = "idempotency-key"
KEPT_HEADERS = ("etag", "location", "journal-position", "content-type")


@dataclass(frozen=True, slots=True)
class Claim:
    """A key this request was first to use; the answer is stored under it before the commit."""

    caller: str
    key: str


async def claim(
    conn: Connection, request: Request, caller: str, content: bytes, *, mandatory: bool
) -> Claim | Response | None:
    """The answer already given under the request's key, or the claim to give it; None without a key.

    `content` is the body, or a digest of it.

    Of concurrent requests with one key the first holds the row's lock, the others wait here for its commit.
    Same key with another request is 422; a money command without a key is 428.
    """
    key = request.headers.get(HEADER)
    if key is None:
        if mandatory:
            raise PreconditionRequired(
                Text("Lệnh về tiền cần có Idempotency-Key", "A money command needs an Idempotency-Key"),
                faults=[Fault(f"header:{HEADER}", "missing", Text("Thiếu tiêu đề bắt buộc", "Header required"))],
            )
        return None
    if not 1 <= len(key) <= 200 or not key.isprintable():
        raise invalid(f"header:{HEADER}", "length", "Từ 1 đến 200 ký tự in được", "1 to 200 printable characters")
    asked = (request.method, request.url.path, request.url.query)
    fingerprint = hashlib.sha256("\0".join(asked).encode() + b"\0" + content).digest()
    if await _claim(conn, caller, key, fingerprint):
        return Claim(caller, key)
    kept = await _answer(conn, caller, key)
    if kept["fingerprint"] != fingerprint:
        raise Unprocessable(
            Text("Khóa này đã dùng cho một yêu cầu khác", "This key was used for another request"),
            slug="idempotency-key-reused",
            faults=[Fault(f"header:{HEADER}", "reused", Text("Khóa đã dùng", "Key already used"))],
        )
    return Response(kept["body"], kept["status"], {**json.loads(kept["headers"]), "idempotency-replayed": "true"})


async def keep(conn: Connection, claim: Claim, response: Response, shown_once: str | None = None) -> None:
    """Store the answer under the claimed key, without the field that is shown once."""
    body = bytes(response.body)
    if shown_once:
        body = json.dumps({**json.loads(body), shown_once: None}, ensure_ascii=False).encode()
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    await _keep(conn, claim, response.status_code, json.dumps(headers), body)


async def mask(conn: Connection, about: Sequence[UUID], fields: Iterable[str]) -> None:
    """Null these text fields in every answer kept that names one of these ids: a retry then shows what is held now."""
    await conn.execute(
        r"""
        update idempotency set body = convert_to(regexp_replace(
            convert_from(body, 'UTF8'), '"(' || $2 || ')":\s*"(?:[^"\\]|\\.)*"', '"\1":null', 'g'), 'UTF8')
        where exists (select from unnest($1::text[]) as id where position(convert_to(id, 'UTF8') in body) > 0)
        """,
        [str(each) for each in about],
        "|".join(sorted(fields)),
    )


async def _claim(conn: Connection, caller: str, key: str, fingerprint: bytes) -> bool:
    """True if (caller, key) was free; waits for a transaction that holds it."""
    return bool(
        await conn.fetchval(
            """
            insert into idempotency (caller, key, fingerprint) values ($1, $2, $3)
            on conflict do nothing returning true
            """,
            caller,
            key,
            fingerprint,
        )
    )


async def _answer(conn: Connection, caller: str, key: str) -> Row:
    """The row of a key in use."""
    row = await conn.fetchrow(
        "select fingerprint, status, headers, body from idempotency where caller = $1 and key = $2", caller, key
    )
    assert row is not None, "a conflicting idempotency row is committed, hence visible"
    return row


async def _keep(conn: Connection, claim: Claim, status: int, headers: str, body: bytes) -> None:
    """Fill the claimed row."""
    await conn.execute(
        "update idempotency set status = $3, headers = $4, body = $5 where caller = $1 and key = $2",
        claim.caller,
        claim.key,
        status,
        headers,
        body,
    )
