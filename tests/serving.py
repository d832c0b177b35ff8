"""Real host programs, each in a process of its own, on a port of its own, ended with the test."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import trustme

ROOT = Path(__file__).parents[1]
UVICORN = ("uvicorn", "--no-access-log", "--timeout-graceful-shutdown", "3")

# Each HTTP/1.1 host that the product promises to work under, with the WebSocket it comes with.
HOSTS: dict[str, tuple[str, ...]] = {
    "uvicorn-httptools-websockets": (*UVICORN, "--http", "httptools", "--ws", "websockets"),
    "uvicorn-h11-wsproto": (*UVICORN, "--http", "h11", "--ws", "wsproto"),
    "hypercorn": ("hypercorn",),
}


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers."""

    url: str  # http://127.0.0.1:port, without a slash at the end
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def ws_url(self) -> str:
        return re.sub("^http", "ws", self.url)

    @property
    def rss(self) -> int:
        """The resident memory of the serving process and its children, in bytes."""
        return sum(_rss(pid) for pid in _family(self.process.pid))

    def cpu(self) -> float:
        """The processor time that the server has used so far, in seconds."""
        return sum(_cpu(pid) for pid in _family(self.process.pid))

    def output(self) -> str:
        """What the server has written to its standard output and error."""
        self.log.seek(0)
        return self.log.read().decode()


@contextmanager
def serve(
    app: str, host: str = "uvicorn-httptools-websockets", *options: str, scheme: str = "http"
) -> Iterator[Served]:
    """Serve `app` ("module:attribute", importable from the root) under the host program."""
    port = free_port()
    bind = ("--bind", f"127.0.0.1:{port}") if host == "hypercorn" else ("--port", str(port))
    with run([sys.executable, "-m", *HOSTS[host], *bind, *options, app], port, scheme) as served:
        yield served


@contextmanager
def serve_http_2(app: str, directory: Path) -> Iterator[tuple[Served, ssl.SSLContext]]:
    """Serve `app` over HTTP/2 and TLS, and tell how to trust its certificate."""
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    pem = directory / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    options = ("--certfile", str(pem), "--keyfile", str(pem))
    with serve(app, "hypercorn", *options, scheme="https") as served:
        yield served, trusting


@contextmanager
def run(
    command: list[str], port: int, scheme: str = "http", directory: Path = ROOT
) -> Iterator[Served]:
    """Run a server until the block ends; it then gets SIGTERM, and 10 s later SIGKILL."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        served = Served(f"{scheme}://127.0.0.1:{port}", process, log)
        try:
            wait_until_it_answers(port, process, served.output)
            yield served
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_it_answers(
    port: int, process: subprocess.Popen[bytes], output: Callable[[], str] = str
) -> None:
    """Wait until somebody listens on the port; `output` tells what went wrong."""
    for _ in range(400):
        if process.poll() is not None:
            raise RuntimeError(f"the server did not start:\n{output()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server does not listen:\n{output()}")


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _family(int(child)))]


def _rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
