"""A small ASGI application that keeps to all that is asked of one: what mutants are made of.

Each thing that can be wrong is a method of its own.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, ClassVar

from ..wire.asgi import Receive, Scope, Send

HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
ALLOW = (b"allow", b"GET, HEAD, OPTIONS, POST")


class Golden:
    """Answers with some events, a heartbeat and one event more, and echoes what a WebSocket says.

    An event says what the request's body was.
    """

    steps: ClassVar[tuple[tuple[float, str], ...]] = (  # after so many seconds, the event
        *((0.5, "1"), (0.5, "2"), (0.5, "3"), (0.5, "4"), (12.0, ""), (8.0, "5")),
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self.respond(scope, receive, send)
            case "websocket":
                await self.converse(receive, send)
            case "lifespan":
                await self.live(receive, send)
            case kind:
                raise ValueError(f"an unknown protocol: {kind}")

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        content = await self.content(receive)
        match scope["method"]:
            case "OPTIONS":
                await self.start(send, 204, [ALLOW])
            case "HEAD":
                await self.start(send, 200, HEADERS)
            case "GET" | "POST":
                stream = self.stream(scope, send, content.decode())
                await self.while_connected(stream, receive)
                return
            case _:
                await self.start(send, 405, [ALLOW])
        await self.end(send)

    async def content(self, receive: Receive) -> bytes:
        """The whole request body."""
        content = b""
        more = True
        while more:
            message = await receive()
            content += message.get("body", b"")
            more = message.get("more_body", False)
        return content

    async def while_connected(self, work: Awaitable[None], receive: Receive) -> None:
        """Do this until it is done or the client has left, and leave nothing behind."""
        tasks = [asyncio.ensure_future(work), asyncio.ensure_future(self.disconnect(receive))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(OSError, asyncio.CancelledError):  # the client has left: it was cancelled
            tasks[0].result()

    async def disconnect(self, receive: Receive) -> None:
        """Wait until the client has left."""
        message: dict[str, Any] = {}
        while message.get("type") != "http.disconnect":
            message = await receive()

    async def stream(self, scope: Scope, send: Send, said: str) -> None:
        """The response."""
        await self.start(send, 200, self.headers(scope))
        for pause, number in self.steps:
            await asyncio.sleep(pause)
            await self.block(send, f"id: {number}\ndata: {number} {said}\n\n" if number else ":\n")
        await self.end(send)

    def headers(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Those of the stream."""
        return HEADERS

    async def start(self, send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Send the head."""
        await send({"type": "http.response.start", "status": status, "headers": headers})

    async def block(self, send: Send, text: str) -> None:
        """Send some of the body."""
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

    async def end(self, send: Send) -> None:
        """Send what ends the response."""
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def converse(self, receive: Receive, send: Send) -> None:
        """Accept a WebSocket, answer once, and close it."""
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        if message["type"] == "websocket.receive":
            await self.answer(send, message["text"])
            await send({"type": "websocket.close", "code": 1000})

    async def answer(self, send: Send, text: str) -> None:
        """Send this back."""
        await send({"type": "websocket.send", "text": text})

    async def live(self, receive: Receive, send: Send) -> None:
        """Start up, and shut down."""
        message: dict[str, Any] = {}
        while message.get("type") != "lifespan.shutdown":
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
