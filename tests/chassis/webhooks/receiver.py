"""A receiver of webhooks over real HTTP or HTTPS, in a thread of its own."""

import hmac
import json
import ssl
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK: tuple[int, dict[str, str]] = (204, {})


class Got(NamedTuple):
    """One request that arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Its webhook-id."""
        return self.headers["webhook-id"]

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it carries."""
        found: list[dict[str, Any]] = json.loads(self.body)
        return found

    @property
    def sequences(self) -> list[int]:
        """Where its events stand in the journal."""
        return [event["sequence"] for event in self.events]

    def signed_by(self, secret: str) -> bool:
        """Whether one of its signatures is this secret's, worked out from the specification alone."""
        content = b".".join([self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body])
        right = b64encode(hmac.digest(b64decode(secret.removeprefix("whsec_")), content, "sha256"))
        return f"v1,{right.decode()}" in self.headers["webhook-signature"].split(" ")


class Receiver:
    """Runs while entered. `answer` says what each request gets: status and headers; `gate` holds answers back."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.got: list[Got] = []
        self.answer: Callable[[Got], tuple[int, dict[str, str]]] = lambda _: OK
        self.body = b""
        self.gate = Event()
        self.gate.set()
        self.certificate = certificate

    @property
    def sequences(self) -> list[int]:
        """Every sequence, as they arrived."""
        return [sequence for got in self.got for sequence in got.sequences]

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                receiver.got.append(got)
                status, headers = receiver.answer(got)
                receiver.gate.wait()
                self.send_response(status)
                for name, value in {"content-length": str(len(receiver.body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(receiver.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A caller that hangs up is no news."""

        self.server = Server(("127.0.0.1", 0), Handler)
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


def certificate(folder: Path, host: str) -> Path:
    """A key and a certificate for `host`, signed by itself, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{host}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
