"""Host programs of a few lines each: they hand out what a test says, and keep what was sent."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asgi_agent.asgi import WebSocket
from asgi_agent.asgi.types import ASGIApp, Message, Scope
from asgi_agent.errors import ClientDisconnected, WebSocketDisconnected

EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")
START: Message = {"type": "http.response.start", "status": 200, "headers": [EVENTS]}
END: Message = {"type": "http.response.body", "body": b""}

CONNECT: Message = {"type": "websocket.connect"}
GONE: Message = {"type": "websocket.disconnect", "code": 1001, "reason": "going"}


def text(content: str) -> Message:
    return {"type": "websocket.receive", "text": content}


def websocket_scope(*headers: tuple[bytes, bytes], **keys: Any) -> Scope:
    """Only what every host gives, and `keys`."""
    return {"type": "websocket", "path": "/", "headers": list(headers), **keys}


def http_scope(method: str = "GET", *headers: tuple[bytes, bytes], **keys: Any) -> Scope:
    return {"type": "http", "method": method, "path": "/", "headers": list(headers), **keys}


class Host:
    """Its `receive` gives `incoming`, then waits for ever; its `send` does not wait."""

    def __init__(self, *incoming: Message) -> None:
        self.incoming = list(incoming)
        self.sent: list[Message] = []
        self.receives = 0
        self.pending = 0

    async def receive(self) -> Message:
        self.receives += 1
        if self.incoming:
            return self.incoming.pop(0)
        self.pending += 1
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.pending -= 1
        raise AssertionError("nothing ends this wait")

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def kinds(self) -> list[str]:
        return [message["type"] for message in self.sent]


class BrokenHost(Host):
    """Its `send` raises `error`, from the message number `at` on (the first is 0)."""

    def __init__(self, *incoming: Message, error: Exception, at: int) -> None:
        super().__init__(*incoming)
        self.error = error
        self.at = at

    async def send(self, message: Message) -> None:
        if len(self.sent) >= self.at:
            raise self.error
        await super().send(message)


class CloseWaitsHost(Host):
    """Its `send` of a close waits while a `receive` is pending (granian)."""

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.close" and self.pending:
            await asyncio.get_running_loop().create_future()
        await super().send(message)


class StuckHost(Host):
    """Its `send` never returns while `is_stuck` says so of the message."""

    def __init__(self, *incoming: Message, is_stuck: Callable[[Message], bool]) -> None:
        super().__init__(*incoming)
        self.is_stuck = is_stuck
        self.cancelled = 0

    async def send(self, message: Message) -> None:
        if self.is_stuck(message):
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.cancelled += 1
        await super().send(message)


class Answer:
    """What an application answered to one HTTP request, and how it ended."""

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages
        self.status: int = messages[0]["status"]
        self.headers: list[tuple[bytes, bytes]] = messages[0]["headers"]
        self.body = b"".join(message.get("body", b"") for message in messages[1:])

    def all(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name]

    def one(self, name: bytes) -> bytes | None:
        values = self.all(name)
        assert len(values) <= 1, values
        return values[0] if values else None


async def ask(app: ASGIApp, scope: Scope) -> Answer:
    host = Host({"type": "http.request", "body": b"", "more_body": False})
    await app(scope, host.receive, host.send)
    return Answer(host.sent)


async def opened(host: Host, **options: Any) -> WebSocket:
    websocket = WebSocket(websocket_scope(), host.receive, host.send, **options)
    await websocket.accept()
    return websocket


def of_closed(error: pytest.ExceptionInfo[ClientDisconnected]) -> tuple[int, str]:
    assert isinstance(error.value, WebSocketDisconnected)
    return error.value.code, error.value.reason
