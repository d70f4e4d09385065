"""Tokens of the development issuer hold against its own published key."""

from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from deploy.dev import issuer

URL = "http://issuer.test"


@pytest.fixture
def client(tmp_path: Path) -> httpx.AsyncClient:
    """A client of an issuer with a fresh key."""
    app = issuer.create_app(issuer.load_key(tmp_path / "key.pem"), URL)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL)


async def verified(client: httpx.AsyncClient, token: str) -> dict[str, Any]:
    """The claims of a token, checked the way a service checks it: discovery, JWKS, signature."""
    found = (await client.get("/.well-known/openid-configuration")).json()
    assert found["issuer"] == URL
    keys = jwt.PyJWKSet.from_dict((await client.get(found["jwks_uri"])).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key, algorithms=["RS256"], audience="danvan", issuer=URL)


@pytest.mark.parametrize(("name", "unit"), [("province", "22"), ("mong-duong", "06760"), ("ba-che", "06970")])
async def test_client_credentials(client: httpx.AsyncClient, name: str, unit: str) -> None:
    """A demo client gets a token of its unit with every scope."""
    form = {"grant_type": "client_credentials", "client_id": name, "client_secret": issuer.SECRET}
    answer = (await client.post("/token", data=form)).raise_for_status()
    assert answer.headers["cache-control"] == "no-store"
    claims = await verified(client, answer.json()["access_token"])
    assert (claims["sub"], claims["unit"], claims["scope"]) == (name, unit, issuer.EVERYTHING)
    assert claims["exp"] - claims["iat"] == answer.json()["expires_in"]


async def test_dashboard_reads_only(client: httpx.AsyncClient) -> None:
    """The dashboard's client, here by HTTP Basic, has one scope and cannot ask for more."""
    grant = {"grant_type": "client_credentials"}
    answer = (await client.post("/token", data=grant, auth=("dashboard", issuer.SECRET))).raise_for_status()
    assert (await verified(client, answer.json()["access_token"]))["scope"] == "reporting:read"
    wider = {**grant, "scope": "reporting:read members:personal"}
    answer = await client.post("/token", data=wider, auth=("dashboard", issuer.SECRET))
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_scope"})


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_id": "province", "client_secret": "no"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "demo"}, 401, "invalid_client"),
        ({}, 400, "unsupported_grant_type"),
    ],
)
async def test_refusals(client: httpx.AsyncClient, form: dict[str, str], status: int, error: str) -> None:
    """OAuth's own error codes."""
    answer = await client.post("/token", data=form)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


async def test_key_is_kept_and_private(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """A second load gives the same key, so tokens outlive a restart; nobody else can read it."""
    key = issuer.load_key(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    token = issuer.mint(key, sub="x", unit="22", scope="reporting:read", issuer=URL)
    assert (await verified(client, token))["sub"] == "x"
    expired = issuer.mint(key, sub="x", unit="22", scope="reporting:read", issuer=URL, ttl=-1)
    with pytest.raises(jwt.ExpiredSignatureError):
        await verified(client, expired)
