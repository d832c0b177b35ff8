"""The command: `asgi-agent serve [module:agent]`, also as `python -m asgi_agent`."""

import argparse
import asyncio
import importlib
import logging
import re
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .agents.demo import demo
from .app import AgentApp, create_app
from .command.hosts import HOST_PROGRAMS, bind, serve, url_of
from .command.workers import supervise
from .config import ServerConfig
from .errors import UsageError
from .logs import open_log

log = logging.getLogger("asgi_agent")

FORMAT = "%(asctime)s %(levelname)s %(message)s"
WORKER_FORMAT = "%(asctime)s %(levelname)s [%(process)d] %(message)s"
MOST_WORKERS = 256


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0, 1 if it failed, or 2 if it was not understood."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    is_worker = options.worker is not None
    logging.basicConfig(level=logging.INFO, format=WORKER_FORMAT if is_worker else FORMAT)
    try:
        if options.workers > 1 and not is_worker:
            return _supervise(arguments, options)
        _serve(options)
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


def _serve(options: argparse.Namespace) -> None:
    app = _load(options.agent, options.store)
    program = HOST_PROGRAMS[options.host_program]
    if options.worker is None:
        bound, parent = bind(options.host, options.port), None
    else:
        file, parent = options.worker
        bound = socket.socket(fileno=file)
    asyncio.run(serve(app, bound, program, parent))


def _supervise(arguments: Sequence[str], options: argparse.Namespace) -> int:
    if not _load(options.agent, options.store).log.is_shared:
        raise UsageError("several workers need a --store that they share: sqlite: or redis:")
    bound = bind(options.host, options.port)
    log.info("Serving with %d workers on %s", options.workers, url_of(bound))
    command = [sys.executable, "-m", "asgi_agent", *arguments, "--worker"]
    return asyncio.run(supervise(command, bound, options.workers))


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
    serve.add_argument(
        "--store",
        default="memory:",
        metavar="URL",
        help="where runs are kept: memory:, sqlite:///file.db or redis://host (%(default)s)",
    )
    serve.add_argument(
        "--workers", type=_count, default=1, help="processes; more than one need a shared store"
    )
    serve.add_argument("--worker", nargs=2, type=int, help=argparse.SUPPRESS)
    return parser


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535: {text[:80]!r}")
    return int(text)


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"1 to {MOST_WORKERS} workers: {text[:80]!r}")
    return int(text)


def _load(name: str | None, store: str) -> AgentApp:
    found: Any = demo
    if name is not None:
        module, _, attribute = name.partition(":")
        sys.path.insert(0, str(Path.cwd()))
        try:
            found = getattr(importlib.import_module(module), attribute or "agent")
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            raise UsageError(f"cannot load {name!r}: {error}") from error
    config = ServerConfig()
    if not isinstance(found, AgentApp):
        retain = config.session_timeout_seconds
        log = open_log(store, keep_bytes=config.keep_bytes, retain=retain)
        return create_app(found, config, log=log)
    if store != "memory:":
        raise UsageError(f"{name!r} is an application: it has chosen where its runs are kept")
    return found


if __name__ == "__main__":
    sys.exit(main())
