"""Renders every failure of an application as a problem document; the one place that does."""

import json
import logging

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from services.chassis import db
from services.chassis.context import context
from services.chassis.errors import Problem, Text, TooLargeError, Unavailable, document, faults_of

log = logging.getLogger("danvan")
MEDIA_TYPE = "application/problem+json"
SLUGS = {404: "not-found", 405: "method-not-allowed"}


def install(app: FastAPI) -> None:
    """Make `app` answer every failure as a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(TooLargeError, _too_large)
    for kind in db.NOT_NOW:
        app.add_exception_handler(kind, _unavailable)
    app.add_exception_handler(Exception, _unexpected)


def render(body: dict[str, object], headers: dict[str, str] | None = None) -> Response:
    """A problem document as a response."""
    status = body["status"]
    assert isinstance(status, int)
    return Response(json.dumps(body, ensure_ascii=False, default=str), status, headers, MEDIA_TYPE)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return render(error.body(context().language, request.url.path), error.headers)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    language = context().language
    return render(
        document(422, "invalid", None, language, request.url.path, faults_of(error.errors(), language)),
    )


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    slug = SLUGS.get(error.status_code, f"http-{error.status_code}")
    body = document(error.status_code, slug, None, context().language, request.url.path)
    return render(body, dict(error.headers or {}))


async def _too_large(request: Request, error: Exception) -> Response:
    assert isinstance(error, TooLargeError)
    said = Text(f"Nhiều nhất {error.limit} byte", f"At most {error.limit} bytes").spoken(context().language)
    return render(
        document(413, "too-large", said, context().language, request.url.path),
        {"Connection": "close"},
    )


async def _unavailable(request: Request, error: Exception) -> Response:
    if db.is_mistake(error):
        return await _unexpected(request, error)
    log.warning("unavailable", extra={"error": repr(error)})
    said = Text("Cơ sở dữ liệu tạm thời không phục vụ được", "The database cannot serve this now")
    return await _problem(request, Unavailable(said))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return render(document(500, "unexpected", None, context().language, request.url.path))
