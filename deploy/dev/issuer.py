"""A small OpenID issuer FOR DEVELOPMENT ONLY: discovery, JWKS, and tokens for demo clients whose secret is public.

`python -m deploy.dev.issuer <port> <key file>`. A deployment points DANVAN_ISSUER_URL at its own issuer instead.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs

import jwt
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse
from jwt.algorithms import RSAAlgorithm

AUDIENCE = "danvan"
LIFETIME = 12 * 3600
SECRET = "demo"  # noqa: S105 - of every demo client; this issuer guards nothing
EVERYTHING = (
    "members:read members:write members:personal members:reorganise loans:read loans:write reporting:read"
    " reporting:operate loans:operate events:subscribe"
)
PRIVACY = "members:read members:write members:personal members:privacy"
CLIENTS = {  # client → unit whose subtree it reaches, scopes
    "province": ("22", EVERYTHING),
    "mong-duong": ("06760", EVERYTHING),
    "ba-che": ("06970", EVERYTHING),
    "privacy-officer": ("22", PRIVACY),
    "dashboard": ("22", "reporting:read"),
}


def load_key(path: Path) -> rsa.RSAPrivateKey:
    """The signing key kept in `path`; made (RSA 2048, readable by its owner only) if there is none."""
    if not path.exists():
        pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(pem)
        fresh.rename(path)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def public(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    """The key's JWK; `kid` is its RFC 7638 thumbprint."""
    jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    required = json.dumps({name: jwk[name] for name in ("e", "kty", "n")}, separators=(",", ":"))
    kid = base64.urlsafe_b64encode(hashlib.sha256(required.encode()).digest()).decode().rstrip("=")
    return {"kty": "RSA", "n": jwk["n"], "e": jwk["e"], "kid": kid, "alg": "RS256", "use": "sig"}


def mint(
    key: rsa.RSAPrivateKey,
    *,
    sub: str,
    unit: str,
    scope: str,
    issuer: str,
    ttl: int = LIFETIME,
    audience: str = AUDIENCE,
    **claims: str,
) -> str:
    """A signed access token that lives `ttl` seconds; negative gives one that has expired. `claims` are more."""
    now = int(time.time())
    usual = {"iss": issuer, "aud": audience, "sub": sub, "unit": unit, "scope": scope, "iat": now, "exp": now + ttl}
    return jwt.encode({**usual, **claims}, key, algorithm="RS256", headers={"kid": public(key)["kid"]})


def create_app(key: rsa.RSAPrivateKey, url: str) -> FastAPI:
    """The issuer that calls itself `url`."""
    app = FastAPI(title="Dân Vận development issuer (never for production)", openapi_url=None)

    @app.get("/.well-known/openid-configuration")
    def discovery() -> dict[str, Any]:
        """OpenID Connect Discovery 1.0."""
        return {
            "issuer": url,
            "jwks_uri": f"{url}/jwks",
            "token_endpoint": f"{url}/token",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "scopes_supported": sorted({*EVERYTHING.split(), *PRIVACY.split()}),
        }

    @app.get("/jwks")
    def jwks() -> dict[str, Any]:
        """The public key (RFC 7517)."""
        return {"keys": [public(key)]}

    @app.post("/token")
    async def token(request: Request, authorization: Annotated[str, Header()] = "") -> JSONResponse:
        """Client credentials (RFC 6749, 4.4): form grant_type, client_id, client_secret, scope; or HTTP Basic."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "client_credentials":
            return refusal(400, "unsupported_grant_type")
        client, secret = basic(authorization) or (form.get("client_id", ""), form.get("client_secret", ""))
        if client not in CLIENTS or not hmac.compare_digest(secret.encode(), SECRET.encode()):
            return refusal(401, "invalid_client")
        unit, allowed = CLIENTS[client]
        scope = form.get("scope", allowed)
        if not set(scope.split()) <= set(allowed.split()):
            return refusal(400, "invalid_scope")
        made = mint(key, sub=client, unit=unit, scope=scope, issuer=url)
        answer = {"access_token": made, "token_type": "Bearer", "expires_in": LIFETIME, "scope": scope}
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    return app


def refusal(status: int, error: str) -> JSONResponse:
    """An OAuth error answer (RFC 6749, 5.2)."""
    headers = {"www-authenticate": "Basic"} if status == 401 else None
    return JSONResponse({"error": error}, status, headers)


def basic(authorization: str) -> tuple[str, str] | None:
    """Client and secret of an HTTP Basic header; None if it is no such header."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client, secret


if __name__ == "__main__":
    own_port, key_file = int(sys.argv[1]), Path(sys.argv[2])
    own_app = create_app(load_key(key_file), f"http://127.0.0.1:{own_port}")
    uvicorn.run(own_app, host="127.0.0.1", port=own_port, access_log=False, log_level="warning")
