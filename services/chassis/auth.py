"""Who calls: OAuth 2 bearer JWT (RFC 6750, RFC 7519), keys from the issuer's JWKS by OpenID discovery."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import jwt
from fastapi import Request

from contracts import units
from services.chassis.context import context
from services.chassis.errors import Forbidden, Text, TooManyRequests, Unauthenticated, Unavailable
from services.chassis.reach import Reach
from services.chassis.settings import Settings

ALGORITHMS = ["RS256", "ES256", "EdDSA"]
CACHED_TOKENS = 4_096
REFETCH_SECONDS = 10.0
KEYS_SECONDS = 600.0
SCHEME = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Of the configured issuer"}
}
"""How OpenAPI says it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified token: whose, what it may do, and the unit whose subtree, or the branch in it, that it reaches."""

    subject: str
    scopes: frozenset[str]
    unit: str
    reach: Reach
    expires: float

    @property
    def province(self) -> str:
        """The province the caller's unit lies in; empty for a caller without a unit."""
        return units.province_of(self.unit) if self.reach.units else ""


class Bucket:
    """A token bucket per caller: `rate` a second, up to `burst` saved."""

    def __init__(self, rate: int, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self.levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now: float) -> float:
        """Tokens left after this request; 429 if there is none."""
        level, then = self.levels.pop(caller, (float(self.burst), now))
        level = min(self.burst, level + (now - then) * self.rate)
        self.levels[caller] = (max(level - 1, 0) if level >= 1 else level, now)
        if len(self.levels) > CACHED_TOKENS:
            self.levels.popitem(last=False)
        if level < 1:
            wait = max(1, round((1 - level) / self.rate))
            raise TooManyRequests(headers={"Retry-After": str(wait), "RateLimit": f'"caller";r=0;t={wait}'})
        return level - 1


class Authenticator:
    """Verifies tokens; keeps the issuer's keys and the tokens already verified, until they expire."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keys: dict[str, jwt.PyJWK] = {}
        self.fetched = float("-inf")
        self.lock = asyncio.Lock()
        self.known: OrderedDict[str, Caller] = OrderedDict()
        self.bucket = Bucket(settings.rate_per_second, settings.rate_burst) if settings.rate_per_second else None

    async def caller(self, token: str) -> Caller:
        """The caller a token stands for; 401 if it does not hold, 503 if the issuer has never answered."""
        caller = self.known.get(token)
        if caller is None:
            caller = self._read(await self._verified(token))
            self.known[token] = caller
            if len(self.known) > CACHED_TOKENS:
                self.known.popitem(last=False)
        if caller.expires <= time.time():
            self.known.pop(token, None)
            raise _refused("Mã truy cập đã hết hạn", "The token has expired")
        return caller

    async def _verified(self, token: str) -> dict[str, Any]:
        try:
            kid = str(jwt.get_unverified_header(token).get("kid"))
            key = await self._key(kid)
            return jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self.settings.audience,
                issuer=self.settings.issuer_url,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise _refused("Mã truy cập không hợp lệ", f"The token does not hold: {error}") from None

    def _read(self, claims: dict[str, Any]) -> Caller:
        unit = claims.get("unit")
        unit = unit if isinstance(unit, str) else ""
        return Caller(
            subject=str(claims["sub"]),
            scopes=frozenset(str(claims.get("scope", "")).split()),
            unit=unit,
            reach=_reach(unit, claims.get("branch")),
            expires=float(claims["exp"]),
        )

    async def _key(self, kid: str) -> jwt.PyJWK:
        age = time.monotonic() - self.fetched
        if (kid not in self.keys and age > REFETCH_SECONDS) or age > KEYS_SECONDS:
            async with self.lock:
                if time.monotonic() - self.fetched > min(age, REFETCH_SECONDS):
                    await self._fetch()
        key = self.keys.get(kid)
        if key is None:
            raise _refused("Khóa ký không được biết đến", "The token is signed with a key the issuer does not publish")
        return key

    async def reachable(self) -> bool:
        """Whether there are keys to verify with; asked for if there are none yet, for a second at most."""
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(1), self.lock:
                if not self.keys:
                    await self._fetch()
        return bool(self.keys)

    async def _fetch(self) -> None:
        """The issuer's keys. Keys already held outlive an issuer that is away."""
        try:
            async with httpx.AsyncClient(timeout=3) as client:
                found = await client.get(f"{self.settings.issuer_url.rstrip('/')}/.well-known/openid-configuration")
                jwks = (await client.get(found.raise_for_status().json()["jwks_uri"])).raise_for_status().json()
            self.keys = {str(key.key_id): key for key in jwt.PyJWKSet.from_dict(jwks).keys}
        except (httpx.HTTPError, KeyError, ValueError, jwt.PyJWTError) as error:
            if not self.keys:
                raise Unavailable(
                    Text("Không lấy được khóa của nhà phát hành mã", f"The token issuer's keys cannot be had: {error}")
                ) from None
        self.fetched = time.monotonic()


def _reach(unit: str, branch: object) -> Reach:
    """The subtree of `unit`, or `branch` inside it; nothing if the claim `branch` is no UUID."""
    try:
        return Reach(units.subtree(unit), None if branch is None else UUID(str(branch)))
    except ValueError:
        return Reach()


def _refused(vi: str, en: str) -> Unauthenticated:
    return Unauthenticated(Text(vi, en), headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


async def authenticate(request: Request) -> Caller:
    """The request's caller, verified once a request and within its rate."""
    state = request.state._state
    caller: Caller | None = state.get("caller")
    if caller is not None:
        return caller
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated(
            Text("Thiếu mã truy cập", "A bearer token is required"), headers={"WWW-Authenticate": "Bearer"}
        )
    authenticator: Authenticator = request.app.state.authenticator
    caller = state["caller"] = await authenticator.caller(token)
    context().actor = caller.subject
    if authenticator.bucket:
        left = authenticator.bucket.take(caller.subject, time.monotonic())
        context().headers.append((b"ratelimit", b'"caller";r=%d;t=1' % int(left)))
    return caller


def needs(*scopes: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, who must hold all of `scopes` (403 otherwise)."""

    async def caller_with_scopes(request: Request) -> Caller:
        caller = await authenticate(request)
        for scope in scopes:
            if scope not in caller.scopes:
                raise Forbidden(Text(f"Cần quyền {scope}", f"The scope {scope} is required"))
        return caller

    return caller_with_scopes
