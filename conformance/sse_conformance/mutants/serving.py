"""The golden server's ways to be served: for ever, or for a while, in a thread or a process."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, TypeAlias, cast

from .http import Wire

Connection: TypeAlias = Callable[[Wire], Awaitable[None]]  # serves one, to its end


@asynccontextmanager
async def listening(listener: socket.socket, serve: Connection) -> AsyncGenerator[None, None]:
    """Serve on this socket until the block ends, and then cancel all that is open."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        tasks.add(task)
        # asyncio does this by itself only where the socket says that it is one of TCP.
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(reader, writer)
        try:
            # The client has left, or we end: until 3.12 asyncio cannot bear a cancelled one here.
            with suppress(OSError, asyncio.CancelledError):
                await serve(wire)
        finally:
            tasks.discard(task)
            wire.close()

    server = await asyncio.start_server(connected, sock=listener, backlog=256)
    try:
        yield
    finally:
        server.close()
        await cancelled(*tasks)


async def serve_forever(
    host: str, port: int, serve: Connection, until: Iterable[signal.Signals] = (signal.SIGTERM,)
) -> None:
    """Serve here for ever; in the main thread, until one of these signals."""
    ended = asyncio.Event()
    if threading.current_thread() is threading.main_thread():
        for each in until:
            asyncio.get_running_loop().add_signal_handler(each, ended.set)
    async with listening(socket.create_server((host, port)), serve):
        await ended.wait()


@contextmanager
def in_thread(serve: Connection) -> Generator[str]:
    """Serve on a free port of the loopback interface until the block ends: the URL's beginning."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def work() -> None:
        async with listening(listener, serve):
            await ended.wait()

    thread = threading.Thread(target=_run, args=(loop, work()))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()


@contextmanager
def in_process(module: str, name: str) -> Generator[tuple[str, int]]:
    """Serve what this name of the module makes, in a process: the URL's beginning, and its PID."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    code = f"import asyncio, {module} as m; asyncio.run(m.{name}().serve('127.0.0.1', {port}))"
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)  # noqa: S603 - ours
    try:
        wait_until_listening(port)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.kill()
        process.wait()


def wait_until_listening(port: int, seconds: float = 10.0) -> None:
    """Wait until somebody listens on this port of the loopback interface."""
    until = perf_counter() + seconds
    while perf_counter() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            sleep(0.02)
        else:
            return
    raise TimeoutError(f"nobody listens on port {port}")


async def cancelled(*tasks: asyncio.Future[Any]) -> None:
    """Cancel, and wait until all have stopped."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work)
