"""Let pages of other origins read our responses: the CORS protocol of the Fetch standard.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

import re
from collections.abc import Awaitable, Iterable, Sequence

from ..asgi.http import JSONResponse, Response, header
from ..asgi.types import ASGIApp, Headers, Message, Receive, Scope, Send
from ..errors import UsageError
from .origin import checked_origins

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# Last-Event-ID is not CORS-safelisted; Cache-Control is what EventSource polyfills send.
HEADERS = ("authorization", "cache-control", "content-type", "last-event-id", "x-requested-with")

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
SHARING = (  # what the middleware says alone
    b"access-control-allow-origin",
    b"access-control-allow-credentials",
    b"access-control-expose-headers",
)
PREFLIGHT_VARY = b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

DENIED = JSONResponse(
    {"error": "this origin is not allowed"}, status=403, headers=[(b"vary", b"Origin")]
)


class CORS:
    """Share the responses of `app` with `allow_origins`; `["*"]` is all, without credentials.

    A preflight is answered here and never reaches `app`: with 204 and what is allowed, which the
    browser compares with what it asked for, or with 403 where the origin is not allowed. In
    `allow_methods` and `allow_headers` `"*"` allows whatever is asked for. What `app` itself says
    of sharing is replaced. WebSockets are not subject to CORS: see `Origin`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allow_origins: Sequence[str] = (),
        allow_credentials: bool = False,
        allow_methods: Sequence[str] = METHODS,
        allow_headers: Sequence[str] = HEADERS,
        expose_headers: Sequence[str] = (),
        max_age: int = 600,
    ) -> None:
        self.app = app
        self.allow_origins = checked_origins(allow_origins)
        self.allow_any = "*" in self.allow_origins
        # "If credentials mode is "include", then Access-Control-Allow-Origin cannot be *", and an
        # origin reflected in its place would give every page what the visitor may see.
        if self.allow_any and allow_credentials:
            raise UsageError("allow_credentials needs a list of origins, not '*'")
        if max_age < 0:
            raise UsageError(f"max_age is a number of seconds: {max_age}")
        self.allow_credentials = allow_credentials
        self.allow_methods = _joined("allow_methods", allow_methods)
        self.allow_headers = _joined("allow_headers", allow_headers)
        self.expose_headers = _joined("expose_headers", expose_headers)
        self.max_age = str(max_age).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif _is_preflight(scope):
            await self._preflight(scope)(scope, receive, send)
        else:
            await self.app(scope, receive, self._sharing(scope, send))

    def _sharing(self, scope: Scope, send: Send) -> Send:
        shared = self._shared_with(header(scope, b"origin"))
        if shared and self.expose_headers:
            shared.append((b"access-control-expose-headers", self.expose_headers))
        # "Vary" is needed on every response, also on one without CORS headers: a cache would else
        # give what it got for one origin, or for none, to another.
        depends_on_origin = bool(self.allow_origins) and not self.allow_any

        def send_shared(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = _replaced(message.get("headers", ()), shared)
                if depends_on_origin:
                    headers = _varied(headers)
                message = {**message, "headers": headers}
            return send(message)  # not awaited here: a body costs one call more, and no coroutine

        return send_shared

    def _preflight(self, scope: Scope) -> Response:
        shared = self._shared_with(header(scope, b"origin"))
        if not shared:
            # "The server is encouraged to use the 403 status in such HTTP responses", without any
            # of the headers.
            return DENIED
        # "`*`" in a response is no wildcard for requests with credentials, and never one for
        # Authorization; so what is asked for is named.
        methods, names = self.allow_methods, self.allow_headers
        if methods == b"*":
            methods = _raw(scope, b"access-control-request-method")
        if names == b"*":
            names = _raw(scope, b"access-control-request-headers")
        return Response(
            status=204,
            headers=[
                *shared,
                (b"access-control-allow-methods", methods),
                (b"access-control-allow-headers", names),
                (b"access-control-max-age", self.max_age),
                (b"vary", PREFLIGHT_VARY),
            ],
        )

    def _shared_with(self, origin: str | None) -> Headers:
        """The headers that let `origin` read a response; none if it is not allowed."""
        if self.allow_any:
            return [(b"access-control-allow-origin", b"*")]
        if origin is None or origin not in self.allow_origins:
            return []
        shared = [(b"access-control-allow-origin", origin.encode("latin-1"))]
        if self.allow_credentials:
            shared.append((b"access-control-allow-credentials", b"true"))
        return shared


def _is_preflight(scope: Scope) -> bool:
    # "A CORS-preflight request is a CORS request that checks to see if the CORS protocol is
    # understood. It uses `OPTIONS` as method and includes ... `Access-Control-Request-Method`".
    return (
        scope["method"] == "OPTIONS"
        and header(scope, b"origin") is not None
        and header(scope, b"access-control-request-method") is not None
    )


def _raw(scope: Scope, name: bytes) -> bytes:
    return (header(scope, name) or "").encode("latin-1")


def _replaced(headers: Iterable[tuple[bytes, bytes]], shared: Headers) -> Headers:
    return [each for each in headers if each[0].lower() not in SHARING] + shared


def _varied(headers: Headers) -> Headers:
    """`headers`, with Origin among those that the response varies by."""
    varies = [value for name, value in headers if name.lower() == b"vary"]
    names = {name.strip().lower() for value in varies for name in value.split(b",")}
    if not names.isdisjoint({b"*", b"origin"}):
        return headers
    others = [each for each in headers if each[0].lower() != b"vary"]
    return [*others, (b"vary", b", ".join([*varies, b"Origin"]))]


def _joined(option: str, names: Sequence[str]) -> bytes:
    """`names` as a header has them; `*` alone if it is one of them."""
    if isinstance(names, str):
        raise UsageError(f"{option} is a list of names: {names!r}")
    for name in names:
        if not TOKEN.fullmatch(name):
            raise UsageError(f"{option} has a name that no header can carry: {name!r}")
    return b"*" if "*" in names else ", ".join(names).encode()
