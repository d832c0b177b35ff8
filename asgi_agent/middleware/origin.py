"""Refuse what another site's page sends on its visitor's behalf.

A browser lets any page open a WebSocket and send a form to any server, and tells the server only
in the Origin header (RFC 6454, 7) whose page it was.
"""

import re
from collections.abc import Iterable, Sequence

from ..asgi.http import JSONResponse, header
from ..asgi.types import ASGIApp, Receive, Scope, Send
from ..asgi.websocket import WebSocket
from ..errors import UsageError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110, 9.2.1
DEFAULT_PORTS = {"http": ":80", "ws": ":80", "https": ":443", "wss": ":443"}
ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]+)?)"
)

REFUSED = JSONResponse({"error": "requests from this origin are not allowed"}, status=403)


class Origin:
    """Let through what no browser sent, what a page of the same host sent, or a listed origin.

    It asks WebSocket handshakes and all methods but the safe ones; refused are a WebSocket before
    it is accepted and a request before `app` sees it, with 403. `"*"` allows any origin to send
    requests, which CORS and the content type guard, but not to open WebSockets, which nothing
    guards. The same host is what the Host header says; that the host is yours (DNS rebinding) is
    for the proxy in front, or authentication, to make sure of.
    """

    def __init__(self, app: ASGIApp, *, allow_origins: Sequence[str] = ()) -> None:
        self.app = app
        self.allow_origins = checked_origins(allow_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_asked(scope) or origin_allowed(scope, self.allow_origins):
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await REFUSED(scope, receive, send)
        else:
            websocket = WebSocket(scope, receive, send)
            await websocket.deny(REFUSED.status, headers=REFUSED.headers, body=REFUSED.body)


def origin_allowed(scope: Scope, allow_origins: Iterable[str]) -> bool:
    """Whether the origin of this request or handshake is absent, the same host, or listed."""
    origin = header(scope, b"origin")
    if origin is None or origin in allow_origins:
        return True
    if scope["type"] == "http" and "*" in allow_origins:
        return True
    return _is_same_host(scope, origin)


def checked_origins(allow_origins: Iterable[str]) -> tuple[str, ...]:
    """`allow_origins`, if each can be what a browser sends; else `UsageError`.

    One that no browser sends would never match, and nobody would see why.
    """
    if isinstance(allow_origins, str):
        raise UsageError(f"allow_origins is a list of origins: {allow_origins!r}")
    origins = tuple(allow_origins)
    for origin in origins:
        match = ORIGIN.fullmatch(origin)
        if origin not in ("*", "null") and (match is None or _is_default_port(match)):
            raise UsageError(
                "an origin is a scheme, a host and a port that is not the scheme's own, in lower "
                f"case and without a path (https://example.org), or 'null', or '*': {origin!r}"
            )
    return origins


def _is_asked(scope: Scope) -> bool:
    if scope["type"] == "http":
        return scope["method"] not in SAFE_METHODS
    return bool(scope["type"] == "websocket")


def _is_same_host(scope: Scope, origin: str) -> bool:
    match = ORIGIN.fullmatch(origin.lower())
    host = header(scope, b"host")
    if match is None or host is None:  # "null" is nobody's host
        return False
    scheme = match["scheme"]
    return _without_port(match["authority"], scheme) == _without_port(
        # Behind a proxy that ends TLS the scope says http, and the port may be the other's.
        *(host.lower(), scheme, scope.get("scheme") or "http")
    )


def _without_port(authority: str, *schemes: str) -> str:
    """`authority` without its port, if that is the default of one of `schemes`."""
    for scheme in schemes:
        authority = authority.removesuffix(DEFAULT_PORTS.get(scheme, "\0"))
    return authority


def _is_default_port(origin: re.Match[str]) -> bool:
    return _without_port(origin["authority"], origin["scheme"]) != origin["authority"]
