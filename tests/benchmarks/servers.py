"""The servers under measurement: one process for each subject, pinned to one core.

What they cost is asked of the operating system. The client runs on the other core.
"""

import http.client
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

from tests.serving import Served, free_port, run

UVICORN = (
    *("-m", "uvicorn", "--http", "httptools", "--loop", "uvloop", "--ws", "websockets-sansio"),
    *("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "1"),
)
SERVER_CORE = min(os.sched_getaffinity(0))
REST_SECONDS = 0.01


class Server:
    """One subject, served."""

    def __init__(self, served: Served) -> None:
        self.port = served.port
        self._served = served

    @property
    def rss(self) -> int:
        """The resident memory, in bytes."""
        return self._served.rss

    def cpu(self) -> float:
        """The processor time used so far, in seconds, once the server is at rest."""
        # While a process runs the figure lags by up to a tick; when it sleeps it is exact.
        time.sleep(REST_SECONDS)
        # Linux, posix-timers: a process's CPU clock is ~pid << 3, and 2 counts what the scheduler
        # has given it; /proc/<pid>/stat counts in hundredths of a second.
        return time.clock_gettime(~self._served.process.pid << 3 | 2)

    def go(self) -> None:
        """Let the producers begin."""
        self._ask("POST", "/go")

    def prompt(self, script: object) -> str:
        """Start a run of our product; where its event stream is."""
        asked = json.dumps({"prompt": str(script)})
        answer = json.loads(self._ask("POST", "/ask", asked))
        return str(answer["stream_url"])

    def _ask(self, method: str, path: str, content: str | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"content-type": "application/json", "connection": "close"}
        connection.request(method, path, content, headers)
        answer = connection.getresponse().read()
        connection.close()
        return answer


class Servers:
    """Servers by subject, each started when it is first asked for, all ended with the block."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._servers: dict[str, Server] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __getitem__(self, subject: str) -> Server:
        if subject not in self._servers:
            self._servers[subject] = self._stack.enter_context(serve(subject))
        return self._servers[subject]


@contextmanager
def serve(subject: str, heartbeat_seconds: int = 15) -> Iterator[Server]:
    """One subject under uvicorn, on the first core; we go to the last."""
    port = free_port()
    settings = ("env", f"SUBJECT={subject}", f"HEARTBEAT_SECONDS={heartbeat_seconds}")
    uvicorn = (sys.executable, *UVICORN, "--port", str(port))
    with run([*settings, *uvicorn, "tests.benchmarks.apps:app"], port) as served:
        os.sched_setaffinity(served.process.pid, {SERVER_CORE})
        yield Server(served)


@contextmanager
def as_client() -> Iterator[None]:
    """Make this process the load generator: on the last core, with as many files as may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    cores = os.sched_getaffinity(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
