"""What a door needs: the route that runs one request in one transaction, connections, preconditions."""

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.routing import APIRoute

from services.chassis import db, idempotency, sparse
from services.chassis.auth import authenticate
from services.chassis.context import context
from services.chassis.errors import Fault, PreconditionRequired, Text, invalid

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
SAFE = {"GET", "HEAD", "OPTIONS"}
MONEY, SHOWN_ONCE = "x-money", "x-shown-once"
POSITIONS_IN_HEADER = 100


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
        mandatory, shown_once = bool(extra.get(MONEY)), extra.get(SHOWN_ONCE)

        async def handle(request: Request) -> Response:
            await request.body()
            caller = await authenticate(request)
            async with db.transaction(request.app.state.pool) as conn:
                claimed = await idempotency.claim(conn, request, caller.subject, mandatory=mandatory)
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
        if shape is None:
            return inner

        async def handle(request: Request) -> Response:
            if sparse.FIELDS not in request.query_params:
                return await inner(request)
            await authenticate(request)
            wanted = sparse.asked(request, shape)
            return sparse.cut(await inner(request), wanted)

        return handle


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


Writing = Annotated[db.Connection, Depends(_writing)]
"""The connection of the request's transaction."""
Reading = Annotated[db.Connection, Depends(_reading, scope="function")]
"""A connection in a read-only snapshot, given back before the response is sent."""
Recorded = Annotated[db.Connection, Depends(_recorded, scope="function")]
"""`Reading` that may note that it was: committed before the response is sent, and if that fails nothing is answered."""

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


def shown_once(field: str) -> dict[str, Any]:
    """`openapi_extra` of a POST whose answer holds a secret: null in the answer that is kept for retries."""
    return {**IDEMPOTENT, SHOWN_ONCE: field}


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
