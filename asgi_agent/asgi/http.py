"""HTTP over ASGI: read a request, answer it at once.

https://asgi.readthedocs.io/en/latest/specs/www.html#http
"""

import json
from collections.abc import Iterable
from typing import Any

from ..errors import BodyTooLarge, ClientDisconnected
from .types import Headers, Receive, Scope, Send

JSON_TYPE = b"application/json"


def header(scope: Scope, name: bytes) -> str | None:
    """The value of the first header called `name` (in lower case), or None.

    Host programs give names in lower case and values as the bytes they received; RFC 9110, 5.5
    calls what is not ASCII in them opaque, and latin-1 loses none of it.
    """
    for key, value in scope["headers"]:
        if bytes(key) == name:
            return bytes(value).decode("latin-1")
    return None


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole request body.

    Raises `BodyTooLarge` as soon as it is known to pass `limit` bytes, and `ClientDisconnected`
    where the client leaves before its end: half a body is never handed on.
    """
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
        self.body = body
        self.status = status
        # "A list": host programs drop any other iterable in silence, or refuse it.
        self.headers: Headers = list(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = list(self.headers)
        if self.status not in (204, 304):  # RFC 9110, 8.6: no Content-Length with 204
            headers.append((b"content-length", str(len(self.body)).encode()))
        start = {"type": "http.response.start", "status": self.status, "headers": headers}
        # RFC 9110, 9.3.2: "the server MUST NOT send content in the response" to HEAD.
        body = b"" if scope["method"] == "HEAD" else self.body
        await send(start)
        await send({"type": "http.response.body", "body": body, "more_body": False})


class JSONResponse(Response):
    """A `Response` whose body is `content` as JSON."""

    def __init__(
        self, content: Any, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        body = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
        super().__init__(body, status, [(b"content-type", JSON_TYPE), *headers])
