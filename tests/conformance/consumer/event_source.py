"""A small EventSource, and the ways in which it may be one that is not sound."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import h11

from asgi_agent import EventStreamDecoder
from asgi_agent.errors import EventTooLarge
from sse_conformance.mutants.attendance import SWIFT, Habits

Hear = Callable[[dict[str, object]], None]


class EventSource:
    """It opens the stream at once, and again and again, until it is closed."""

    def __init__(self, url: str, hear: Hear, habits: Habits | None = None) -> None:
        self._url = url
        self._hear = hear
        self._habits = habits or Habits()
        self._id = ""
        self._delay = 0.05
        self._failures = 0
        self._decoder = EventStreamDecoder()
        self._running = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        if not self._habits.comes_after_closing:
            await self.end()

    async def end(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        comes_again = True
        while comes_again:
            try:
                comes_again = await self._open(self._url)
                self._failures = 0
            except EventTooLarge:
                comes_again = False
            except (OSError, h11.RemoteProtocolError):
                self._failures += 1
                comes_again = not self._habits.gives_up
            self._hear({"kind": "error", "error": "the stream has ended"})
            if self._habits.hammers and self._failures:
                await asyncio.sleep(SWIFT)
            else:
                hurry = 0.1 if self._habits.hurries else 1
                await asyncio.sleep(self._delay * hurry * 2 ** max(self._failures - 1, 0))

    async def _open(self, url: str) -> bool:
        """One request, and those that it is redirected to; whether there is another one to make."""
        place = urlsplit(url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            return await self._read(url, h11.Connection(h11.CLIENT), reader, writer)
        finally:
            writer.close()

    async def _read(
        self,
        url: str,
        connection: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        for event in (self._request(url), h11.EndOfMessage()):
            writer.write(connection.send(event))
        response = await self._next(connection, reader)
        told = dict(response.headers)
        status = response.status_code
        if b"location" in told and not (self._habits.stays and status == 307):
            return await self._open(urljoin(url, told[b"location"].decode()))
        content_type = told.get(b"content-type", b"")
        if not self._is_stream(status, content_type):
            return status == 204 and self._habits.returns_after_204
        if not self._habits.keeps_buffers:
            self._decoder = EventStreamDecoder(
                max_event_bytes=None if self._habits.takes_all else 2**24,
                last_event_id=self._id,
            )
        held: list[dict[str, object]] = []
        while isinstance(data := await self._next(connection, reader), h11.Data):
            held += self._decoded(bytes(data.data), is_other=b"windows" in content_type)
            spared = held[-1:] if self._habits.holds_back else []
            for each in held[: len(held) - len(spared)]:
                self._hear({"kind": "event", "event": each})
            held = spared
        return True

    async def _next(self, connection: h11.Connection, reader: asyncio.StreamReader) -> Any:
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await reader.read(65536))
        return event

    def _request(self, url: str) -> h11.Request:
        place = urlsplit(url)
        fields: list[tuple[str, str | bytes]] = [("Host", place.netloc)]
        if not self._habits.accepts_nothing:
            fields.append(("Accept", "text/event-stream"))
        if self._id or self._habits.sends_an_empty_id:
            fields.append(("Last-Event-ID", self._id.encode()))
        return h11.Request(method="GET", target=place.path, headers=fields)

    def _is_stream(self, status: int, content_type: bytes) -> bool:
        essence = content_type.partition(b";")[0].strip().lower()
        is_stream = status == 200 and essence == b"text/event-stream"
        return is_stream or (self._habits.reads_anything and status not in (204, 205))

    def _decoded(self, data: bytes, *, is_other: bool) -> list[dict[str, object]]:
        events: list[dict[str, object]] = []
        current = self._id
        for event in self._decoder.feed(data):
            current = current if event.id is None else event.id
            text = event.data
            if is_other and self._habits.minds_the_charset:
                text = text.encode().decode("windows-1252")
            events.append({"type": event.event, "data": text, "id": current})
        self._id = self._decoder.last_event_id
        if self._decoder.reconnection_time is not None:
            self._delay = min(self._decoder.reconnection_time, 10_000) / 1000
        return events
