"""An OpenTelemetry collector for tests: it keeps every span, and every byte it was sent."""

import gzip
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Span(NamedTuple):
    """A span as the collector got it."""

    service: str
    process: str
    trace: str
    name: str


class Collector:
    """OTLP/HTTP on a free port while entered."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.raw: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.raw.append(body)
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    said = {each.key: each.value.string_value for each in resource.resource.attributes}
                    collector.spans += [
                        Span(said["service.name"], said["service.instance.id"], span.trace_id.hex(), span.name)
                        for scope in resource.scope_spans
                        for span in scope.spans
                    ]
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
