"""What belongs to the request under way and is the same for every function it calls."""

from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Context:
    """Who asks, in which language, under which trace; and what the request has journalled so far."""

    actor: str = "system"
    language: str = "vi"
    traceparent: str | None = None
    written: list[str] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


current: ContextVar[Context | None] = ContextVar("context", default=None)


def context() -> Context:
    """The context of the request under way; a fresh one outside of any (relay, migrations, tests)."""
    found = current.get()
    if found is None:
        found = Context()
        current.set(found)
    return found
