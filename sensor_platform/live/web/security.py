"""Access control in one ASGI layer: token, allowed hosts, origins, rates, sizes, response headers."""

import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "sensor_platform_live"
ACTION_HEADER = "x-requested-with"
"""A page of another origin cannot send this header without a preflight, which is never allowed (CSRF protection)."""

_OPEN_PATHS = ("/healthz", "/login", "/static/", "/answer")
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cache-control", b"no-store"),
)
_MOST_ADDRESSES = 10_000


@dataclass(slots=True)
class Rates:
    """Token buckets by client address."""

    per_second: float
    burst: float
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def allows(self, address: str, now: float) -> bool:
        """Whether one more request of the address is allowed now.

        Args:
            address: of the client.
            now: monotonic time in seconds.
        """
        left, at = self._buckets.pop(address, (self.burst, now))
        left = min(self.burst, left + (now - at) * self.per_second)
        is_allowed = left >= 1.0
        self._buckets[address] = (left - 1.0 if is_allowed else left, now)
        while len(self._buckets) > _MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        return is_allowed


@dataclass(slots=True)
class Gate:
    """Refuses requests that are not allowed. Without a token, only requests to a loopback name are served."""

    app: ASGIApp
    token: str
    hosts: Sequence[str]
    """Host names that requests may use, in addition to loopback addresses."""
    most_body_bytes: int
    rates: Rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, then pass it on; responses get the security headers."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await self._refuse(scope, receive, send, *refusal)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        await self.app(scope, _limited(receive, self.most_body_bytes), _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return 421, "this is not served under that name; set live.public_url for another"
        address = scope["client"][0] if scope.get("client") else "local"
        if not self.rates.allows(address, time.monotonic()):
            return 429, "too many requests; slow down"
        if int(headers.get("content-length") or 0) > self.most_body_bytes:
            return 413, f"the body is larger than {self.most_body_bytes} bytes; send less at once"
        path = scope["path"]
        is_open = path.startswith(_OPEN_PATHS)
        if not is_open and not self._is_known(headers):
            return 401, "a token is needed; send Authorization: Bearer ..., or sign in at /login"
        if scope["type"] == "websocket" and not _is_same_origin(headers):
            return 403, "other pages may not connect; open our own"
        return self._action_refusal(scope, headers, is_open=is_open)

    def _action_refusal(self, scope: Scope, headers: Headers, *, is_open: bool) -> tuple[int, str] | None:
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"} or is_open:
            return None
        if headers.get("origin") and not _is_same_origin(headers):
            return 403, "other pages may not do this; use our own"
        if headers.get("authorization"):
            return None
        is_data = scope["path"] == "/ingest" and not headers.get("cookie") and not headers.get("origin")
        if not is_data and headers.get(ACTION_HEADER) != "sensor-platform":
            return 403, f"other pages might ask for this; send the header {ACTION_HEADER}: sensor-platform"
        return None

    def _is_known(self, headers: Headers) -> bool:
        if not self.token:
            return True
        given = headers.get("authorization", "").removeprefix("Bearer ").strip()
        if given and is_equal(given, self.token):
            return True
        cookies: SimpleCookie = SimpleCookie()
        cookies.load(headers.get("cookie", ""))
        return COOKIE in cookies and is_equal(cookies[COOKIE].value, cookie_of(self.token))

    def _is_ours(self, host: str) -> bool:
        """Whether the host name is one of this server (protection against DNS rebinding)."""
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost" or name in self.hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or bool(self.token)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, code: int, why: str) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": why})
            return
        more = {"www-authenticate": "Bearer"} if code == 401 else {}
        if code == 401 and "text/html" in Headers(scope=scope).get("accept", ""):
            code, more = 303, {"location": "/login"}
        if code == 429:
            more = {"retry-after": "1"}
        error, _, hint = why.partition("; ")
        response = JSONResponse({"error": error, "hint": hint}, code, headers=more)
        await response(scope, receive, _with_headers(send))


class TooLarge(Exception):
    """The body is longer than allowed, and the request had no content-length."""


def is_equal(given: str, wanted: str) -> bool:
    """Whether two secrets are equal, compared in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def cookie_of(token: str) -> str:
    """Return the value of the cookie that stands for the token."""
    return hmac.new(token.encode(), b"live page", hashlib.sha256).hexdigest()


def is_loopback(host: str) -> bool:
    """Whether an address to bind to can be reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_same_origin(headers: Headers) -> bool:
    origin = headers.get("origin")
    if origin is None:
        return True  # not a browser: browsers always send it
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _limited(receive: Receive, most: int) -> Receive:
    have = 0

    async def limited() -> Message:
        nonlocal have
        message = await receive()
        have += len(message.get("body", b""))
        if have > most:
            raise TooLarge
        return message

    return limited


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(pair for pair in _HEADERS if pair[0] not in given)]
        await send(message)

    return send_with_headers
