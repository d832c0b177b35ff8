"""A TCP proxy that cuts connections, each right after certain bytes from the server."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def cutting(port: int, *marks: bytes) -> Iterator[str]:
    """The URL of a proxy of this port. It cuts a connection after each of these marks, once."""
    proxy = _Proxy(port, list(marks))
    thread = threading.Thread(target=asyncio.run, args=[proxy.serve()])
    thread.start()
    proxy.started.wait(5)
    try:
        yield f"http://127.0.0.1:{proxy.port}"
        assert proxy.marks == [], "the server has not said this"
    finally:
        proxy.loop.call_soon_threadsafe(proxy.stop.set)
        thread.join()


class _Proxy:
    def __init__(self, target: int, marks: list[bytes]) -> None:
        self.marks = marks
        self.started = threading.Event()
        self.stop = asyncio.Event()
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]
        self.started.set()
        await self.stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        await asyncio.wait([task])

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source, sink = await asyncio.open_connection("127.0.0.1", self._target)
        up = asyncio.create_task(self._copy(reader, sink))
        try:
            await self._copy_until_a_mark(source, writer)
        finally:
            up.cancel()
            await asyncio.wait([up])
            for each in (writer, sink):
                each.close()
                with suppress(OSError):
                    await each.wait_closed()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await source.read(65536):
                sink.write(chunk)
                await sink.drain()

    async def _copy_until_a_mark(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        seen = b""
        with suppress(OSError):
            while chunk := await source.read(65536):
                seen += chunk
                if self.marks and self.marks[0] in seen:
                    mark = self.marks.pop(0)
                    end = seen.index(mark) + len(mark)
                    sink.write(chunk[: end - len(seen) or None])
                    await sink.drain()
                    return
                sink.write(chunk)
                await sink.drain()
