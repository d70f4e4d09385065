"""Many rows in one request: a verdict for each, in order. A refused row changes nothing and stops no other."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Literal, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.chassis import db
from services.chassis.context import context
from services.chassis.errors import FaultOut, Problem, faults_of

MOST = 1_000
Version = Annotated[int, Field(ge=1, lt=2**31, description="As it was read: what `If-Match` is where one is changed")]
Body = TypeVar("Body", bound=BaseModel)


class Written(Protocol):
    """What a row has made or changed."""

    id: UUID
    version: int


class VerdictOut(BaseModel):
    """What became of one row."""

    row: int = Field(description="Its place in the batch, from 0")
    verdict: Literal["done", "valid", "refused"]
    id: UUID | None = None
    version: int | None = None
    problem: str | None = Field(None, description="`type` of the refusal, as the row alone would have been answered")
    detail: str | None = None
    errors: list[FaultOut] = []


class BatchIn(BaseModel):
    """Rows, each as the door for one takes it."""

    model_config = ConfigDict(extra="forbid")

    items: list[dict[str, object]] = Field(min_length=1, max_length=MOST)
    validate_only: bool = Field(False, description="Say what would happen; change nothing")


class BatchOut(BaseModel):
    """A verdict per row, in order."""

    items: list[VerdictOut]
    done: int
    refused: int


class _Rehearsed(Exception):
    """All rows were tried; nothing is kept."""


async def each(
    conn: db.Connection, body: BatchIn, model: type[Body], act: Callable[[Body], Awaitable[Written]]
) -> BatchOut:
    """Do every row as `act` does one, later rows seeing what earlier ones did; undone at the end if only validated."""
    verdicts: list[VerdictOut] = []
    try:
        async with db.part(conn):
            for number, item in enumerate(body.items):
                verdicts.append(await _one(conn, number, item, model, act))
            if body.validate_only:
                raise _Rehearsed
    except _Rehearsed:
        for verdict in verdicts:
            if verdict.verdict == "done":
                verdict.verdict, verdict.id, verdict.version = "valid", None, None
    refused = sum(verdict.verdict == "refused" for verdict in verdicts)
    return BatchOut(items=verdicts, done=0 if body.validate_only else len(verdicts) - refused, refused=refused)


async def _one(
    conn: db.Connection,
    number: int,
    item: dict[str, object],
    model: type[Body],
    act: Callable[[Body], Awaitable[Written]],
) -> VerdictOut:
    """One row, in a part of the transaction of its own."""
    language = context().language
    try:
        row = model.model_validate(item)
        async with db.part(conn):
            made = await act(row)
    except ValidationError as error:
        found = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
        errors = [FaultOut(**fault) for fault in faults_of(found, language)]
        return VerdictOut(row=number, verdict="refused", problem="urn:danvan:problem:invalid", errors=errors)
    except Problem as problem:
        said: dict[str, Any] = problem.body(language, "")
        return VerdictOut(
            row=number, verdict="refused", problem=said["type"], detail=said["detail"], errors=said["errors"]
        )
    return VerdictOut(row=number, verdict="done", id=made.id, version=made.version)


def ids_of(items: Sequence[dict[str, object]], name: str) -> list[UUID]:
    """The ids that rows name in a field, of those that are ids: whose owners are locked beforehand, in one order."""
    found = set()
    for item in items:
        try:
            found.add(UUID(str(item.get(name))))
        except ValueError:
            continue
    return sorted(found)
