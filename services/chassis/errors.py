"""Every refusal, and the one shape in which it leaves: RFC 9457 `application/problem+json`, in Vietnamese or English.

Problem
├── Unauthenticated 401    ├── NotFound 404    ├── Stale 412          ├── PreconditionRequired 428
├── Forbidden 403          ├── Conflict 409    ├── Unprocessable 422  ├── TooManyRequests 429
├── Gone 410               ├── NotAcceptable 406 ├── UnsupportedMediaType 415
└── Unavailable 503 (not now: try again after `Retry-After` seconds)
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, Field

from services.chassis.translations import PHRASES, in_vietnamese


class Text(NamedTuple):
    """One sentence in both languages."""

    vi: str
    en: str

    def spoken(self, language: str) -> str:
        """The sentence in `vi` or `en`."""
        return self.en if language == "en" else self.vi


class Fault(NamedTuple):
    """What is wrong with one field: where (JSON pointer into the body, or `query:x`, `header:x`, `path:x`), and why."""

    pointer: str
    code: str
    message: Text


class FaultOut(BaseModel):
    """One field at fault."""

    pointer: str = Field(description="JSON pointer into the body, or query:, header: or path: and a name")
    code: str
    message: str


class ProblemOut(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["urn:danvan:problem:not-found"])
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FaultOut] = []


class Problem(Exception):  # the name RFC 9457 gives it
    """A refusal that reaches the caller. `slug` is stable and names the problem; `faults` name the fields."""

    status: ClassVar[int] = 400
    slug: str = "bad-request"

    def __init__(
        self,
        detail: Text | None = None,
        *,
        slug: str | None = None,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        self.detail = detail
        self.slug = slug or self.slug
        self.faults = faults
        self.headers = dict(headers or {})
        self.extra = extra
        super().__init__(detail.en if detail else self.slug)

    def body(self, language: str, instance: str) -> dict[str, Any]:
        """The problem document."""
        return document(
            self.status,
            self.slug,
            self.detail.spoken(language) if self.detail else None,
            language,
            instance,
            [{"pointer": f.pointer, "code": f.code, "message": f.message.spoken(language)} for f in self.faults],
            self.extra,
        )


class Unauthenticated(Problem):
    """No token, or one that does not hold."""

    status, slug = 401, "unauthenticated"


class Forbidden(Problem):
    """The token lacks a scope."""

    status, slug = 403, "forbidden"


class NotFound(Problem):
    """There is no such thing inside the caller's reach."""

    status, slug = 404, "not-found"


class NotAcceptable(Problem):
    """What is asked for is not to be had in any form the caller takes."""

    status, slug = 406, "not-acceptable"


class Conflict(Problem):
    """The thing's state does not allow it."""

    status, slug = 409, "conflict"


class Gone(Problem):
    """It was here and is no longer; the problem says what took its place."""

    status, slug = 410, "gone"


class Stale(Problem):
    """If-Match names another version than the one that is there."""

    status, slug = 412, "stale"


class UnsupportedMediaType(Problem):
    """The body is of a kind this route does not take."""

    status, slug = 415, "unsupported-media-type"


class Unprocessable(Problem):
    """The request is understood and wrong; `faults` say where."""

    status, slug = 422, "invalid"


class PreconditionRequired(Problem):
    """A change came without If-Match, or a money command without Idempotency-Key."""

    status, slug = 428, "precondition-required"


class TooManyRequests(Problem):
    """The caller is over its rate."""

    status, slug = 429, "too-many-requests"


class Unavailable(Problem):
    """Not now; nothing was done."""

    status, slug = 503, "unavailable"

    def __init__(self, detail: Text | None = None, *, retry_after: int = 1, **rest: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, **rest)


def invalid(pointer: str, code: str, vi: str, en: str) -> Unprocessable:
    """A 422 about one field."""
    return Unprocessable(faults=[Fault(pointer, code, Text(vi, en))])


class TooLargeError(Exception):
    """The body passed `limit` bytes, declared or while it was being read."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(limit)


def document(
    status: int,
    slug: str,
    detail: str | None,
    language: str,
    instance: str,
    errors: Sequence[Mapping[str, str]] = (),
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An RFC 9457 document; the title is the status's own phrase."""
    title = HTTPStatus(status).phrase if language == "en" else PHRASES.get(status, HTTPStatus(status).phrase)
    return {
        "type": f"urn:danvan:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail or title,
        "instance": instance,
        "errors": list(errors),
        **(extra or {}),
    }


def faults_of(errors: Sequence[Mapping[str, Any]], language: str) -> list[dict[str, str]]:
    """Pydantic's errors as `errors[]`, in the caller's language."""
    found = []
    for error in errors:
        place, *path = error["loc"] or ("body",)
        if error["type"] == "json_invalid":
            path = []
        if place == "body":
            pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
        else:
            pointer = f"{place}:{'.'.join(map(str, path))}"
        message = error["msg"] if language == "en" else in_vietnamese(error["type"], error.get("ctx") or {})
        found.append({"pointer": pointer, "code": error["type"], "message": message})
    return found
