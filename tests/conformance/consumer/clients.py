"""The small EventSource as a client of the suite: in this process, and behind a test service."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from itertools import count

from sse_conformance.mutants.attendance import Habits
from sse_conformance.wire.http1 import record
from sse_conformance.wire.place import ask
from sse_conformance.wire.playing import Run
from tests.conformance.consumer.event_source import EventSource


class InProcess:
    """It hears in this process, and tells the run."""

    at_once = 50
    grace = 0.0

    def __init__(self, habits: Habits | None = None) -> None:
        self._habits = habits
        self._sources: dict[str, EventSource] = {}

    async def open(self, run: Run, types: Sequence[str]) -> str:
        numbers = count(1)

        def hear(told: dict[str, object]) -> None:
            run.hear(str(next(numbers)), json.dumps(told).encode())

        self._sources[run.token] = EventSource(run.stream_url, hear, self._habits)
        return run.token

    async def close(self, stream: str) -> None:
        await self._sources[stream].close()

    async def end(self) -> None:
        """End all, also what goes on after it was closed."""
        for source in self._sources.values():
            await source.end()


class TestService:
    """LaunchDarkly's contract, from the other side."""

    __test__ = False

    def __init__(self, capabilities: Sequence[str] = ()) -> None:
        self._status = json.dumps({"name": "small", "capabilities": list(capabilities)}).encode()
        self._sources: dict[str, EventSource] = {}
        self._numbers = count(1)
        self._telling: set[asyncio.Task[None]] = set()
        self.commands: list[object] = []
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        method, target, _ = head.split(" ", 2)
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
        content = await reader.readexactly(length)
        status, location, told = self._act(method.upper(), target, content)
        lines = [f"HTTP/1.1 {status} ", f"Location: {location}", f"Content-Length: {len(told)}"]
        writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode() + told)
        await writer.drain()
        writer.close()

    def _act(self, method: str, target: str, content: bytes) -> tuple[int, str, bytes]:
        match method, target:
            case "GET", "/":
                return 200, "", self._status
            case "POST", "/":
                stream = f"/{next(self._numbers)}"
                self._open(stream, json.loads(content))
                return 201, stream, b""
            case "POST", stream if stream in self._sources:
                self.commands.append(json.loads(content))
                return 202, "", b""
            case "DELETE", stream if stream in self._sources:
                self._wait_for(self._sources.pop(stream).close())
                return 204, "", b""
            case _:
                return 404, "", b""

    def _open(self, stream: str, wanted: dict[str, str]) -> None:
        numbers = count(1)

        def hear(told: dict[str, object]) -> None:
            url = f"{wanted['callbackUrl']}/{next(numbers)}"
            request = ask(url, method="POST", content=json.dumps(told).encode())
            self._wait_for(self._tell(url, request))

        self._sources[stream] = EventSource(wanted["streamUrl"], hear)

    async def _tell(self, url: str, request: object) -> None:
        await asyncio.to_thread(record, url, request)

    def _wait_for(self, work: object) -> None:
        task = asyncio.ensure_future(work)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def end(self) -> None:
        for source in self._sources.values():
            await source.end()
        await asyncio.gather(*self._telling)


@asynccontextmanager
async def served(service: TestService) -> AsyncGenerator[str, None]:
    """The service at its URL."""
    server = await asyncio.start_server(service.answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await service.end()
