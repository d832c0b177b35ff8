"""The subjects: each answers a request with the tokens of the script in its path.

The event is `event: text`, `data: {"content": "tok"}` for all of them. The bare loop, to which all
are compared, sends one constant chunk per event and does nothing else. Before the gate every
stream says one comment, so that the client knows that it is there.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocket

from asgi_agent import Comment, Event, EventStream, ServerConfig, create_app
from asgi_agent.asgi import ASGIApp, Receive, Scope, Send

from .script import Script, agent_of, gated

HEARTBEAT_SECONDS = int(os.environ.get("HEARTBEAT_SECONDS", "15"))
HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
START = {"type": "http.response.start", "status": 200, "headers": HEADERS}
END = {"type": "http.response.body", "body": b"", "more_body": False}
DONE = '{"t":"done"}'  # the message after which a client of a WebSocket leaves


def body(chunk: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": chunk, "more_body": True}


EVENT = b'event: text\ndata: {"content": "tok"}\n\n'
HELLO, CHUNK = body(b":\n"), body(EVENT)


def timed_chunk() -> dict[str, object]:
    return body(b'event: text\ndata: {"content": "%d"}\n\n' % time.monotonic_ns())


async def bare_loop(scope: Scope, receive: Receive, send: Send) -> None:
    script = Script.of(scope)
    await send(START)
    if script.gated:
        await send(HELLO)
    await script.begin()
    for _ in script.bursts:
        for _ in range(script.burst):
            await send(timed_chunk() if script.pause else CHUNK)
        if script.every:
            await asyncio.sleep(script.pause)
    await send(END)


async def one_send(scope: Scope, receive: Receive, send: Send) -> None:
    """The least that a short answer can cost: all of it at once, constant, with its end."""
    await send(START)
    whole = EVENT * Script.of(scope).count
    await send({"type": "http.response.body", "body": whole, "more_body": False})


async def events(scope: Scope) -> AsyncGenerator[Event | Comment, None]:
    script = Script.of(scope)
    if script.gated:
        yield Comment()
    async for token in script.tokens():
        yield Event(f'{{"content": "{token}"}}', event="text")


async def starlette(scope: Scope, receive: Receive, send: Send) -> None:
    async def lines() -> AsyncGenerator[str, None]:
        script = Script.of(scope)
        if script.gated:
            yield ":\n"
        async for token in script.tokens():
            yield f'event: text\ndata: {{"content": "{token}"}}\n\n'

    response = StreamingResponse(lines(), media_type="text/event-stream")
    await response(scope, receive, send)


async def sse_starlette(scope: Scope, receive: Receive, send: Send) -> None:
    async def server_sent() -> AsyncGenerator[ServerSentEvent, None]:
        script = Script.of(scope)
        if script.gated:
            yield ServerSentEvent(comment="")
        async for token in script.tokens():
            yield ServerSentEvent(f'{{"content": "{token}"}}', event="text")

    response = EventSourceResponse(server_sent(), ping=HEARTBEAT_SECONDS)
    await response(scope, receive, send)


async def bare_socket(scope: Scope, receive: Receive, send: Send) -> None:
    message = {"type": "websocket.send", "text": '{"t":"text","c":"tok"}'}
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    script = Script.parse(json.loads((await receive())["text"])["prompt"])
    for _ in script.bursts:
        for _ in range(script.burst):
            await send(message)
        if script.every:
            await asyncio.sleep(script.pause)
    await send({"type": "websocket.send", "text": DONE})
    await receive()


async def starlette_socket(scope: Scope, receive: Receive, send: Send) -> None:
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    script = Script.parse((await socket.receive_json())["prompt"])
    async for token in script.tokens():
        await socket.send_text(f'{{"t":"text","c":"{token}"}}')
    await socket.send_text(DONE)
    await socket.receive()


class Fanned:
    """One producer, a queue for each follower: what fan-out is compared to."""

    def __init__(self) -> None:
        self._queues: list[asyncio.Queue[str | None]] = []
        self._producer: asyncio.Task[None] | None = None

    def follow(self, script: Script) -> asyncio.Queue[str | None]:
        if self._producer is None:
            self._producer = asyncio.create_task(self._produce(script))
        self._queues.append(asyncio.Queue())
        return self._queues[-1]

    async def _produce(self, script: Script) -> None:
        async for token in script.tokens():
            for queue in self._queues:
                queue.put_nowait(token)
        for queue in self._queues:
            queue.put_nowait(None)
        self._queues, self._producer = [], None


fanned = Fanned()


async def queues(scope: Scope, receive: Receive, send: Send) -> None:
    queue = fanned.follow(Script.of(scope))
    await send(START)
    await send(HELLO)
    while await queue.get() is not None:
        await send(CHUNK)
    await send(END)


async def starlette_queues(scope: Scope, receive: Receive, send: Send) -> None:
    async def lines() -> AsyncGenerator[str, None]:
        queue = fanned.follow(Script.of(scope))
        yield ":\n"
        while (token := await queue.get()) is not None:
            yield f'event: text\ndata: {{"content": "{token}"}}\n\n'

    response = StreamingResponse(lines(), media_type="text/event-stream")
    await response(scope, receive, send)


CONFIG = ServerConfig(
    max_concurrent_sessions=10_000, max_idle_sessions=100, heartbeat_seconds=HEARTBEAT_SECONDS
)
SUBJECTS: dict[str, ASGIApp] = {
    "bare loop": bare_loop,
    "one send": one_send,
    "event stream": EventStream(events, heartbeat=HEARTBEAT_SECONDS),
    "product": create_app(agent_of, CONFIG),
    "starlette": starlette,
    "sse-starlette": sse_starlette,
    "bare socket": bare_socket,
    "starlette socket": starlette_socket,
    "queues": queues,
    "starlette queues": starlette_queues,
}
app = gated(SUBJECTS[os.environ.get("SUBJECT", "bare loop")])
