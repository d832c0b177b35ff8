"""The host programs that `asgi-agent serve` runs, and how they stop: after every run has ended."""

import asyncio
import contextlib
import importlib
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Generator
from typing import TypeAlias

from ..app import AgentApp
from .threads import Threads

log = logging.getLogger("asgi_agent")

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
FAREWELL_SECONDS = 2  # for clients to read what was said last, when all runs have ended

Drained: TypeAlias = Callable[[], Awaitable[None]]  # returns when the server is to stop
Serve: TypeAlias = Callable[[AgentApp, socket.socket, Drained], Awaitable[None]]


async def serve(
    app: AgentApp, bound: socket.socket, program: Serve, parent: int | None = None
) -> None:
    """Serve until a signal; then end every run, so that no open stream holds the host up.

    `parent` is a file that becomes readable when the process that started this one has ended.
    """
    app.signals.is_enabled = False  # here they are ours
    loop = asyncio.get_running_loop()
    loop.set_default_executor(Threads())
    with bound, stop_signals() as signals:
        if parent is not None:
            loop.add_reader(parent, _orphaned, parent, signals)
        log.info("Serving %s on %s", app.service.agent_name, url_of(bound))
        await program(app, bound, _until_drained(app, signals))
    log.info("Stopped")


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens. A host program that cannot bind would end the process in its own way.

    Raises `OSError`, or `UnicodeError` for what can be no name of a host.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def url_of(bound: socket.socket) -> str:
    """Where a person finds what is served on the socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


@contextlib.contextmanager
def stop_signals() -> Generator[asyncio.Queue[signal.Signals]]:
    """The signals that tell us to stop, as they come. At the end they are whose they were."""
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    before = {each: signal.getsignal(each) for each in STOP_SIGNALS}
    for each in STOP_SIGNALS:
        loop.add_signal_handler(each, signals.put_nowait, each)
    try:
        yield signals
    finally:
        for each, handler in before.items():
            loop.remove_signal_handler(each)
            signal.signal(each, handler)


def _orphaned(parent: int, signals: asyncio.Queue[signal.Signals]) -> None:
    asyncio.get_running_loop().remove_reader(parent)
    log.warning("The supervisor has ended")
    signals.put_nowait(signal.SIGTERM)


def _until_drained(app: AgentApp, signals: asyncio.Queue[signal.Signals]) -> Drained:
    async def until_drained() -> None:
        received = await signals.get()
        log.info("%s: stopping", received.name)
        # Ctrl-C: a person waits. SIGTERM: a supervisor does, and gives the runs some time.
        draining = asyncio.create_task(app.drain(0 if received is signal.SIGINT else None))
        again = asyncio.create_task(signals.get())
        await asyncio.wait({draining, again}, return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        if not draining.done():
            draining.cancel()
            await app.drain(0)

    return until_drained


async def _serve_uvicorn(app: AgentApp, bound: socket.socket, until_drained: Drained) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None]:
            yield  # the signals are ours

    server = Server(
        uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=FAREWELL_SECONDS)
    )
    serving = asyncio.create_task(server.serve([bound]))
    stopping = asyncio.ensure_future(until_drained())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving


async def _serve_hypercorn(app: AgentApp, bound: socket.socket, until_drained: Drained) -> None:
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{bound.detach()}"]  # it makes a socket of its own from it
    config.graceful_timeout = FAREWELL_SECONDS
    config.accesslog = logging.getLogger("hypercorn.access")
    config.errorlog = logging.getLogger("hypercorn.error")
    serve = importlib.import_module("hypercorn.asyncio").serve  # its types are half unknown
    stopping = asyncio.Event()

    async def until_stopping() -> None:
        await until_drained()
        stopping.set()

    serving = asyncio.create_task(serve(app, config, shutdown_trigger=until_stopping))
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    # After its own timeout it waits for ever for a client that does not read.
    await asyncio.wait({serving}, timeout=2 * FAREWELL_SECONDS)
    if serving.done():
        await serving
    else:
        log.warning("Some clients do not read: they are cut off")
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


HOST_PROGRAMS: dict[str, Serve] = {"uvicorn": _serve_uvicorn, "hypercorn": _serve_hypercorn}
