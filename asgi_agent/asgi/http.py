"""HTTP over ASGI: read a request, answer it at once.

https://asgi.readthedocs.io/en/latest/specs/www.html#http
"""

import json
import logging
from collections.abc import Iterable
from typing import Any

from ..errors import BodyTooLarge, ClientDisconnected, UnsupportedContentCoding, UsageError
from .types import Headers, Receive, Scope, Send

log = logging.getLogger("asgi_agent")

JSON_TYPE = b"application/json"
BODILESS = (204, 304)  # RFC 9110, 15.3.5 and 15.4.5: the response "cannot contain content"


def header(scope: Scope, name: bytes) -> str | None:
    """The value of the first header called `name` (in lower case), or None.

    Host programs give names in lower case and values as the bytes they received; RFC 9110, 5.5
    calls what is not ASCII in them opaque, and latin-1 loses none of it.
    """
    for key, value in scope["headers"]:
        if bytes(key) == name:
            # RFC 9110, 5.5: "A field value does not include leading or trailing whitespace": not
            # all hosts have taken it off.
            return bytes(value).strip(b" \t").decode("latin-1")
    return None


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole request body.

    Raises `BodyTooLarge` as soon as it is known to pass `limit` bytes, `UnsupportedContentCoding`
    where it is compressed, and `ClientDisconnected` where the client leaves before its end: half a
    body is never handed on.
    """
    coding = header(scope, b"content-encoding") or "identity"
    if coding.lower() != "identity":
        raise UnsupportedContentCoding(f"The content coding must be identity: {coding[:80]!r}.")
    announced = header(scope, b"content-length") or ""
    if announced.isdecimal() and len(announced) < 20 and int(announced) > limit:
        raise BodyTooLarge(f"the body may have {limit} bytes")
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("the client left before the end of its request")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise BodyTooLarge(f"the body may have {limit} bytes")
        more = message.get("more_body", False)
    return b"".join(parts)


class Response:
    """An ASGI application that answers with a body that is already there."""

    def __init__(
        self, body: bytes = b"", status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        if body and status in BODILESS:
            raise UsageError(f"a response with status {status} has no body: {body[:100]!r}")
        self.body = body
        self.status = status
        # "A list": host programs drop any other iterable in silence, or refuse it.
        self.headers: Headers = list(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = list(self.headers)
        if self.status not in BODILESS:  # RFC 9110, 8.6: no Content-Length with 204
            headers.append((b"content-length", str(len(self.body)).encode()))
        start = {"type": "http.response.start", "status": self.status, "headers": headers}
        # RFC 9110, 9.3.2: "the server MUST NOT send content in the response" to HEAD.
        body = b"" if scope["method"] == "HEAD" else self.body
        try:
            await send(start)
            await send({"type": "http.response.body", "body": body, "more_body": False})
        except Exception:  # OSError by the specification; hosts raise others too
            log.debug("send() failed: the client has left", exc_info=True)


class JSONResponse(Response):
    """A `Response` whose body is `content` as JSON."""

    def __init__(
        self, content: Any, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        body = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
        super().__init__(body, status, [(b"content-type", JSON_TYPE), *headers])
