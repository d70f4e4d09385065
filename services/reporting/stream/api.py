"""HTTP door of live updates: server-sent events (HTML Living Standard § 9.2)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from services.chassis.auth import Caller, needs
from services.chassis.errors import NotFound
from services.chassis.web import noun
from services.reporting.contributions.commands import ALL
from services.reporting.stream.listener import Applied

router = noun("stream")
PING_SECONDS = 15.0
GATHER_SECONDS = 0.05


class AppliedEvent(BaseModel):
    """Figures of these units have changed; `*` means any may have."""

    units: list[str]
    at: datetime


@router.get("", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def stream_changes(
    request: Request,
    caller: Annotated[Caller, Depends(needs("reporting:read"))],
    unit: Annotated[str | None, Query(description="Only changes of this unit; default all the caller reaches")] = None,
) -> StreamingResponse:
    """`event: applied` whenever figures change, `event: ping` every 15 s. Ask for the figures again on `applied`."""
    if unit is not None and unit not in caller.reach:
        raise NotFound
    reach = frozenset({unit}) if unit else caller.reach
    changes = _changes(request, request.app.state.applied, reach)
    return StreamingResponse(
        changes, media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
    )


async def _changes(request: Request, applied: Applied, reach: frozenset[str]) -> AsyncIterator[str]:
    """SSE frames. Changes that come close together are sent as one."""
    with applied.subscribed() as queue:
        yield _frame("ping", AppliedEvent(units=[], at=datetime.now(UTC)))
        while not getattr(request.app.state, "stopping", False):
            try:
                async with asyncio.timeout(PING_SECONDS):
                    touched = await queue.get()
            except TimeoutError:
                yield _frame("ping", AppliedEvent(units=[], at=datetime.now(UTC)))
                continue
            await asyncio.sleep(GATHER_SECONDS)
            while not queue.empty():
                touched |= queue.get_nowait()
            if shown := touched & (reach | {ALL}):
                yield _frame("applied", AppliedEvent(units=sorted(shown), at=datetime.now(UTC)))


def _frame(name: str, event: AppliedEvent) -> str:
    return f"event: {name}\ndata: {event.model_dump_json()}\n\n"
