"""What stands before the service: who may ask, how much, how fast, and what browsers may do with the page.

Comes in: every HTTP request and WebSocket. Goes out: the same, or a refusal of one sentence as {"error": ...}.
Always holds: a page of another site can neither read nor command the lamp (no CORS, Host and Origin are checked); where
a token is set, nothing but the page's own files and the health goes out without it; a body is whole before it is read.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import limits
import orjson

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MOST_BODY_BYTES = 64 << 10
_BODY_S = 10.0
SUBPROTOCOL, _TOKEN_PROTOCOL = "lampforge", "bearer."
# A browser cannot send a token before it has the page that asks for it; these files hold no secret.
OPEN = ("/", "/healthz", "/lamp_page/")
_LIMITED = "/program"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


@dataclass(frozen=True)
class Rules:
    """token: what each client must know; None: nothing. only_loopback: names of other machines are no address of ours.

    rate: requests of one client to the model, as "60/minute"; None: 60 a minute for others, no limit on this machine.
    """

    token: str | None = None
    only_loopback: bool = True
    rate: limits.RateLimitItem | None = None


@dataclass(frozen=True)
class Refusal(Exception):  # noqa: N818 - it is what it says
    """A status, one sentence, and further headers."""

    status: int
    line: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Guard:
    """An ASGI application around another one."""

    def __init__(self, app: App, rules: Rules) -> None:
        self._app, self._rules = app, rules
        self._limiter = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())
        self._rate = rules.rate or limits.parse("60/minute")

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        websocket = scope["type"] == "websocket"
        try:
            self._check(scope)
            if not websocket and scope["method"] == "POST":
                receive = await _whole(scope, receive)
        except Refusal as refusal:
            await _refuse(refusal, websocket, send)
            return
        await self._app(scope, receive, send if websocket else _with_headers(send))

    def _check(self, scope: MutableMapping[str, Any]) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        path = scope["path"]
        host = headers.get(b"host", "")
        if self._rules.only_loopback and not is_loopback(_name(host)):
            raise Refusal(421, f"{host[:80]!r} is no address of this service; ask for it as localhost")
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise Refusal(403, f"a page of {origin[:80]!r} may not speak to the lamp")
        if self._rules.token is not None and not _is_open(path):
            self._check_token(scope, headers, self._rules.token)
        if path == _LIMITED and scope.get("method") == "POST":
            self._count(scope)

    def _check_token(self, scope: MutableMapping[str, Any], headers: Mapping[bytes, str], token: str) -> None:
        kind, _, given = headers.get(b"authorization", "").partition(" ")
        candidates = [given] if kind.lower() == "bearer" else []
        candidates += [_decoded(offer) for offer in scope.get("subprotocols", ()) if offer.startswith(_TOKEN_PROTOCOL)]
        if any(secrets.compare_digest(each.encode("latin-1", "replace"), token.encode()) for each in candidates):
            return
        if candidates:
            self._count(scope)  # so that tokens are not guessed
        line = "this token is wrong" if candidates else "a token is needed: send the header Authorization: Bearer TOKEN"
        raise Refusal(401, line, ((b"www-authenticate", b"Bearer"),))

    def _count(self, scope: MutableMapping[str, Any]) -> None:
        host = (scope.get("client") or ("",))[0]
        if self._rules.rate is None and is_loopback(host):
            return
        if not self._limiter.hit(self._rate, _network(host)):
            wait = self._rate.get_expiry()
            line = f"more than {self._rate.amount} requests in {wait} s; wait a little"
            raise Refusal(429, line, ((b"retry-after", str(wait).encode()),))


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine, seen from itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_open(path: str) -> bool:
    return any(path == each or (each != "/" and each.endswith("/") and path.startswith(each)) for each in OPEN)


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _decoded(offer: str) -> str:
    """The token in a WebSocket's subprotocol, where any letter is allowed only in base64url."""
    text = offer.removeprefix(_TOKEN_PROTOCOL)
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("latin-1")
    except ValueError:
        return ""


def _network(host: str) -> str:
    """Whom a limit counts: an IPv4 address, or the 64 bits of an IPv6 network, of which one client has them all."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host


async def _whole(scope: MutableMapping[str, Any], receive: Receive) -> Receive:
    """What gives the body in one piece, and what comes behind it. Raises Refusal where it is too long or too slow."""
    too_long = Refusal(413, f"the body has more than {MOST_BODY_BYTES >> 10} KB; a request is a sentence or two")
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if not length.isdigit() or int(length) > MOST_BODY_BYTES:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            more = True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False) and message["type"] == "http.request"
                if len(body) > MOST_BODY_BYTES:
                    raise too_long
    except TimeoutError:
        line = f"the body did not come within {_BODY_S:.0f} s"
        raise Refusal(408, line, ((b"connection", b"close"),)) from None
    whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def replayed() -> Message:
        return whole.pop() if whole else await receive()

    return replayed


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
        await send(message)

    return sent


async def _refuse(refusal: Refusal, websocket: bool, send: Send) -> None:
    kind = "websocket.http.response" if websocket else "http.response"
    body = orjson.dumps({"error": refusal.line})
    length = (b"content-length", str(len(body)).encode())
    headers = [(b"content-type", b"application/json"), length, *refusal.headers, *_HEADERS]
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
