"""An OpenID issuer for tests: discovery and JWKS over real HTTP, and tokens of any content."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

ALL_SCOPES = (
    "members:read members:write members:personal members:privacy members:reorganise "
    "loans:read loans:write reporting:read reporting:operate loans:operate events:subscribe"
)


class Issuer:
    """Runs on a free port while entered. `down = True` makes it answer 503; `rotate()` replaces its key."""

    def __init__(self) -> None:
        self.down = False
        self.asked = 0
        self.rotate()

    def rotate(self) -> None:
        """A new key under a new kid; tokens of the old one no longer verify."""
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = f"test-{time.monotonic_ns()}"

    def __enter__(self) -> Self:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                if issuer.down:
                    self.send_error(503)
                    return
                public = json.loads(RSAAlgorithm.to_jwk(issuer.key.public_key()))
                answers: dict[str, dict[str, Any]] = {
                    "/.well-known/openid-configuration": {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/jwks"},
                    "/jwks": {"keys": [{**public, "kid": issuer.kid, "alg": "RS256", "use": "sig"}]},
                }
                body = json.dumps(answers[self.path]).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def token(self, unit: str | None = "22", scope: str = ALL_SCOPES, sub: str = "tester", **claims: Any) -> str:
        """A signed access token; `claims` add to or replace the standard ones."""
        now = int(time.time())
        content = {"iss": self.url, "aud": "danvan", "sub": sub, "iat": now, "exp": now + 3600, "scope": scope}
        if unit is not None:
            content["unit"] = unit
        return jwt.encode({**content, **claims}, self.key, algorithm="RS256", headers={"kid": self.kid})

    def public_pem(self) -> str:
        """The public key, for a reader that takes no JWKS."""
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def headers(
        self, unit: str | None = "22", scope: str = ALL_SCOPES, sub: str = "tester", **claims: Any
    ) -> dict[str, str]:
        """`Authorization` with such a token."""
        return {"authorization": f"Bearer {self.token(unit, scope, sub, **claims)}"}
