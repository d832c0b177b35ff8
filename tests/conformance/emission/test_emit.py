"""The emit driver, and producers of all kinds."""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from sse_conformance.drivers import emit as module
from sse_conformance.drivers.emit import Line, again, emit
from sse_conformance.drivers.emit_state import record_bad_inputs
from sse_conformance.drivers.producing import Producer
from sse_conformance.examples import PLAIN
from sse_conformance.judge import judge
from sse_conformance.mutants.encoders import ForgedById, Overtakes
from sse_conformance.mutants.golden import Golden
from sse_conformance.mutants.http import Asked, Fields, Refused, Wire
from sse_conformance.mutants.script import Op, Script, fault
from sse_conformance.options import Options
from sse_conformance.script import Capabilities, text_of
from sse_conformance.transcript import Emitted, Exchange, Operations, Record, Subject
from tests.conformance.findings import findings

OPTIONS = Options(fast=True, budget=0.2, derandomize=True)
PLAIN_EVENT: Operations = ({"data": "a"},)


class Small(Golden):
    """Emits events, and nothing else."""

    capabilities = ()


class GetOnly(Small):
    async def emit(self, asked: Asked, wire: Wire) -> bool:
        if asked.method == "POST":
            raise Refused(405, "GET", [("Allow", "GET")])
        return await super().emit(asked, wire)


class PostOnly(Small):
    async def emit(self, asked: Asked, wire: Wire) -> bool:
        if asked.method == "GET":
            return await self.respond_json(asked, wire, self.about())
        return await super().emit(asked, wire)


class Json(Small):
    def about(self) -> dict[str, Any]:
        return {**super().about(), "data": "json"}

    def refusal(self, op: Op) -> str | None:
        return fault({**op, "data": ""} if "data" in op else op)

    def encode(self, op: Op) -> bytes:
        return super().encode({**op, "data": json.dumps(op["data"])} if "data" in op else op)


class Leaving(Small):
    """Closes its connection after every response, and says so."""

    async def stream(self, *arguments: Any) -> bool:
        await super().stream(*arguments)
        return False

    def connection_fields(self, asked: Asked) -> Fields:
        return [("Connection", "close")]


@pytest.mark.parametrize("server", [Small, GetOnly, PostOnly, Json, Leaving])
def test_a_sound_producer_of_any_kind_has_no_finding(server: type[Golden]) -> None:
    told: list[str] = []
    with server().served() as url:
        record = emit(f"{url}/emit", OPTIONS, told.append)
    assert findings(record) == {}
    assert len(record.all("emitted")) > 20
    assert len(record.all("get")) == len(record.all("capabilities")) == 1
    assert any(re.match("[A-Z]+-[0-9]{2}: ", each) for each in told)  # as far as time allows


def test_what_is_wrong_is_found_over_the_wire_and_can_be_seen_again() -> None:
    with ForgedById().served() as url:
        record = emit(f"{url}/emit", OPTIONS, only=["FRM-08", "FRM-09"])
        (wrong,) = [each for each in judge(record) if each.found == "broken"]
        assert wrong.requirement.id == "FRM-08"
        script, command, *test = wrong.reproducer.split("\n\n")
        assert again("FRM-08", f"{url}/emit", script).found == "broken"
        assert again("FRM-08", f"{url}/emit", text_of(PLAIN_EVENT)).found == "unknown"
        assert command.startswith("curl -N ")
        assert "def test_frm_08" in "".join(test)


def test_an_order_that_is_wrong_is_found_over_the_wire() -> None:
    with Overtakes().served() as url:
        assert set(findings(emit(f"{url}/emit", OPTIONS, only=["DSP-01"]))) == {"DSP-01"}


def test_a_record_of_one_requirement_has_no_others() -> None:
    with Small().served() as url:
        record = emit(f"{url}/emit", OPTIONS, only=["FRM-10"])
    scripts = [each.script for each in record.all("emitted") if isinstance(each, Emitted)]
    assert scripts
    assert all(len(script) == 1 for script in scripts)


def test_headers_of_the_user_are_in_every_request() -> None:
    seen: set[str | None] = set()

    class Private(Small):
        async def answer(self, asked: Asked, wire: Wire) -> bool:
            seen.add(asked.value("x-key"))
            return await super().answer(asked, wire)

    options = replace(OPTIONS, headers=(("X-Key", "k"),))
    with Private().served() as url:
        emit(f"{url}/emit", options, only=["FRM-10"])
        again("FRM-10", f"{url}/emit", text_of(PLAIN), options)
    assert seen == {"k"}


@pytest.mark.parametrize("path", ["/stream", "/nothing"])
def test_what_does_not_keep_the_contract_is_left_alone(path: str) -> None:
    with Golden(events=2, interval=0.01).served() as url:
        record = emit(url + path, OPTIONS)
    assert [entry.name for entry in record] == ["capabilities", "get"]


def test_where_nobody_is_nothing_is_emitted() -> None:
    url = f"http://127.0.0.1:{free_port()}/emit"
    record = emit(url, OPTIONS)
    (get,) = record.all("get")
    assert isinstance(get, Exchange)
    assert get.head is None
    assert again("FRM-08", url, text_of(PLAIN)).found == "unknown"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_other_peoples_servers_are_left_alone() -> None:
    with pytest.raises(ValueError, match="not on this machine"):
        emit("http://example.org/emit")
    with pytest.raises(ValueError, match="http"):
        emit("nonsense")


# ── connections ─────────────────────────────────────────────────────────────────────────────

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n"
EVENT = b"data: a\n\n"


@contextmanager
def serving(*connections: list[bytes]) -> Generator[tuple[Line, list[int]]]:
    """A line to a server that answers so, request by request, and closes each connection then."""
    asked: list[int] = []

    def serve(listener: socket.socket) -> None:
        for answers in connections:
            with closing(listener.accept()[0]) as connection:
                asked.append(0)
                for answer in answers:
                    if not connection.recv(65536):
                        break
                    asked[-1] += 1
                    connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/emit"
        options = Options(time_scale=0.1)
        about = Capabilities(conformance=1)
        line = Line(Producer(url=url, options=options, about=about))
        yield line, asked
        line.close()
        thread.join()


def content(emitted: Emitted | None) -> bytes:
    assert emitted is not None
    return emitted.exchange.content


def test_a_connection_is_kept() -> None:
    with serving([ANSWER + b"\r\n" + EVENT] * 3) as (line, asked):
        assert [content(line.emit(PLAIN_EVENT)) for _ in range(3)] == [EVENT] * 3
    assert asked == [3]


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER + b"Connection: close\r\n\r\n" + EVENT,
        ANSWER.replace(b"1.1", b"1.0") + b"\r\n" + EVENT,
        ANSWER + b"\r\n" + EVENT + b"more",
    ],
)
def test_a_connection_that_is_not_to_be_kept_is_not(answer: bytes) -> None:
    with serving([answer], [answer]) as (line, asked):
        assert [content(line.emit(PLAIN_EVENT)) for _ in range(2)] == [EVENT] * 2
    assert asked == [1, 1]


def test_a_connection_that_was_closed_meanwhile_is_no_answer() -> None:
    answer = ANSWER + b"\r\n" + EVENT
    with serving([answer], [answer]) as (line, asked):
        assert [content(line.emit(PLAIN_EVENT)) for _ in range(2)] == [EVENT] * 2
    assert asked == [1, 1]


def test_a_new_connection_that_is_closed_is_an_answer() -> None:
    with serving([b""]) as (line, asked):
        emitted = line.emit(PLAIN_EVENT)
    assert emitted is not None
    assert (emitted.exchange.head, asked) == (None, [1])


def test_a_server_that_is_gone_has_emitted_nothing() -> None:
    with serving([ANSWER + b"\r\n" + EVENT]) as (line, _):
        line.emit(PLAIN_EVENT)
    assert line.emit(PLAIN_EVENT) is None
    line.close()


def test_the_time_that_a_script_sleeps_is_no_delay() -> None:
    options = Options(time_scale=0.02)  # a patience of 0.1 s
    with Golden().served() as url:
        producer = Producer(url=f"{url}/emit", options=options, about=Capabilities(conformance=1))
        line = Line(producer)
        emitted = line.emit(({"sleep": 300}, *PLAIN_EVENT))
        line.close()
    assert emitted is not None
    assert emitted.exchange.end == "complete"


class Endless(Golden):
    """Ends no stream."""

    async def work(self, script: Script) -> AsyncGenerator[bytes, None]:
        async for block in super().work(script):
            yield block
        while True:
            await asyncio.sleep(0.05)
            yield b":\n\n"


def test_a_producer_that_ends_nothing_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 10.0)
    with Endless().served() as url:
        began = time.perf_counter()
        recorded = emit(f"{url}/emit", replace(OPTIONS, time_scale=0.1))
        assert time.perf_counter() - began < 12
    assert {entry.name for entry in recorded} >= {"capabilities", "early"}


def test_a_producer_that_has_had_its_time_is_told_nothing_bad() -> None:
    record = Record(Subject(target="nobody", mode="emit"))
    about = Capabilities(conformance=1)
    late = Producer(url="http://127.0.0.1:9/", options=Options(), about=about, until=0.0)
    record_bad_inputs(late, record)
    assert list(record) == []
