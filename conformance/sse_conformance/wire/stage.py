"""The server of scenes: it answers clients by scripts, and hears what they tell.

Each scene that is played has a URL for its stream, and one where the client's side tells what has
come: with POST, numbered from 1, as LaunchDarkly's contract for test services has it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

import h11

from ..scenes import Scene
from ..transcript import Request
from .playing import Run, attend

LARGEST = 32 * 1024 * 1024  # of what is posted to us
IDLE = 30.0  # seconds in which a request has to come


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that belongs to no scene."""

    status: int = 200
    type: str = "application/json"
    content: bytes = b""


Pages: TypeAlias = Callable[[Request], Awaitable[Reply]]


async def no_pages(request: Request) -> Reply:
    """There is nothing but scenes."""
    return Reply(404)


class Stage:
    """The server. It ends, with all connections, when its context is left."""

    def __init__(self, pages: Pages = no_pages, host: str = "127.0.0.1", port: int = 0) -> None:
        self._pages = pages
        self._address = (host, port)
        self._runs: dict[str, Run] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self.url = ""  # without a slash at its end

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._meet, *self._address)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    def play(self, scene: Scene) -> Run:
        """Begin a scene."""
        run = Run(scene, self.url, asyncio.get_running_loop().time())
        self._runs[run.token] = run
        return run

    async def end(self, run: Run) -> None:
        """End it. Who comes still finds nothing."""
        await run.end()
        del self._runs[run.token]

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            while True:
                async with asyncio.timeout(IDLE):
                    request = await _request(connection, reader, writer)
                if request is None:
                    break
                run, rest = self._scene_of(request)
                if run is not None and rest is None:
                    await attend(run, request, reader, writer)
                    break
                await _send(connection, writer, await self._reply(request, run, rest))
                if connection.our_state is not h11.DONE:
                    break
                connection.start_next_cycle()
        except (OSError, TimeoutError, h11.ProtocolError):
            pass  # the client has gone, or speaks no HTTP: there is nothing to say to it
        finally:
            writer.close()

    def _scene_of(self, request: Request) -> tuple[Run | None, str | None]:
        """The scene that is meant, and the number of what is told; None for a visit."""
        match request.target.split("/"):
            case ["", "stream", token, *_]:
                return self._runs.get(token), None
            case ["", "told", token, number]:
                return self._runs.get(token), number
            case _:
                return None, None

    async def _reply(self, request: Request, run: Run | None, number: str | None) -> Reply:
        if run is None or number is None:
            return await self._pages(request)
        return Reply(202 if run.hear(number, request.content) else 400)


async def _request(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    """The next request with its content; None if there is no more, or too much."""
    head: h11.Request | None = None
    content = bytearray()
    while len(content) <= LARGEST:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                told = h11.InformationalResponse(status_code=100, headers=[])
                writer.write(connection.send(told) or b"")
            connection.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            content += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _as_recorded(head, bytes(content))
        else:
            break  # the connection has been closed
    return None


def _as_recorded(head: h11.Request, content: bytes) -> Request:
    return Request(
        method=head.method.decode(),
        target=head.target.decode(),
        fields=tuple(head.headers.raw_items()),
        content=content,
        http="1.0" if head.http_version == b"1.0" else "1.1",
    )


async def _send(connection: h11.Connection, writer: asyncio.StreamWriter, reply: Reply) -> None:
    fields = [
        ("Content-Type", reply.type),
        ("Content-Length", str(len(reply.content))),
        ("Cache-Control", "no-store"),
    ]
    head = h11.Response(status_code=reply.status, headers=fields)
    for event in (head, h11.Data(data=reply.content), h11.EndOfMessage()):
        writer.write(connection.send(event) or b"")
    await writer.drain()
