"""The outermost layer of an API: trace, language, size limit, security headers, metrics and the access log line."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import nullcontext

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.context import Context, current
from services.chassis.errors import Text, TooLargeError, Unavailable
from services.chassis.negotiation import weighted
from services.chassis.problems import render
from services.chassis.telemetry import HTTP_IN_FLIGHT, HTTP_SECONDS, traceparent_of

log = logging.getLogger("danvan.access")
tracer = trace.get_tracer("danvan")
propagator = TraceContextTextMapPropagator()
SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000"),
]


def language_of(header: str) -> str:
    """`vi` or `en` by Accept-Language (RFC 9110 § 12.5.4); `vi` where neither is asked for."""
    best, chosen = 0.0, "vi"
    for tag, weight in weighted(header):
        if tag[:2] in ("vi", "en") and weight > best:
            best, chosen = weight, tag[:2]
    return chosen


class Edge:
    """ASGI middleware around a whole application."""

    def __init__(self, app: ASGIApp, *, max_request_bytes: int, uploads: Mapping[str, int]) -> None:
        self.app, self.max, self.uploads = app, max_request_bytes, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        parent = propagator.extract(headers) if "traceparent" in headers else None
        span = tracer.start_span(scope["method"], parent, trace.SpanKind.SERVER)
        with trace.use_span(span, end_on_exit=True) if span.is_recording() else nullcontext():
            request = Context(
                language=language_of(headers.get("accept-language", "")),
                traceparent=traceparent_of(span),
            )
            current.set(request)
            status, answered = 500, False

            async def answer(message: Message) -> None:
                nonlocal status, answered
                if message["type"] == "http.response.start":
                    status, answered = message["status"], True
                    message["headers"] = [
                        *message["headers"],
                        *SECURITY,
                        *request.headers,
                        (b"content-language", request.language.encode()),
                        (b"vary", b"Accept-Language, Authorization"),
                        *([(b"traceresponse", request.traceparent.encode())] if request.traceparent else []),
                    ]
                await send(message)

            HTTP_IN_FLIGHT.inc()
            try:
                await self.app(scope, self._limited(scope, headers, receive), answer)
            except asyncio.CancelledError:  # the process leaves, and waits for this request no longer
                if not answered:
                    problem = Unavailable(Text("Dịch vụ đang dừng", "The service is stopping"))
                    response = render(problem.body(request.language, scope["path"]), problem.headers)
                    await response(scope, receive, answer)
            finally:
                HTTP_IN_FLIGHT.dec()
                route = getattr(scope.get("route"), "path", "unmatched")
                seconds = time.perf_counter() - started
                HTTP_SECONDS.labels(scope["method"], route, str(status)).observe(seconds)
                if span.is_recording():
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attributes({"http.route": route, "http.response.status_code": status})
                if log.isEnabledFor(logging.INFO):
                    log.info(
                        "request",
                        extra={
                            "method": scope["method"],
                            "route": route,
                            "status": status,
                            "ms": round(seconds * 1000, 1),
                            "actor": request.actor,
                        },
                    )

    def _limited(self, scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
        """`receive`, raising TooLargeError past the limit, by the declared length or by what really comes."""
        declared = headers.get("content-length", "")
        scope.setdefault("state", {})
        most = self.uploads.get(scope["path"], self.max)
        too_large = declared.isdigit() and int(declared) > most
        size = 0

        async def limited() -> Message:
            nonlocal size
            if too_large:
                raise TooLargeError(most)
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                raise TooLargeError(most)
            return message

        return limited
