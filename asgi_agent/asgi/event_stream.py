"""An event stream as an ASGI application: WHATWG HTML 9.2, over `send`.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
from collections.abc import AsyncIterable, Callable, Iterable
from typing import TypeAlias

from ..sse import HEARTBEAT, Comment, Event
from .lifespan import lifespan
from .silence import checked
from .streaming import StreamingResponse
from .types import Headers, Receive, Scope, Send
from .websocket import WebSocket

HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    # RFC 9111, 5.2.2.4; and no-transform (5.2.2.6): a proxy that compresses also buffers.
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx buffers a proxied response otherwise
]
HEARTBEAT_SECONDS = 4.0

Streamable: TypeAlias = Event | Comment | bytes
Events: TypeAlias = AsyncIterable[Streamable]


def failure(_: Exception) -> Event:
    """The last event of a stream whose source failed. What failed stays in our log."""
    return Event(json.dumps({"error": "The stream failed."}), event="error")


class EventStream:
    """An ASGI application that answers with an event stream.

    `events` yields `Event`, `Comment`, or bytes that are whole events already. Give a function of
    the scope in its place, and every request has a stream of its own. The stream ends with its
    events, or as soon as the client disconnects; the iterator is closed in either case.

    All is sent from one place, so a heartbeat never cuts an event in two. The headers leave at once
    with a first comment, because some hosts hold them back until there is a body.
    """

    def __init__(
        self,
        events: Events | Callable[[Scope], Events],
        *,
        heartbeat: float = HEARTBEAT_SECONDS,
        headers: Iterable[tuple[bytes, bytes]] = (),
        failure: Callable[[Exception], Event] = failure,
    ) -> None:
        self._events = events
        self._heartbeat = checked(heartbeat)
        self._headers = [*HEADERS, *headers]
        self._failure = failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self._respond(scope, receive, send)
            case "lifespan":  # where this is the whole application
                await lifespan(receive, send)
            case _:
                await WebSocket(scope, receive, send).deny(404)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        events = self._events(scope) if callable(self._events) else self._events
        response = StreamingResponse(
            events,
            encode,
            headers=self._headers,
            idle=HEARTBEAT.encode(),
            idle_seconds=self._heartbeat,
            failed=lambda error: self._failure(error).encode(),
        )
        await response(scope, receive, send)


def encode(item: Streamable) -> bytes:
    """The item as bytes of an event stream."""
    return item if isinstance(item, bytes) else item.encode()
