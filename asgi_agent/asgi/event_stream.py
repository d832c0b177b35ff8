"""An event stream as an ASGI application: WHATWG HTML 9.2, over `send`.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TypeAlias

from ..errors import UsageError
from ..sse import HEARTBEAT, Comment, Event
from .http import JSONResponse, Response
from .lifespan import lifespan
from .silence import checked
from .streaming import StreamingResponse
from .types import ASGIApp, Headers, Receive, Scope, Send
from .websocket import WebSocket

log = logging.getLogger("asgi_agent")

HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    # RFC 9111, 5.2.2.4; and no-transform (5.2.2.6): a proxy that compresses also buffers.
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx buffers a proxied response otherwise
]
HEARTBEAT_SECONDS = 4.0
# RFC 9110, 15.5.6: with 405 the server "MUST generate an Allow header field".
ALLOW = (b"allow", b"GET, HEAD, POST, OPTIONS")
OPTIONS = Response(status=204, headers=[ALLOW])
UNKNOWN_METHOD = JSONResponse({"error": "Method Not Allowed"}, 405, [ALLOW])
FAILED = JSONResponse({"error": "Internal Server Error"}, 500)

Streamable: TypeAlias = Event | Comment | bytes
Events: TypeAlias = AsyncIterable[Streamable]


def failure(_: Exception) -> Event:
    """The last event of a stream whose source failed. What failed stays in our log."""
    return Event(json.dumps({"error": "The stream failed."}), event="error")


class EventStream:
    """An ASGI application that answers with an event stream.

    `events` yields `Event`, `Comment`, or bytes that are whole events already. Give a function of
    the scope in its place, and every request has a stream of its own; an iterator answers one, and
    all others get 500. The stream ends with its events, or as soon as the client disconnects; the
    iterator is closed in either case. Where the host cancels it, as some do at shutdown, it ends
    after a whole event: `EventSource` comes back, and `interrupted` tells clients that do not.

    All is sent from one place, so a heartbeat never cuts an event in two. The headers leave at once
    with a first comment, because some hosts hold them back until there is a body.
    """

    def __init__(
        self,
        events: Events | Callable[[Scope], Events],
        *,
        heartbeat: float = HEARTBEAT_SECONDS,
        headers: Iterable[tuple[bytes, bytes]] = (),
        failure: Callable[[Exception], Streamable] = failure,
        interrupted: Streamable | Callable[[], Streamable] = b"",
    ) -> None:
        self._events = events
        self._heartbeat = checked(heartbeat)
        self._headers = [*HEADERS, *headers]
        self._failure = failure
        self._interrupted = interrupted if callable(interrupted) else encode(interrupted)
        self._is_used_up = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                response = self._response(scope)
                await response(scope, receive, send)
            case "lifespan":  # where this is the whole application
                await lifespan(receive, send)
            case "websocket":
                await WebSocket(scope, receive, send).deny(404)
            case unknown:
                # ASGI 3.0: "Applications should actively reject any protocol that they do not
                # understand with an exception (of any type)."
                raise UsageError(f"an event stream is no {unknown!r} application")

    def _response(self, scope: Scope) -> ASGIApp:
        if scope["method"] == "OPTIONS":
            return OPTIONS
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return UNKNOWN_METHOD
        if self._is_used_up:
            # Not an empty stream, for which `EventSource` would come back for ever.
            log.error("An iterator answers one request: give EventStream a function of the scope")
            return FAILED
        events = self._events(scope) if callable(self._events) else self._events
        self._is_used_up = isinstance(self._events, AsyncIterator)
        return StreamingResponse(
            events,
            encode,
            headers=self._headers,
            idle=HEARTBEAT.encode(),
            idle_seconds=self._heartbeat,
            failed=lambda error: encode(self._failure(error)),
            interrupted=self._last,
        )

    def _last(self) -> bytes:
        last = self._interrupted
        return encode(last()) if callable(last) else last


def encode(item: object) -> bytes:
    """The item as bytes of an event stream; `UsageError` for what is none of one."""
    if isinstance(item, bytes):
        return item
    if isinstance(item, (Event, Comment)):
        return item.encode()
    raise UsageError(f"an event stream has events, comments and bytes: {item!r}")
