"""The command: `asgi-agent serve [module:agent]`, also as `python -m asgi_agent`."""

import argparse
import asyncio
import contextlib
import importlib
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Generator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from .agents.demo import demo
from .app import AgentApp, create_app
from .errors import UsageError

log = logging.getLogger("asgi_agent")

FAREWELL_SECONDS = 2  # for clients to read what was said last, when all runs have ended

Drained: TypeAlias = Callable[[], Awaitable[None]]  # returns when the server is to stop
Serve: TypeAlias = Callable[[AgentApp, str, int, Drained], Awaitable[None]]


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
    except OSError as error:  # such as a port that is in use
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
    serve.add_argument("--port", type=int, default=8000, help="the port to bind (%(default)s)")
    serve.add_argument(
        "--host-program", choices=sorted(HOST_PROGRAMS), default="uvicorn", help="(%(default)s)"
    )
    return parser


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
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, signals.put_nowait, each)

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

    log.info("Serving %s on http://%s:%d/", app.service.agent_name, host, port)
    await serve(app, host, port, until_drained)
    log.info("Stopped")


async def _serve_uvicorn(app: AgentApp, host: str, port: int, until_drained: Drained) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None]:
            yield  # the signals are ours

    server = Server(
        uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=FAREWELL_SECONDS)
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Bound here, because a server that cannot bind would end the process in its own way.
    with socket.create_server((host, port), family=family, backlog=server.config.backlog) as bound:
        serving = asyncio.create_task(server.serve([bound]))
        stopping = asyncio.ensure_future(until_drained())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        server.should_exit = True
        await serving


async def _serve_hypercorn(app: AgentApp, host: str, port: int, until_drained: Drained) -> None:
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"{host}:{port}"]
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

if __name__ == "__main__":
    sys.exit(main())
