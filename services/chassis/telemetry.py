"""Logs, traces and metrics: set up once a process; every metric is declared here."""

import logging
import sys
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from prometheus_client import Counter, Gauge, Histogram
from pythonjsonlogger.json import JsonFormatter

from services.chassis.context import current
from services.chassis.settings import Settings

LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

HTTP_SECONDS = Histogram(
    "danvan_http_request_seconds", "Time to answer a request.", ("method", "route", "status"), buckets=LATENCY
)
HTTP_IN_FLIGHT = Gauge("danvan_http_requests_in_flight", "Requests being answered.")
POOL_BUSY = Gauge("danvan_db_connections_busy", "Pooled database connections in use.")
RELAY_LEADER = Gauge("danvan_relay_leader", "1 while this replica publishes.")
RELAY_PUBLISHED = Counter("danvan_relay_published", "Events Kafka has acknowledged.")
RELAY_BACKLOG = Gauge("danvan_relay_backlog", "Journal rows not yet acknowledged.")
RELAY_OLDEST_SECONDS = Gauge("danvan_relay_oldest_seconds", "Age of the oldest journal row not yet acknowledged.")
RELAY_SECONDS = Histogram("danvan_relay_batch_seconds", "Time to number, publish and mark a batch.", buckets=LATENCY)
CONSUMER_EVENTS = Counter("danvan_consumer_events", "Events read, by verdict.", ("verdict",))
CONSUMER_LAG = Gauge("danvan_consumer_lag_records", "Records not yet applied.", ("topic", "partition"))
CONSUMER_LAG_SECONDS = Gauge("danvan_consumer_lag_seconds", "Age of the newest event when applied.", ("source",))
CONSUMER_PARKED = Gauge("danvan_consumer_parked", "Events parked.")
CONSUMER_BATCH = Histogram("danvan_consumer_batch_events", "Events a transaction.", buckets=(1, 10, 100, 1000, 10000))
CONSUMER_SECONDS = Histogram("danvan_consumer_batch_seconds", "Time to apply a batch.", buckets=LATENCY)
WEBHOOK_LEADER = Gauge("danvan_webhook_leader", "1 while this replica delivers webhooks.")
WEBHOOK_MESSAGES = Counter("danvan_webhook_messages", "Messages sent, by outcome.", ("outcome",))
WEBHOOK_SECONDS = Histogram("danvan_webhook_seconds", "Time a receiver takes to answer.", buckets=LATENCY)
WEBHOOK_STATUS = Gauge("danvan_webhook_subscriptions", "Subscriptions, by status.", ("status",))
WEBHOOK_BEHIND = Gauge("danvan_webhook_behind_events", "Journal rows the furthest active subscription has yet to pass.")
UNBALANCED = Gauge("danvan_unbalanced_records", "Records whose kept sums are not what they are sums of.")


class Metric(NamedTuple):
    """One metric as ops read it."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...]


METRICS: list[Metric] = [
    Metric(m._name, m._type, m._documentation, tuple(m._labelnames))
    for m in list(globals().values())
    if isinstance(m, (Counter, Gauge, Histogram))
]
"""Every metric there is."""


def traceparent_of(span: trace.Span) -> str | None:
    """The span's W3C `traceparent`; None where telemetry is not set up."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


class _Enrich(logging.Filter):
    """Puts the trace id of the request under way into each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always passes the record on."""
        request = current.get()
        if request is not None and request.traceparent:
            record.trace_id = request.traceparent.split("-")[1]
        return True


def set_up(settings: Settings, service: str, process: str) -> None:
    """JSON lines to standard error; traces to the collector if there is one. Call once, at process start."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Enrich())
    handler.setFormatter(
        JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            static_fields={"service": service, "process": process},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
            json_ensure_ascii=False,
        )
    )
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for noisy in ("kafka", "httpx", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    sampler = ParentBased(TraceIdRatioBased(settings.trace_ratio)) if settings.otlp_endpoint else ALWAYS_OFF
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"danvan-{service}", "service.instance.id": process}),
        sampler=sampler,
    )
    if settings.otlp_endpoint:
        exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    trace.set_tracer_provider(provider)
