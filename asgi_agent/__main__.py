"""The command: `asgi-agent serve [module:agent]`, also as `python -m asgi_agent`."""

import argparse
import asyncio
import contextlib
import importlib
import logging
import re
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Any, ParamSpec, TypeAlias, TypeVar

from .agents.demo import demo
from .app import AgentApp, create_app
from .errors import UsageError

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger("asgi_agent")

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
FAREWELL_SECONDS = 2  # for clients to read what was said last, when all runs have ended

Drained: TypeAlias = Callable[[], Awaitable[None]]  # returns when the server is to stop
Serve: TypeAlias = Callable[[AgentApp, socket.socket, Drained], Awaitable[None]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0, 1 if it failed, or 2 if it was not understood."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        app = _load(options.agent)
        asyncio.run(_serve(app, options.host, options.port, HOST_PROGRAMS[options.host_program]))
    except ImportError as error:
        print(f"asgi-agent: {error}; pip install 'asgi_agent[serve]'", file=sys.stderr)
        return 2
    except UsageError as error:
        print(f"asgi-agent: {error}", file=sys.stderr)
        return 2
    except (OSError, UnicodeError) as error:  # such as a port that is in use, or no address
        print(f"asgi-agent: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("asgi-agent", description="Stream any AI agent over ASGI.")
    serve = parser.add_subparsers(required=True, metavar="serve").add_parser(
        "serve", help="serve an agent over SSE and WebSocket"
    )
    serve.add_argument(
        "agent", nargs="?", metavar="module:agent", help="what to serve (the embedded demo agent)"
    )
    serve.add_argument("--host", default="127.0.0.1", help="the address to bind (%(default)s)")
    serve.add_argument(
        "--port", type=_port, default=8000, help="the port to bind (%(default)s); 0 for a free one"
    )
    serve.add_argument(
        "--host-program", choices=sorted(HOST_PROGRAMS), default="uvicorn", help="(%(default)s)"
    )
    return parser


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535: {text[:80]!r}")
    return int(text)


def _load(name: str | None) -> AgentApp:
    if name is None:
        return create_app(demo)
    module, _, attribute = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = getattr(importlib.import_module(module), attribute or "agent")
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"cannot load {name!r}: {error}") from error
    return found if isinstance(found, AgentApp) else create_app(found)


async def _serve(app: AgentApp, host: str, port: int, serve: Serve) -> None:
    """Serve until a signal; then end every run, so that no open stream holds the host up."""
    app.signals.is_enabled = False  # here they are ours
    asyncio.get_running_loop().set_default_executor(Threads())
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Bound here, because a server that cannot bind would end the process in its own way.
    with socket.create_server((host, port), family=family) as bound, _stop_signals() as signals:
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{bound.getsockname()[1]}/"
        log.info("Serving %s on %s", app.service.agent_name, url)
        await serve(app, bound, _until_drained(app, signals))
    log.info("Stopped")


@contextlib.contextmanager
def _stop_signals() -> Generator[asyncio.Queue[signal.Signals]]:
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


class Threads(ThreadPoolExecutor):
    """What `asyncio.to_thread` runs in: threads that end with the process, whatever they wait for.

    Those of the standard library are waited for, first by `asyncio.run` and then by Python itself.
    """

    def __init__(self, most: int = 64) -> None:
        super().__init__()  # asyncio takes no other kind; it starts no thread before its `submit`
        self._most = most
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = Semaphore(0)
        self._started = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def call() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001 - it is the caller's
                    future.set_exception(error)

        self._calls.put(call)
        if not self._idle.acquire(blocking=False) and self._started < self._most:
            self._started += 1
            Thread(target=self._work, name=f"call {self._started}", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let idle threads end. None is waited for."""
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # and what it holds
            self._idle.release()


HOST_PROGRAMS: dict[str, Serve] = {"uvicorn": _serve_uvicorn, "hypercorn": _serve_hypercorn}

if __name__ == "__main__":
    sys.exit(main())
