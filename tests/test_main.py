"""The command: what it serves, how it stops, and what it answers to what it does not understand."""

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from asgi_agent.__main__ import main
from asgi_agent.sse import Event, EventStreamDecoder
from tests.serving import ROOT, Served, free_port, run

HOSTS = ("uvicorn", "hypercorn")
SECONDS = 2  # what a person waits after Ctrl-C


@contextmanager
def command(*arguments: str) -> Iterator[Served]:
    port = free_port()
    call = [sys.executable, "-m", "asgi_agent", "serve", *arguments, "--port", str(port)]
    with run(call, port) as served:
        yield served


def health(served: Served) -> Any:
    return httpx.get(f"{served.url}/health").json()


@contextmanager
def asked(served: Served, prompt: str) -> Iterator[Iterator[bytes]]:
    """Ask, and open the stream of the answer."""
    with httpx.Client(base_url=served.url, timeout=20) as client:
        answer = client.post("/ask", json={"prompt": prompt})
        with client.stream("GET", answer.json()["stream_url"]) as stream:
            yield stream.iter_raw()


def until(chunks: Iterator[bytes], wanted: bytes) -> bytes:
    read = b""
    while wanted not in read:
        read += next(chunks)
    return read


def last_event(body: bytes) -> Event:
    assert body.endswith(b"\n\n")  # a whole event
    return EventStreamDecoder().feed(body)[-1]


def messages_of(session: ClientConnection) -> list[Any]:
    """The messages of a WebSocket until it is closed."""
    messages: list[Any] = []
    try:
        while True:
            messages.append(json.loads(session.recv(timeout=20)))
    except ConnectionClosed:
        return messages


def stopped(served: Served) -> tuple[int, float]:
    """The exit status, and the seconds until then."""
    began = time.monotonic()
    return served.process.wait(20), time.monotonic() - began


# What it serves


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((), "demo"),
        (("tests.main_agents",), "agent"),
        (("tests.main_agents:agent", "--host-program", "hypercorn"), "agent"),
        (("tests.main_agents:app",), "the app"),
    ],
)
def test_it_serves_what_it_is_told_to(arguments: tuple[str, ...], name: str) -> None:
    with command(*arguments) as served:
        assert health(served) == {"status": "healthy", "agent_name": name}
        served.process.send_signal(signal.SIGINT)
        assert stopped(served)[0] == 0
        assert f"Serving {name} on http://127.0.0.1:{served.port}/" in served.output()
        assert "Stopped" in served.output()
        assert "Traceback" not in served.output()


def test_the_demo_answers_without_a_key() -> None:
    with command() as served, asked(served, "What is 6 * 7?") as stream:
        body = b"".join(stream)
        assert b"42" in body
        assert last_event(body).event == "complete"


# How many processes serve it


@pytest.mark.parametrize("host", HOSTS)
def test_several_workers_that_share_a_store_are_one_server(host: str, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'log.db'}"
    options = ("--host-program", host, "--store", store, "--workers", "3")
    with command("tests.main_agents:agent", *options) as served:
        with httpx.Client(base_url=served.url, timeout=20) as client:
            for _ in range(10):  # a new connection each, to any worker
                asked = httpx.post(f"{served.url}/ask", json={"prompt": "0"}).json()
                read = httpx.get(served.url + asked["stream_url"], timeout=20)
                assert last_event(read.content).event == "complete"
            asked = client.post("/ask", json={"prompt": "100"}).json()
        served.process.send_signal(signal.SIGINT)
        assert stopped(served)[0] == 0
        assert re.search(r"Serving with 3 workers on http://127\.0\.0\.1:\d+/\n", served.output())
        assert served.output().count("Stopped\n") == 3


def test_workers_end_when_their_supervisor_was_killed(tmp_path: Path) -> None:
    store = ("--store", f"sqlite:///{tmp_path / 'log.db'}", "--workers", "2")
    with command("tests.main_agents:agent", *store) as served:
        until_told(served, "Serving agent on", 2)
        served.process.kill()
        served.process.wait(20)
        until_told(served, "Stopped\n", 2)
        assert "The supervisor has ended" in served.output()


def until_told(served: Served, words: str, count: int) -> None:
    end = time.monotonic() + 20
    while served.output().count(words) < count:
        assert time.monotonic() < end, served.output()
        time.sleep(0.05)


def test_what_a_store_has_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    store = ("--store", f"sqlite:///{tmp_path / 'log.db'}")
    with command("tests.main_agents:agent", *store) as served:
        asked = httpx.post(f"{served.url}/ask", json={"prompt": "0"}).json()
        said = httpx.get(served.url + asked["stream_url"]).content
    with command("tests.main_agents:agent", *store) as served:
        assert httpx.get(served.url + asked["stream_url"]).content == said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--workers", "2"), "several workers need a --store that they share"),
        (("--workers", "2", "tests.main_agents:app"), "several workers need a --store"),
        (("--store", "sqlite:///x.db", "tests.main_agents:app"), "is an application"),
        (("--store", "ftp://x"), "an event log is memory:"),
    ],
)
def test_a_store_that_does_not_fit_is_said_in_one_line(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments, "--port", str(free_port())]) == 2
    assert re.fullmatch(rf"asgi-agent: .*{re.escape(told)}.*\n", capsys.readouterr().err)


# How it stops


@pytest.mark.parametrize("host", HOSTS)
def test_ctrl_c_ends_every_run_with_one_error_and_stops_at_once(host: str) -> None:
    with (
        command("tests.main_agents:agent", "--host-program", host) as served,
        asked(served, "1000") as stream,
        connect(f"{served.ws_url}/ws") as session,
    ):
        read = until(stream, b"...")
        session.send('{"prompt": "1000"}')
        for _ in range(2):
            session.recv()
        served.process.send_signal(signal.SIGINT)
        status, seconds = stopped(served)
        assert (status, seconds < SECONDS) == (0, True), (seconds, served.output())

        end = last_event(read + b"".join(stream))
        assert end.event == "error"
        assert json.loads(end.data)["code"] == "shutdown"
        said = messages_of(session)
        assert [each["t"] for each in said[-2:]] == ["error", "done"]
        assert said[-2]["code"] == "shutdown"
        assert "Traceback" not in served.output()


@pytest.mark.parametrize("host", HOSTS)
def test_sigterm_gives_runs_some_time_and_takes_no_new_ones(host: str) -> None:
    with (
        command("tests.main_agents:agent", "--host-program", host) as served,
        asked(served, "2") as stream,
    ):
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        refused = httpx.post(f"{served.url}/ask", json={"prompt": "1"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert last_event(b"".join(stream)).event == "complete"
        assert stopped(served)[0] == 0
        assert "Traceback" not in served.output()


@pytest.mark.parametrize("host", HOSTS)
def test_a_second_signal_waits_for_nobody(host: str) -> None:
    with (
        command("tests.main_agents:agent", "--host-program", host) as served,
        asked(served, "1000") as stream,
    ):
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert served.process.poll() is None
        served.process.send_signal(signal.SIGTERM)
        status, seconds = stopped(served)
        assert (status, seconds < SECONDS) == (0, True), (seconds, served.output())
        assert json.loads(last_event(b"".join(stream)).data)["code"] == "shutdown"


@pytest.mark.parametrize("host", HOSTS)
def test_clients_that_do_not_read_or_ask_do_not_hold_it_up(host: str) -> None:
    with (
        command("tests.main_agents:flood", "--host-program", host) as served,
        asked(served, "x") as stream,
        socket.create_connection(("127.0.0.1", served.port)) as idle,
    ):
        next(stream)  # and nothing more
        idle.sendall(b"GET /health HTTP/1.1\r\n")
        time.sleep(1)
        served.process.send_signal(signal.SIGINT)
        status, seconds = stopped(served)
        assert (status, seconds < 3 * SECONDS) == (0, True), (seconds, served.output())


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGTERM] * 2])
def test_a_thread_that_an_agent_waits_for_does_not_hold_it_up(
    host: str, numbers: list[signal.Signals]
) -> None:
    with (
        command("tests.main_agents:blocked", "--host-program", host) as served,
        asked(served, "x") as stream,
    ):
        read = until(stream, b"...")
        for number in numbers:
            time.sleep(0.5)
            served.process.send_signal(number)
        status, seconds = stopped(served)
        assert (status, seconds < SECONDS) == (0, True), (seconds, served.output())
        assert json.loads(last_event(read + b"".join(stream)).data)["code"] == "shutdown"
        assert "Traceback" not in served.output()


@pytest.mark.parametrize("host", HOSTS)
def test_when_it_has_stopped_ctrl_c_is_python_s_again(host: str) -> None:
    with (
        command("tests.main_agents:possessive", "--host-program", host) as served,
        asked(served, "x") as stream,
    ):
        until(stream, b"complete")
        served.process.send_signal(signal.SIGINT)
        while "Stopped" not in served.output():
            time.sleep(0.05)
        time.sleep(0.5)
        assert served.process.poll() is None
        served.process.send_signal(signal.SIGINT)
        assert stopped(served)[1] < SECONDS


@pytest.mark.parametrize("host", HOSTS)
def test_the_signals_are_given_back_to_whom_they_belonged(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    class StopAtOnce(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("Serving"):
                signal.raise_signal(signal.SIGTERM)

    def theirs(number: int, frame: object) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGTERM, theirs)
    logger, stop = logging.getLogger("asgi_agent"), StopAtOnce()
    logger.addHandler(stop)
    try:
        with caplog.at_level(logging.INFO, "asgi_agent"):
            assert main(["serve", "--port", "0", "--host-program", host]) == 0
        assert signal.getsignal(signal.SIGTERM) is theirs
    finally:
        logger.removeHandler(stop)
        signal.signal(signal.SIGTERM, before)
    assert caplog.messages[-1] == "Stopped"


def test_the_threads_of_an_agent_are_used_again_and_tell_what_went_wrong() -> None:
    with command("tests.main_agents:threaded") as served, asked(served, "x") as stream:
        said = json.loads(last_event(b"".join(stream)).data)["data"]
        assert said == "2 2 invalid literal for int() with base 10: 'x'"


def test_what_the_interpreter_does_at_its_end_is_done() -> None:
    """So that what an agent's libraries have registered with `atexit` is called."""
    with command("tests.main_agents:blocked") as served, asked(served, "x") as stream:
        until(stream, b"...")
        served.process.send_signal(signal.SIGINT)
        assert stopped(served)[0] == 0
        assert served.output().endswith("atexit\n")


# Where it listens


@contextmanager
def told_where(*arguments: str) -> Iterator[str]:
    """Serve on a port that the system chooses; the URL that the command tells."""
    call = [sys.executable, "-m", "asgi_agent", "serve", *arguments, "--port", "0"]
    with subprocess.Popen(call, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            told = next(line for line in process.stderr if "Serving demo on " in line)
            yield told.rpartition(" ")[2].strip()
        finally:
            process.send_signal(signal.SIGINT)
            process.stderr.read()
    assert process.returncode == 0


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("address", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_it_tells_the_url_where_it_can_be_reached(host: str, address: str, shown: str) -> None:
    with told_where("--host-program", host, "--host", address) as url:
        assert re.fullmatch(rf"http://{re.escape(shown)}:[1-9]\d*/", url)
        assert httpx.get(f"{url}health").status_code == 200


# What it does not understand


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "asgi_agent", *arguments],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


@pytest.mark.parametrize(
    "name",
    [
        *("nowhere", "nowhere:agent", "tests.main_agents:nothing", ":agent", "", ".main_agents:x"),
        *("tests.main_agents:NOT_AN_AGENT", "os:path", "tests.main_agents:agent.x"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_line(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main(["serve", name]) == 2
    told = capsys.readouterr().err
    assert re.fullmatch(r"asgi-agent: .+\n", told)


def test_the_agent_is_looked_for_where_the_command_was_called() -> None:
    finished = call("serve", "nowhere:agent")
    assert finished.returncode == 2
    assert finished.stderr == "asgi-agent: cannot load 'nowhere:agent': No module named 'nowhere'\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--workers", "0"),
        ("serve", "--workers", "257"),
        (),
        ("server",),
        ("serve", "--port", "x"),
        ("serve", "--host-program", "apache"),
    ]
    + [("serve", f"--port={port}") for port in ("70000", "65536", "-1", "1.5", "9" * 5000, "")],
)
def test_a_wrong_command_is_answered_with_how_it_is_used(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("usage: asgi-agent")
    assert "Traceback" not in told


@pytest.mark.parametrize("host", ["x..y", "256.0.0.0", "a" * 64])
def test_an_address_that_is_none_is_an_error_in_one_line(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--host", host, "--port", "0"]) == 1
    assert re.fullmatch(r"asgi-agent: .+\n", capsys.readouterr().err)


@pytest.mark.parametrize(("host", "package"), [("uvicorn", "uvicorn"), ("hypercorn", "hypercorn")])
def test_a_host_program_that_is_not_installed_is_named_with_the_remedy(
    host: str,
    package: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["serve", "--host-program", host, "--port", str(free_port())]) == 2
    assert capsys.readouterr().err.endswith("; pip install 'asgi_agent[serve]'\n")


@pytest.mark.parametrize("host", HOSTS)
def test_a_port_that_is_in_use_is_an_error(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = call("serve", "--host-program", host, "--port", str(port))
    assert finished.returncode == 1
    assert "address already in use" in finished.stderr.lower()
    assert "Traceback" not in finished.stderr
