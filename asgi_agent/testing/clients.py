"""What a test holds in its hand: a response, a stream that is still open, a WebSocket session."""

import json
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from ..asgi.types import Headers, Message
from ..sse import Event, EventStreamDecoder
from .connection import Connection

ABNORMAL = 1006  # RFC 6455, 7.4.1: "closed abnormally, e.g., without […] a Close control frame"


class WebSocketClosed(Exception):
    """The application has closed the WebSocket; 1006 if it did so without a word."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Response:
    """A response that has been read to its end."""

    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode()

    def json(self) -> Any:
        """The value that the body is the JSON of."""
        return json.loads(self.body)

    def events(self) -> list[Event]:
        """The events of a body that is an event stream."""
        return EventStreamDecoder().feed(self.body)


class Stream:
    """A response that is read while it is sent. If none came, its status is 0."""

    def __init__(self, connection: Connection, start: Message | None) -> None:
        self.status: int = start["status"] if start else 0
        self.headers = decoded(start["headers"]) if start else {}
        self._connection = connection
        self._decoder = EventStreamDecoder()
        self._events = deque[Event]()

    @property
    def complete(self) -> bool:
        """Whether the app has sent the last of its body."""
        return self._connection.rules.done

    async def read(self) -> bytes:
        """The next body that is not empty, as it was sent; b"" at the end."""
        while (message := await self._connection.read()) is not None:
            body: bytes = message.get("body", b"")
            if body:
                return body
        return b""

    def events(self) -> Self:
        """Iterate over the events. A second loop goes on where the first has broken off."""
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            chunk = await self.read()
            if not chunk:
                raise StopAsyncIteration
            self._events += self._decoder.feed(chunk)
        return self._events.popleft()

    def disconnect(self) -> None:
        """Leave, as a closed tab does. What was sent before can still be read."""
        self._connection.leave()

    async def rest(self) -> Response:
        """Read to the end."""
        chunks: list[bytes] = []
        while chunk := await self.read():
            chunks.append(chunk)
        return Response(self.status, self.headers, b"".join(chunks))


class WebSocketSession:
    """The client's end of a WebSocket; if it was not accepted, `denial` is what came instead."""

    def __init__(self, connection: Connection) -> None:
        self.accepted = False
        self.subprotocol: str | None = None
        self.headers: dict[str, str] = {}
        self.denial: Response | None = None
        self.close_code: int | None = None
        self._connection = connection

    @classmethod
    async def opened(cls, connection: Connection) -> Self:
        """The session once the app has answered the handshake, or has failed to."""
        session = cls(connection)
        answer: Message = await connection.read() or {}
        match answer.get("type"):
            case "websocket.accept":
                session.accepted = True
                session.subprotocol = answer.get("subprotocol")
                session.headers = decoded(answer.get("headers", []))
            case "websocket.http.response.start":
                session.denial = await Stream(connection, answer).rest()
            case "websocket.close":
                session.denial = Response(403)  # as every host answers then
            case _:
                pass  # the app has ended; why, is raised at the exit
        return session

    async def send_text(self, text: str) -> None:
        """Send a text message."""
        self._put({"text": text}, {"bytes": None})

    async def send_json(self, value: object) -> None:
        """Send a value as the JSON of a text message."""
        await self.send_text(json.dumps(value))

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self._put({"bytes": data}, {"text": None})

    def _put(self, content: Message, other: Message) -> None:
        if self._connection.left:
            raise WebSocketClosed(self.close_code or ABNORMAL, "")
        if not self._connection.behaviour.both_keys:
            other = {}
        self._connection.put({"type": "websocket.receive", **content, **other})

    async def receive(self) -> str | bytes:
        """The next message; raise `WebSocketClosed` if there is none, and set `close_code`."""
        end: Message = {"code": self.close_code or ABNORMAL}
        match message := await self._connection.read() or end:
            case {"text": str(text)}:
                return text
            case {"bytes": bytes(data)}:
                return data
            case _:
                self.close_code = code = message.get("code", 1000)
                raise WebSocketClosed(code, message.get("reason") or "")

    async def receive_json(self) -> Any:
        """The value that the next message is the JSON of."""
        return json.loads(await self.receive())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and drop what was not received. If the app was first, `close_code` is its own."""
        self._connection.leave({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.close_code = self.close_code or code
        with suppress(WebSocketClosed):
            while True:
                await self.receive()

    def disconnect(self) -> None:
        """Vanish without a Close frame: the app gets code 1006."""
        self._connection.leave()


def decoded(headers: Headers) -> dict[str, str]:
    """Headers as text. RFC 9110, 5.3: fields of the same name are one list, joined by commas."""
    fields: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        fields[key] = f"{fields[key]}, {text}" if key in fields else text
    return fields
