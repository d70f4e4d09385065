"""What a door needs: the route that runs one request in one transaction, connections, preconditions."""

import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from tempfile import TemporaryFile
from typing import IO, Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.routing import APIRoute

from services.chassis import db, idempotency, sparse
from services.chassis.auth import authenticate
from services.chassis.context import context
from services.chassis.errors import Fault, PreconditionRequired, Text, Unprocessable, invalid

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
SAFE = {"GET", "HEAD", "OPTIONS"}
MONEY, SHOWN_ONCE, FILE, ASKS = "x-money", "x-shown-once", "x-file", "x-asks"
POSITIONS_IN_HEADER = 100
NULS = (rb"\u0000", b"\0")
"""As JSON writes it, or as UTF-16 has it. PostgreSQL refuses it in text, and in JSON only when that is read."""


class Transactional(APIRoute):
    """Runs a write in one transaction that is committed **before** the response is sent.

    The body is read and the caller verified before a connection is taken. A refusal, or a commit that fails, leaves
    nothing behind; the answer is kept under the Idempotency-Key inside the same transaction. Reads take `fields`.
    """

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        if (self.methods or set()) <= SAFE and (shape := sparse.shape_of(self.response_model)):
            extra = self.openapi_extra or {}
            self.openapi_extra = {**extra, "parameters": [*extra.get("parameters", []), sparse.documented(shape)]}

    def get_route_handler(self) -> Handler:
        """FastAPI's handler for this route, inside the transaction."""
        inner = super().get_route_handler()
        if (self.methods or set()) <= SAFE:
            return self._reading(inner)
        extra = self.openapi_extra or {}
        mandatory, shown_once, takes_file = bool(extra.get(MONEY)), extra.get(SHOWN_ONCE), FILE in extra
        asks = ASKS in extra

        async def handle(request: Request) -> Response:
            if not takes_file:
                content = await request.body()
                _refuse_nul(request, content)
                return await transact(request, content)
            _refuse_nul(request)
            await authenticate(request)
            with TemporaryFile() as file:
                request.state.file = file
                return await transact(request, await _spool(request, file))

        async def transact(request: Request, content: bytes) -> Response:
            caller = await authenticate(request)
            async with db.transaction(request.app.state.pool) as conn:
                claimed = None
                if not asks:
                    claimed = await idempotency.claim(conn, request, caller.subject, content, mandatory=mandatory)
                if isinstance(claimed, Response):
                    return claimed
                request.state.conn = conn
                response = await inner(request)
                if 0 < len(written := context().written) <= POSITIONS_IN_HEADER:
                    response.headers["journal-position"] = ", ".join(written)
                if claimed is not None:
                    await idempotency.keep(conn, claimed, response, shown_once)
            return response

        return handle

    def _reading(self, inner: Handler) -> Handler:
        shape = sparse.shape_of(self.response_model)

        async def handle(request: Request) -> Response:
            _refuse_nul(request)
            if shape is None or sparse.FIELDS not in request.query_params:
                return await inner(request)
            await authenticate(request)
            wanted = sparse.asked(request, shape)
            return sparse.cut(await inner(request), wanted)

        return handle


def _refuse_nul(request: Request, content: bytes = b"") -> None:
    """422 that names where a request holds a NUL, which no text column takes."""
    scope = request.scope
    places = [f"header:{name.decode('latin-1')}" for name, value in scope["headers"] if b"\0" in value]
    if "\0" in scope["path"]:
        places += [f"path:{name}" for name, value in request.path_params.items() if "\0" in value]
    if b"%00" in scope["query_string"]:
        places += [f"query:{name}" for name, value in request.query_params.multi_items() if "\0" in name + value]
    if any(nul in content for nul in NULS):
        places.append("")
    if places:
        text = Text("Có ký tự NUL, không ghi được", "Holds a NUL, which no text column takes")
        raise Unprocessable(faults=[Fault(place, "nul", text) for place in places])


async def _spool(request: Request, file: IO[bytes]) -> bytes:
    """Write the body to `file` as it comes; its SHA-256."""
    digest = hashlib.sha256()
    async for part in request.stream():
        file.write(part)
        digest.update(part)
    file.seek(0)
    return digest.digest()


def noun(name: str, route_class: type[Transactional] = Transactional) -> APIRouter:
    """The router of one noun."""
    return APIRouter(prefix=f"/v1/{name}", tags=[name], route_class=route_class)


async def _writing(request: Request) -> db.Connection:
    conn: db.Connection = request.state.conn
    return conn


async def _reading(request: Request) -> AsyncIterator[db.Connection]:
    async with db.snapshot(request.app.state.pool) as conn:
        yield conn


async def _recorded(request: Request) -> AsyncIterator[db.Connection]:
    async with db.snapshot(request.app.state.pool, readonly=False) as conn:
        yield conn


async def _uploaded(request: Request) -> IO[bytes]:
    file: IO[bytes] = request.state.file
    return file


async def _snapshots(request: Request) -> Callable[[], AbstractAsyncContextManager[db.Connection]]:
    return lambda: db.snapshot(request.app.state.pool)


Writing = Annotated[db.Connection, Depends(_writing)]
"""The connection of the request's transaction."""
Uploaded = Annotated[IO[bytes], Depends(_uploaded)]
"""The body of an `upload` route, in a temporary file that ends with the request."""
Reading = Annotated[db.Connection, Depends(_reading, scope="function")]
"""A connection in a read-only snapshot, given back before the response is sent."""
Recorded = Annotated[db.Connection, Depends(_recorded, scope="function")]
"""`Reading` that may note that it was: committed before the response is sent, and if that fails nothing is answered."""
Snapshots = Annotated[Callable[[], AbstractAsyncContextManager[db.Connection]], Depends(_snapshots)]
"""Opens a read-only snapshot when called: for an answer that is read while it is sent."""

IDEMPOTENT: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            "description": "Same key and same request: same answer, one effect.",
        }
    ]
}
"""`openapi_extra` of a POST."""
MONEY_COMMAND: dict[str, Any] = {
    MONEY: True,
    "parameters": [{**IDEMPOTENT["parameters"][0], "required": True}],
}
"""`openapi_extra` of a POST that moves money: the key is mandatory."""


QUESTION: dict[str, Any] = {ASKS: True}
"""`openapi_extra` of a POST that changes nothing, only asks in its body: its answer is never kept."""


def shown_once(field: str) -> dict[str, Any]:
    """`openapi_extra` of a POST whose answer holds a secret: null in the answer that is kept for retries."""
    return {**IDEMPOTENT, SHOWN_ONCE: field}


def upload(*media_types: str) -> dict[str, Any]:
    """`openapi_extra` of a POST whose body is a file: read to a temporary file before the transaction begins."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    content = {"required": True, "content": dict.fromkeys(media_types, binary)}
    return {**IDEMPOTENT, FILE: True, "requestBody": content}


def etag(response: Response, version: int) -> None:
    """The entity's version as its strong entity tag (RFC 9110 § 8.8.3)."""
    response.headers["etag"] = f'"{version}"'


async def _version(
    if_match: Annotated[str | None, Header(description='Version the change is made to, as ETag gave it: "3"')] = None,
) -> int | None:
    if if_match is None:
        return None
    value = if_match.removeprefix("W/").strip('"')
    if not value.isascii() or not value.isdigit() or not 0 < int(value) < 2**31:
        raise invalid("header:if-match", "version", 'Phải là phiên bản như ETag đã cho: "3"', 'Must be an ETag: "3"')
    return int(value)


IfMatchOptional = Annotated[int | None, Depends(_version)]
"""The version a change is made to, if the caller says: for what is appended, where an Idempotency-Key guards."""


async def _required(version: IfMatchOptional) -> int:
    if version is None:
        raise PreconditionRequired(
            Text("Cần If-Match với phiên bản đã đọc", "If-Match with the version that was read is required"),
            faults=[Fault("header:if-match", "missing", Text("Thiếu tiêu đề bắt buộc", "Header required"))],
        )
    return version


IfMatch = Annotated[int, Depends(_required)]
"""The version a change is made to; 428 without the header."""
