"""Cut off a client that does not read, and bound how many streams are open at once.

`await send()` waits while the client does not read; nothing in ASGI says for how long.
"""

import asyncio
import types
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, Self

from ..asgi.http import JSONResponse, header
from ..asgi.types import ASGIApp, Message, Receive, Scope, Send
from ..asgi.websocket import CLOSE_SECONDS, WebSocket
from ..errors import ClientDisconnected, SlowClient, UsageError

SLOW = (
    4408  # the code that closes a slow client's WebSocket: ours, after HTTP's 408 Request Timeout
)
EVENT_STREAM = "text/event-stream"

# RFC 9110, 15.6.4: the server "MAY send a Retry-After header field to suggest an appropriate
# amount of time for the client to wait before retrying".
FULL = JSONResponse(
    {"error": "too many streams are open, try again later"},
    status=503,
    headers=[(b"retry-after", b"1")],
)


class Backpressure:
    """Give a client `patience` seconds to accept one message, and open `max_streams` streams.

    A client that takes longer counts as gone: this `send`, and every later one, raises `SlowClient`
    in `app`, so that it cleans up as after a disconnect. When it has, `SlowClient` is raised to the
    host, which aborts the connection: what was cut off never looks like the end. A WebSocket is
    closed with code 4408 first.

    Streams are WebSockets and responses of type text/event-stream. A handshake, or a request whose
    Accept header names that type (EventSource's does), is refused with 503 before `app` runs. Of
    any other request only the response can tell; where it turns out to be one stream too many, 503
    goes out in its place and `app` finds its client gone: a run that has begun goes on and can be
    followed.
    """

    def __init__(
        self, app: ASGIApp, *, patience: float = 30.0, max_streams: int | None = None
    ) -> None:
        if not 0 < patience < float("inf"):
            raise UsageError(f"patience is a number of seconds: {patience}")
        if max_streams is not None and max_streams < 1:
            raise UsageError(f"max_streams is at least 1, or None: {max_streams}")
        self.app = app
        self.patience = patience
        self.places = Places(max_streams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = _Client(send, self.patience)
        match scope["type"]:
            case "http":
                with Place(self.places) as place:
                    await self._serve_http(scope, receive, client, place)
            case "websocket":
                with Place(self.places) as place:
                    await self._serve_websocket(scope, receive, client, place)
            case _:
                await self.app(scope, receive, send)

    async def _serve_http(
        self, scope: Scope, receive: Receive, client: "_Client", place: "Place"
    ) -> None:
        if _asks_for_stream(scope) and not place.take():
            await FULL(scope, receive, client.send)
            return
        response = _Response(scope, receive, client, place)
        try:
            await self.app(scope, receive, response.send if self.places.most else client.send)
        except ClientDisconnected:
            if not response.is_refused:
                raise
        client.check()

    async def _serve_websocket(
        self, scope: Scope, receive: Receive, client: "_Client", place: "Place"
    ) -> None:
        if not place.take():
            websocket = WebSocket(scope, receive, client.send)
            await websocket.deny(FULL.status, headers=FULL.headers, body=FULL.body)
            return
        try:
            await self.app(scope, receive, client.send)
        finally:  # not before: some hosts send no close while a receive is pending
            if client.is_slow:
                await client.close()
        client.check()


class Places:
    """How many streams are open, and how many may be."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.taken = 0


class Place:
    """At most one of the places: what is taken in a `with` statement is free again after it."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._is_taken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.free()

    def take(self) -> bool:
        """Whether there is a place for us, which is ours from now on."""
        most = self._places.most
        if not self._is_taken and (most is None or self._places.taken < most):
            self._places.taken += 1
            self._is_taken = True
        return self._is_taken

    def free(self) -> None:
        """Give the place back, if we have one."""
        if self._is_taken:
            self._places.taken -= 1
            self._is_taken = False


class _Client:
    """The client, to whom each message is sent in time or not at all."""

    def __init__(self, send: Send, patience: float) -> None:
        self._send = send
        self._patience = patience
        self.is_slow = False

    def check(self) -> None:
        """Raise `SlowClient` if the client was too slow once."""
        if self.is_slow:
            raise SlowClient(f"the client did not accept a message for {self._patience} s")

    async def send(self, message: Message) -> None:
        """Send, in time.

        Nearly every `send` returns without having waited. So its first step is made by hand, and
        only one that has to wait costs a timer.
        """
        self.check()
        steps = self._send(message).__await__()
        try:
            waits_for = next(steps)
        except StopIteration:
            return
        timeout = asyncio.timeout(self._patience)
        try:
            async with timeout:
                await _go_on(steps, waits_for)
        except Exception as error:
            if not timeout.expired():
                raise  # the host's own, which may be a TimeoutError too
            self.is_slow = True
            raise SlowClient(f"{message['type']} took over {self._patience} s") from error

    async def close(self) -> None:
        """Tell a slow client why, if it can be told at once."""
        with suppress(Exception):  # whatever a host raises here: there is nobody left to tell
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send({"type": "websocket.close", "code": SLOW, "reason": "too slow"})


class _Response:
    """A response that takes a place when it turns out to be a stream, or is refused."""

    def __init__(self, scope: Scope, receive: Receive, client: _Client, place: Place) -> None:
        self._scope = scope
        self._receive = receive
        self._client = client
        self._place = place
        self.is_refused = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._scope["method"] == "HEAD" or not _is_stream(message):
                self._place.free()
            elif not self._place.take():
                self.is_refused = True
                await FULL(self._scope, self._receive, self._client.send)
        if self.is_refused:
            raise ClientDisconnected("the response is refused: too many streams are open")
        await self._client.send(message)


def _asks_for_stream(scope: Scope) -> bool:
    return scope["method"] != "HEAD" and EVENT_STREAM in (header(scope, b"accept") or "").lower()


def _is_stream(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.lower().startswith(EVENT_STREAM.encode())
        for name, value in start.get("headers", ())
    )


@types.coroutine
def _go_on(steps: Generator[Any, Any, None], waits_for: object) -> Generator[Any, Any, None]:
    """Await what was stepped by hand once and waits for `waits_for`: `yield from`, begun late."""
    while True:
        step: Callable[[], object] = steps.__next__
        try:
            yield waits_for
        except BaseException as error:  # noqa: BLE001 - a cancellation, or GeneratorExit: the steps'
            step = _thrown(steps, error)
        try:
            waits_for = step()
        except StopIteration:
            return


def _thrown(steps: Generator[Any, Any, None], error: BaseException) -> Callable[[], object]:
    throw = getattr(steps, "throw", None)
    if throw is None:  # granian's awaitables have only `__next__`
        raise error
    return lambda: throw(error)
