"""Spans of events on their way: each continues the trace of the write it came from, if that trace is recorded."""

from collections.abc import Iterable
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

tracer = trace.get_tracer("danvan")
_propagator = TraceContextTextMapPropagator()


def parent(traceparent: str | None) -> Context | None:
    """The context a W3C `traceparent` names, if it is recorded (`sampled`)."""
    if traceparent is None or traceparent[-1:] not in "13579bdf":
        return None
    context = _propagator.extract({"traceparent": traceparent})
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def published(topic: str, rows: Iterable[Any], started_ns: int) -> None:
    """One producer span for each recorded row (`traceparent`, `type`, `key`, `sequence`), from `started_ns` to now."""
    for row in rows:
        context = parent(row["traceparent"])
        if context is not None:
            span = tracer.start_span(
                f"publish {row['type']}",
                context,
                trace.SpanKind.PRODUCER,
                {"messaging.destination.name": topic, "danvan.subject": row["key"], "danvan.sequence": row["sequence"]},
                start_time=started_ns,
            )
            span.end()


def applied(group: str, events: Iterable[Any], started_ns: int) -> None:
    """A batch span linked to the recorded events, and one consumer span in the trace of each of them, until now."""
    contexts = [(event, found) for event in events if (found := parent(event.traceparent)) is not None]
    if not contexts:
        return
    links = [trace.Link(trace.get_current_span(found).get_span_context()) for _, found in contexts]
    batch = tracer.start_span(f"apply {group}", None, trace.SpanKind.CONSUMER, None, links, started_ns)
    for event, found in contexts:
        span = tracer.start_span(
            f"apply {event.type}",
            found,
            trace.SpanKind.CONSUMER,
            {"danvan.subject": str(event.subject), "danvan.version": event.version},
            [trace.Link(batch.get_span_context())],
            started_ns,
        )
        span.end()
    batch.end()
