"""Servers that share a store, in processes that the tests kill, freeze and start again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.serving import ROOT, free_port, wait_until_it_answers

PATIENCE = 30  # seconds


class Cluster:
    """One supervisor, with its workers, on one port. It can be killed and started again there."""

    def __init__(
        self, store: str, workers: int, host: str, app: str, environment: Mapping[str, str]
    ) -> None:
        self.port = free_port()
        self._command = [
            *(sys.executable, "-m", "asgi_agent", "serve", f"tests.faults.apps:{app}"),
            *("--port", str(self.port), "--workers", str(workers), "--host-program", host),
        ]
        self._environment = {**os.environ, **environment, "STORE": store, "PYTHONPATH": str(ROOT)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until a worker listens."""
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until_it_answers(self.port, self._process)

    def workers(self) -> list[int]:
        """The processes that serve, be it that there is no supervisor over the only one."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children] or [pid]

    def kill(self) -> None:
        """End all of its processes as `kill -9` does."""
        for pid in (*self.workers(), *([self._process.pid] if self._process else [])):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(PATIENCE)

    def stop(self) -> None:
        """End it kindly, and then for certain."""
        assert self._process is not None
        for pid in self.workers() if self._process.poll() is None else ():
            os.kill(pid, signal.SIGCONT)
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def cluster(
    store: str,
    workers: int = 2,
    *,
    host: str = "uvicorn",
    app: str = "app",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Cluster]:
    """A cluster that answers, and that ends with the block."""
    served = Cluster(store, workers, host, app, environment or {})
    served.start()
    try:
        yield served
    finally:
        served.stop()
