"""What every API does, shown on the smallest service: one transaction, problems, keys, tags, callers, limits."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import httpx
import pytest

from services.chassis.edge import language_of
from services.chassis.settings import Settings
from tests.chassis import notes
from tests.conftest import Database
from tests.issuer import Issuer

SCOPES = "notes:read notes:write"
Notes = Callable[..., Any]


@pytest.fixture
async def url(database: Database) -> str:
    """A database with the notes service's tables."""
    url = await database()
    conn = await asyncpg.connect(url)
    await conn.execute(notes.TABLES)
    await conn.close()
    return url


@pytest.fixture
async def client(url: str, issuer: Issuer) -> AsyncIterator[Notes]:
    """`await client(**settings)`: a caller of the notes service."""
    async with AsyncExitStack() as running:

        async def make(**settings: Any) -> httpx.AsyncClient:
            defaults = {"database_url": url, "issuer_url": issuer.url, "rate_per_second": 0, "database_pool_max": 40}
            app = notes.SERVICE.create_app(Settings.model_validate({**defaults, **settings}))
            await running.enter_async_context(app.router.lifespan_context(app))
            made = httpx.AsyncClient(
                transport=httpx.ASGITransport(app, raise_app_exceptions=False),
                base_url="http://test",
                headers=issuer.headers(scope=SCOPES),
            )
            return await running.enter_async_context(made)

        yield make


async def rows(url: str, table: str) -> list[asyncpg.Record]:
    """All rows of a table."""
    conn = await asyncpg.connect(url)
    try:
        found: list[asyncpg.Record] = await conn.fetch(f"select * from {table}")  # noqa: S608
        return found
    finally:
        await conn.close()


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The answer's problem document, checked for its shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "errors"} <= body.keys()
    assert body["type"] == f"urn:danvan:problem:{slug}"
    assert body["status"] == status
    return body


async def test_a_write_and_its_journal_row_are_committed_together(client: Notes, url: str) -> None:
    """After 201 both rows are there, and the answer names the version it made."""
    answer = await (await client()).post("/v1/notes", json={"size": 1})
    assert answer.status_code == 201
    note, (row,) = answer.json(), await rows(url, "journal")
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["journal-position"] == f"notes:{note['id']}@1"
    assert (str(row["subject"]), row["version"], row["actor"]) == (note["id"], 1, "tester")
    assert json.loads(row["data"]) == {"size": 1}
    assert row["traceparent"] == answer.headers["traceresponse"]


async def test_a_commit_that_fails_after_the_handler_returned_is_not_answered_with_201(client: Notes, url: str) -> None:
    """The deferred constraint fails at commit, when the handler has long returned its 201."""
    caller = await client()
    assert (await caller.post("/v1/notes", json={"size": 7})).status_code == 201
    problem(await caller.post("/v1/notes", json={"size": 7}), 500, "unexpected")
    assert len(await rows(url, "note")) == len(await rows(url, "journal")) == 1


@pytest.mark.parametrize(("size", "status", "slug"), [(409, 409, "conflict"), (500, 500, "unexpected")])
async def test_a_refusal_or_a_bug_leaves_nothing_behind(
    client: Notes, url: str, size: int, status: int, slug: str
) -> None:
    """Neither row nor journal nor idempotency key outlives a request that was not accepted."""
    answer = await (await client()).post("/v1/notes", json={"size": size}, headers={"idempotency-key": "k"})
    problem(answer, status, slug)
    assert not await rows(url, "note")
    assert not await rows(url, "journal")
    assert not await rows(url, "idempotency")


async def test_thirty_parallel_posts_with_one_key_are_one_effect_and_one_answer(client: Notes, url: str) -> None:
    """All thirty get the same body and headers; one row, one event."""
    caller = await client()
    posts = [caller.post("/v1/notes", json={"size": 3}, headers={"idempotency-key": "same"}) for _ in range(30)]
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len({(answer.headers["etag"], answer.headers["journal-position"]) for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 29
    assert len(await rows(url, "note")) == len(await rows(url, "journal")) == 1


async def test_one_key_for_two_requests_is_refused(client: Notes, url: str) -> None:
    """Same key, other body: 422 that names the header; the first effect stands."""
    caller = await client()
    await caller.post("/v1/notes", json={"size": 3}, headers={"idempotency-key": "k"})
    body = problem(
        await caller.post("/v1/notes", json={"size": 4}, headers={"idempotency-key": "k"}),
        422,
        "idempotency-key-reused",
    )
    assert body["errors"][0]["pointer"] == "header:idempotency-key"
    assert len(await rows(url, "note")) == 1


async def test_keys_belong_to_their_caller(client: Notes, issuer: Issuer) -> None:
    """Another caller's same key is another key."""
    caller = await client()
    other = issuer.headers(scope=SCOPES, sub="other")
    first = await caller.post("/v1/notes", json={"size": 3}, headers={"idempotency-key": "k"})
    second = await caller.post("/v1/notes", json={"size": 4}, headers={"idempotency-key": "k", **other})
    assert first.status_code == second.status_code == 201


async def test_a_money_command_needs_a_key(client: Notes) -> None:
    """428 that names the header, in both languages; with a key it goes through."""
    caller = await client()
    body = problem(await caller.post("/v1/notes/money", json={"size": 3}), 428, "precondition-required")
    assert body["errors"] == [
        {"pointer": "header:idempotency-key", "code": "missing", "message": "Thiếu tiêu đề bắt buộc"}
    ]
    paid = await caller.post("/v1/notes/money", json={"size": 3}, headers={"idempotency-key": "k"})
    assert paid.status_code == 201


async def test_a_change_needs_the_version_that_was_read(client: Notes) -> None:
    """428 without If-Match, 422 for nonsense, 412 when stale, the new tag when it fits."""
    caller = await client()
    path = f"/v1/notes/{(await caller.post('/v1/notes', json={'size': 1})).json()['id']}"
    problem(await caller.patch(path, json={"size": 2}), 428, "precondition-required")
    problem(await caller.patch(path, json={"size": 2}, headers={"if-match": "x"}), 422, "invalid")
    problem(await caller.patch(path, json={"size": 2}, headers={"if-match": '"2"'}), 412, "stale")
    changed = await caller.patch(path, json={"size": 2}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')


async def test_of_two_changes_to_one_version_one_wins(client: Notes, url: str) -> None:
    """Ten at once from version 1: one 200, nine 412, and no lost update."""
    caller = await client()
    path = f"/v1/notes/{(await caller.post('/v1/notes', json={'size': 1})).json()['id']}"
    patches = [caller.patch(path, json={"size": 10 + n}, headers={"if-match": '"1"'}) for n in range(10)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*patches)) == [200] + [412] * 9
    assert len(await rows(url, "journal")) == 2


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_each_field_at_fault_is_named_in_the_callers_language(client: Notes, language: str) -> None:
    """JSON pointer, code and message per field; the answer says which language it is in."""
    answer = await (await client()).post(
        "/v1/notes", json={"size": 0, "colour": "red"}, headers={"accept-language": language}
    )
    errors = {
        error["pointer"]: (error["code"], error["message"]) for error in problem(answer, 422, "invalid")["errors"]
    }
    said = {
        "vi": {
            "/size": ("greater_than_equal", "Phải từ 1 trở lên"),
            "/colour": ("extra_forbidden", "Trường không được biết đến"),
        },
        "en": {
            "/size": ("greater_than_equal", "Input should be greater than or equal to 1"),
            "/colour": ("extra_forbidden", "Extra inputs are not permitted"),
        },
    }
    assert errors == said[language]
    assert answer.headers["content-language"] == language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "vi"),
        ("en", "en"),
        ("en-GB,vi;q=0.5", "en"),
        ("fr, en;q=0.2, vi;q=0.7", "vi"),
        ("de", "vi"),
        ("en;q=0", "vi"),
        ("en;q=x", "vi"),
    ],
)
def test_language_follows_accept_language(header: str, language: str) -> None:
    """The heavier of vi and en; vi where neither is wanted."""
    assert language_of(header) == language


async def test_framework_errors_are_problems_too(client: Notes) -> None:
    """404 of an unknown path, 405, and JSON that is none."""
    caller = await client()
    problem(await caller.get("/v1/nothing"), 404, "not-found")
    answer = await caller.delete("/v1/notes")
    problem(answer, 405, "method-not-allowed")
    assert "allow" in answer.headers
    broken = await caller.post("/v1/notes", content=b"{", headers={"content-type": "application/json"})
    assert problem(broken, 422, "invalid")["errors"][0]["code"] == "json_invalid"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"aud": "other"},
        {"iss": "http://other"},
    ],
)
async def test_a_token_that_does_not_hold_is_refused(client: Notes, issuer: Issuer, claims: dict[str, Any]) -> None:
    """Expired, for another audience, of another issuer: 401 before any connection is taken."""
    caller = await client(database_url="postgresql://nobody@127.0.0.1:1/none")
    headers = issuer.headers(scope=SCOPES, **claims)
    answer = await caller.post("/v1/notes", json={"size": 1}, headers=headers)
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_no_token_or_a_forged_one_is_refused(client: Notes, issuer: Issuer) -> None:
    """Missing, garbage, and signed with a key the issuer does not publish."""
    caller = await client()
    forged = Issuer()
    forged.url, forged.kid = issuer.url, issuer.kid
    for token in ("", "Bearer", "Bearer x.y.z", f"Bearer {forged.token(scope=SCOPES)}", "Basic eDp5"):
        problem(await caller.get("/v1/notes", headers={"authorization": token}), 401, "unauthenticated")


async def test_a_new_signing_key_is_fetched_and_an_absent_issuer_is_not_now(client: Notes, issuer: Issuer) -> None:
    """Keys held outlive the issuer; without any, 503 says to come back."""
    issuer.down = True
    try:
        answer = await (await client()).get("/v1/notes")
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"
    finally:
        issuer.down = False
    caller = await client()
    assert (await caller.get("/v1/notes")).status_code == 200
    issuer.down = True
    try:
        other = issuer.headers(scope=SCOPES, sub="somebody")
        assert (await caller.get("/v1/notes", headers=other)).status_code == 200
    finally:
        issuer.down = False


async def test_scope_and_reach(client: Notes, issuer: Issuer) -> None:
    """Lacking scope is 403; another commune does not exist; no unit reaches nothing."""
    caller = await client()
    reader = issuer.headers(scope="notes:read")
    problem(await caller.post("/v1/notes", json={"size": 1}, headers=reader), 403, "forbidden")
    elsewhere = issuer.headers("06970", SCOPES)
    problem(await caller.post("/v1/notes", json={"size": 1}, headers=elsewhere), 404, "not-found")
    nowhere = issuer.headers(None, SCOPES)
    problem(await caller.post("/v1/notes", json={"size": 1}, headers=nowhere), 404, "not-found")
    own = issuer.headers("06760", SCOPES)
    assert (await caller.post("/v1/notes", json={"size": 1}, headers=own)).status_code == 201


async def test_limits(client: Notes, issuer: Issuer) -> None:
    """A body over the limit is 413 by length and by stream; a caller over its rate gets 429, others do not."""
    caller = await client(max_request_bytes=1024)
    problem(await caller.post("/v1/notes", content=b" " * 2000), 413, "too-large")

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b" " * 500

    problem(await caller.post("/v1/notes", content=stream()), 413, "too-large")
    hasty = await client(rate_per_second=1, rate_burst=3)
    statuses = [(await hasty.get("/v1/notes")).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = await hasty.get("/v1/notes")
    problem(refused, 429, "too-many-requests")
    assert {"retry-after", "ratelimit"} <= refused.headers.keys()
    assert (await hasty.get("/v1/notes", headers=issuer.headers(scope=SCOPES, sub="patient"))).status_code == 200


async def test_an_absent_database_is_not_now(client: Notes) -> None:
    """503 with Retry-After, and nothing half done."""
    caller = await client(database_url="postgresql://nobody@127.0.0.1:1/none")
    answer = await caller.get("/v1/notes")
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_a_statement_that_takes_too_long_is_ended(client: Notes) -> None:
    """The statement timeout becomes 503, and the connection goes on serving."""
    caller = await client(statement_timeout_ms=50, database_pool_max=1)
    problem(await caller.get("/v1/notes/slow"), 503, "unavailable")
    assert (await caller.get("/v1/notes")).status_code == 200


async def test_the_journal_is_append_only(client: Notes, url: str) -> None:
    """The database itself refuses to change, unnumber, delete or empty it."""
    await (await client()).post("/v1/notes", json={"size": 1})
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("update journal set sequence = 1")
        for statement in (
            "update journal set data = '{}'",
            "update journal set sequence = 2",
            "update journal set sequence = null",
            "delete from journal",
            "truncate journal",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await conn.execute(statement)
    finally:
        await conn.close()
    assert (await rows(url, "journal"))[0]["sequence"] == 1
