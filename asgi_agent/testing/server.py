"""An ASGI server in memory: no sockets, no threads, and as strict as the strictest host.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from json import dumps
from types import EllipsisType
from typing import Any, Self
from urllib.parse import unquote

from ..asgi.types import ASGIApp, Headers, Message, Scope
from .behaviour import Behaviour
from .clients import Response, Stream, WebSocketSession
from .connection import Connection

TextHeaders = Mapping[str, str] | Sequence[tuple[str, str]]

WELL_BRED = Behaviour()
VITAL = {"type", "method", "path", "headers"}  # what every host has in its scope
FAREWELLS: dict[str, Message] = {
    "http": {"type": "http.disconnect"},
    "websocket": {"type": "websocket.disconnect", "code": 1006},  # RFC 6455, 7.1.5: no Close frame
    "lifespan": {"type": "lifespan.shutdown"},
}


class LifespanFailed(Exception):
    """The application says that it could not start up, or could not shut down."""


class Server:
    """Serve `app` while the context is open, with its lifespan if it has one.

    What the app raises, or does against ASGI, is raised where the request, stream or WebSocket
    ends. `notes` tells what is allowed but unwise. `behaviour` is that of every connection that
    is not given its own.
    """

    def __init__(
        self, app: ASGIApp, *, root_path: str = "", behaviour: Behaviour = WELL_BRED
    ) -> None:
        self.app = app
        self.root_path = root_path
        self.behaviour = behaviour
        self.state: dict[str, Any] = {}
        self.notes: list[str] = []
        self._lifespan: Connection | None = None

    async def __aenter__(self) -> Self:
        if self.behaviour.lifespan:
            scope = {"type": "lifespan", "asgi": self._asgi(), "state": self.state}
            lifespan = self._connect(scope, [{"type": "lifespan.startup"}], WELL_BRED)
            if await _answer(lifespan):
                self._lifespan = lifespan
            else:
                # If the application raises, "the server must continue but not send any lifespan
                # events". To return without an answer is taken for the same.
                self.notes.append(f"no lifespan: {await lifespan.outcome()!r}")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._lifespan is not None:
            self._lifespan.put({"type": "lifespan.shutdown"})
            await _answer(self._lifespan)
            await self._lifespan.finish()

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: TextHeaders = (),
        body: bytes | Iterable[bytes] = b"",
        json: object = ...,
        behaviour: Behaviour | None = None,
    ) -> Response:
        """Send a request and read the response to its end, and until the app has ended."""
        async with self.stream(
            method, path, headers=headers, body=body, json=json, behaviour=behaviour
        ) as stream:
            return await stream.rest()

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        headers: TextHeaders = (),
        body: bytes | Iterable[bytes] = b"",
        json: object = ...,
        behaviour: Behaviour | None = None,
    ) -> AsyncGenerator[Stream, None]:
        """Send a request and read the response as it comes; to exit early is to disconnect.

        If the body is several, the app receives them one by one.
        """
        fields = _pairs(headers)
        if not isinstance(json, EllipsisType):
            body = dumps(json).encode()
            fields.append(("content-type", "application/json"))
        parts = [body] if isinstance(body, bytes) else list(body)
        if length := sum(map(len, parts)):
            fields.append(("content-length", str(length)))
        behaviour = behaviour or self.behaviour
        scope = self._scope("http", path, fields, behaviour, method=method, scheme="http")
        connection = self._connect(scope, _requests(parts), behaviour)
        try:
            yield Stream(connection, await connection.read())
        finally:
            await connection.finish()

    @asynccontextmanager
    async def websocket(
        self,
        path: str,
        *,
        headers: TextHeaders = (),
        subprotocols: Sequence[str] = (),
        behaviour: Behaviour | None = None,
    ) -> AsyncGenerator[WebSocketSession, None]:
        """Open a WebSocket; at exit it is closed with code 1000, or in an error with none."""
        fields = _pairs(headers)
        if subprotocols:
            fields.append(("sec-websocket-protocol", ", ".join(subprotocols)))
        behaviour = behaviour or self.behaviour
        own = {"scheme": "ws", "subprotocols": list(subprotocols)}
        extensions = {"websocket.http.response": dict[str, object]()}
        scope = self._scope("websocket", path, fields, behaviour, **own, extensions=extensions)
        connection = self._connect(scope, [{"type": "websocket.connect"}], behaviour)
        try:
            session = await WebSocketSession.opened(connection)
            yield session
            await session.close()
        finally:
            await connection.finish()

    def _scope(
        self,
        kind: str,
        path: str,
        fields: Iterable[tuple[str, str]],
        behaviour: Behaviour,
        **own: object,
    ) -> Scope:
        raw_path, _, query = path.partition("?")
        scope: Scope = {
            "type": kind,
            "asgi": self._asgi(),
            "http_version": "1.1",
            **own,
            "path": unquote(raw_path),
            "raw_path": raw_path.encode(),
            "query_string": query.encode(),
            "root_path": self.root_path,
            "headers": _encoded([("host", "testserver"), *fields]),
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8000),
        }
        if behaviour.lifespan:
            scope["state"] = self.state.copy()  # a shallow one, as the lifespan protocol has it
        if behaviour.minimal_scope:
            scope = {key: value for key, value in scope.items() if key in VITAL}
        return {**scope, **behaviour.scope}

    def _asgi(self) -> dict[str, str]:
        # As most hosts. From 2.4 on, Starlette counts on an OSError from `send` after a disconnect.
        return {"version": "3.0", "spec_version": "2.3"}

    def _connect(self, scope: Scope, inbox: Iterable[Message], behaviour: Behaviour) -> Connection:
        farewell = FAREWELLS[scope["type"]]
        return Connection(
            self.app,
            scope,
            inbox=inbox,
            farewell=farewell,
            behaviour=behaviour,
            notes=self.notes,
        )


async def _answer(lifespan: Connection) -> Message | None:
    """What the app answers to the lifespan message; none if it ends without an answer."""
    answer = await lifespan.read()
    if answer is not None and answer["type"].endswith(".failed"):
        raise LifespanFailed(answer.get("message", "")) from await lifespan.outcome()
    return answer


def _requests(parts: Sequence[bytes]) -> Iterable[Message]:
    for number, part in enumerate(parts or [b""], start=1):
        yield {"type": "http.request", "body": part, "more_body": number < len(parts)}


def _pairs(headers: TextHeaders) -> list[tuple[str, str]]:
    if isinstance(headers, Mapping):
        return list(headers.items())
    return list(headers)


def _encoded(fields: Iterable[tuple[str, str]]) -> Headers:
    # "Header names must be lowercased."
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
