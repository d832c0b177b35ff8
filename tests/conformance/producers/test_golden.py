"""The server that mutants are made of does all that it should."""

import asyncio
import os
import signal
import socket
import threading
import time
from base64 import urlsafe_b64encode

import pytest

from sse_conformance.mutants.golden import Golden
from sse_conformance.mutants.http import LONGEST_CONTENT, LONGEST_HEAD, Refused
from sse_conformance.mutants.robustness_emit import Stubborn
from sse_conformance.mutants.script import read_script
from sse_conformance.mutants.serving import in_process, wait_until_listening
from sse_conformance.transcript import Exchange
from sse_conformance.wire.http1 import Connection, record
from sse_conformance.wire.place import ask, written
from tests.conformance.producers.golden_client import client

RUN = [{"data": "a", "id": "1"}, {"data": "b", "id": "2"}]


def status(exchange: Exchange) -> int:
    assert exchange.head is not None, exchange
    return exchange.head.status


def said(exchange: Exchange) -> bytes:
    assert status(exchange) == 200
    return exchange.content


def test_the_stream_goes_on_for_ever_with_heartbeats_in_its_pauses() -> None:
    with client(Golden(heartbeat=0.02, interval=0.09)) as asked:
        exchange = asked.ask("/stream", seconds=0.3)
        assert exchange.end == "timeout"
        assert exchange.content.startswith(b"id: 1\nevent: tick\ndata: tick 1\n\n:\n\n:\n\n")
        assert len(exchange.stream.events) >= 2


def test_a_finite_stream_ends_for_good() -> None:
    with client(Golden(interval=0.0, events=2)) as asked:
        assert len(asked.get("/stream").stream.events) == 2
        assert [
            each.data for each in asked.get("/stream", ("Last-Event-ID", "1")).stream.events
        ] == ["tick 2"]
        assert status(asked.get("/stream", ("Last-Event-ID", "2"))) == 204
        assert len(asked.get("/stream", ("Last-Event-ID", "no number")).stream.events) == 2


def test_methods_are_told_apart() -> None:
    with client() as asked:
        head = asked.ask("/stream", method="HEAD")
        assert (status(head), head.content, head.end) == (200, b"", "complete")
        assert status(asked.ask("/stream", method="OPTIONS")) == 204
        refused = asked.ask("/stream", method="DELETE")
        assert refused.head is not None
        assert (status(refused), refused.head.value("allow")) == (405, "GET, HEAD, OPTIONS")
        assert status(asked.ask("/stream", method="FROBNICATE")) == 501
        assert status(asked.get("/elsewhere")) == 404


def test_only_known_origins_may_read() -> None:
    with client(Golden(events=0)) as asked:
        for origin, allowed in (
            ("https://a.example", "https://a.example"),
            ("https://b.example", None),
        ):
            exchange = asked.get("/stream", ("Origin", origin))
            assert exchange.head is not None
            assert exchange.head.value("access-control-allow-origin") == allowed
            assert exchange.head.value("vary") == "Origin"


def test_a_preflight_is_answered() -> None:
    fields = [("Origin", "https://a.example"), ("Access-Control-Request-Method", "POST")]
    with client() as asked:
        head = asked.ask("/emit", method="OPTIONS", fields=fields).head
        assert head is not None
        assert head.value("access-control-allow-headers") == "Content-Type, Last-Event-ID"
        assert head.value("access-control-allow-methods") == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET /stream HTTP/1.1\r\n\r\n", 400),
        (b"GET /stream HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /stream\r\n\r\n", 400),
        (b"GET /stream HTTP/2.0\r\n\r\n", 400),
        (b"GET /stream HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET /stream HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400),
        (b"POST /emit HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /emit HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /emit HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"GET /" + b"x" * 2 * LONGEST_HEAD, 431),
        (b"\r\nHEAD /stream HTTP/1.0\r\n\r\n", 200),
    ],
)
def test_a_request_is_read_to_the_letter(request_: bytes, expected: int) -> None:
    with client() as asked:
        assert status(asked.raw(request_)) == expected


def test_too_much_content_is_read_and_refused() -> None:
    with client() as asked:
        content = b"x" * (LONGEST_CONTENT + 1)
        assert (
            status(record(asked.url, ask(f"{asked.url}/emit", method="POST", content=content)))
            == 413
        )


def test_half_a_request_is_none() -> None:
    with client() as asked:
        for part in (
            b"GET /stream HTTP/1.1\r\n",
            b"POST /emit HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab",
        ):
            with Connection(asked.url) as connection:
                connection.send(part)
                connection.half_close()
                assert connection.receive(ask(asked.url)).end == "failed"


def test_too_much_content_is_refused_though_it_never_comes() -> None:
    with client() as asked, Connection(asked.url) as connection:
        connection.send(b"POST /emit HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nab")
        connection.half_close()
        assert status(connection.receive(ask(asked.url))) == 413


def test_a_connection_serves_one_request_after_the_other() -> None:
    with client() as asked:
        url = f"{asked.url}/emit"
        request = ask(url)
        with Connection(url) as connection:
            connection.send(written(request) * 2)
            assert connection.receive(request).content == connection.receive(request).content


def test_to_http_1_0_the_end_of_the_connection_is_that_of_the_stream() -> None:
    with client(Golden(interval=0.0, events=1)) as asked:
        exchange = asked.ask("/stream", http="1.0")
        assert exchange.end == "closed"
        assert len(exchange.stream.events) == 1


def test_a_script_is_emitted_to_the_letter() -> None:
    with client() as asked:
        exchange = asked.emit(
            {"data": "a\r\nb\rc\n", "event": "x", "id": "", "retry": 7},
            {"sleep": 1},
            {"comment": "one\ntwo"},
            {"data": "", "event": "message"},
            {"retry": 8},
        )
        expected = b"id: \nevent: x\nretry: 7\ndata: a\ndata: b\ndata: c\ndata: \n\n"
        expected += b": one\n: two\n\ndata: \n\nretry: 8\n\n"
        assert said(exchange) == expected
        assert asked.stats() == {"open": 0, "runs": 1}


def test_a_script_may_be_in_the_query() -> None:
    with client() as asked:
        script = urlsafe_b64encode(b'{"v":1,"events":[{"data":"a"}]}').decode()
        assert said(asked.get(f"/emit?script={script}")) == b"data: a\n\n"
        head = asked.ask(f"/emit?script={script}", method="HEAD")
        assert (status(head), asked.stats()["runs"]) == (200, 1)
        assert status(asked.get("/emit?script=x")) == 400


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"v":2,"events":[]}',
        b'{"v":1}',
        b'{"v":1,"events":[1]}',
        b"[" * 100_000,
        b'{"v":1,"events":[],"run":1}',
        *(
            b'{"v":1,"events":[' + op + b"]}"
            for op in (
                b"{}",
                b'{"data":1}',
                b'{"data":"\\ud800"}',
                b'{"event":"a\\r"}',
                b'{"id":"a\\n"}',
                b'{"id":"\\u0000"}',
                b'{"retry":-1}',
                b'{"retry":true}',
                b'{"unknown":1}',
                b'{"comment":"\\ud800"}',
                b'{"sleep":-1}',
                b'{"flood":{"n":99999,"size":99999}}',
            )
        ),
    ],
)
def test_what_is_no_script_is_refused(content: bytes) -> None:
    with client() as asked:
        assert status(asked.say(content)) == 400


def test_a_refusal_of_ones_own_is_asked_for_each_operation() -> None:
    with pytest.raises(Refused, match="never"):
        read_script(b'{"v":1,"events":[{"data":"a"}]}', lambda _: "never")


def test_a_stream_that_fails_or_is_closed_has_no_end() -> None:
    with client() as asked:
        for last in ({"raise": True}, {"close": "abrupt"}):
            for run in ("", "named"):
                exchange = asked.emit({"data": "a"}, last, run=run and run + str(last))
                assert (exchange.content, exchange.end) == (b"data: a\n\n", "closed")


def test_overload_is_an_error() -> None:
    with client() as asked:
        head = asked.emit({"overload": True}).head
        assert head is not None
        assert (head.status, head.value("retry-after")) == (503, "5")


def test_a_run_goes_on_after_the_last_event_id() -> None:
    with client() as asked:
        assert len(asked.emit(*RUN, run="r").stream.events) == 2
        rest = asked.emit(*RUN, run="r", fields=[("Last-Event-ID", "1")], method="GET")
        assert [each.data for each in rest.stream.events] == ["b"]
        assert status(asked.emit(*RUN, run="r", fields=[("Last-Event-ID", "2")])) == 204
        assert status(asked.emit(*RUN, run="r", fields=[("Last-Event-ID", "?")])) == 410
        assert asked.stats()["runs"] == 1
        other = asked.emit(*RUN, run="r", fields=[("Authorization", "another")])
        assert len(other.stream.events) == 2
        assert asked.stats()["runs"] == 2


def test_a_client_that_leaves_frees_its_stream() -> None:
    with client() as asked:
        request = ask(f"{asked.url}/stream")
        with Connection(asked.url) as connection:
            connection.send(written(request))
            connection.receive(request, stop_after=lambda _: True)
            assert asked.stats()["open"] == 1
        until = time.perf_counter() + 5
        while asked.stats()["open"] and time.perf_counter() < until:
            time.sleep(0.01)
        assert asked.stats()["open"] == 0


def test_a_client_that_talks_all_the_time_is_let_wait() -> None:
    with client(Golden(interval=0.01, events=20)) as asked:
        request = ask(f"{asked.url}/stream")
        with Connection(asked.url) as connection:
            connection.send(written(request) + b"x" * 2 * LONGEST_HEAD)
            assert len(connection.receive(request).stream.events) == 20


def test_the_end_of_the_server_ends_its_streams_after_a_whole_block() -> None:
    heard = threading.Event()
    streams: list[Exchange] = []

    def listen(content: bytearray) -> bool:
        if content.endswith(b"\n\n"):
            heard.set()
        return False

    with Golden(interval=60.0).served() as url:

        def read() -> None:
            streams.append(record(f"{url}/stream", seconds=10.0, stop_after=listen))

        thread = threading.Thread(target=read)
        thread.start()
        assert heard.wait(5)
    thread.join()
    assert streams[0].end == "complete"
    assert len(streams[0].stream.events) == 1


def serve_until_signalled(server: Golden, tell: signal.Signals | None) -> float:
    """For how long it has served here, if it is told to end, or is cancelled."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    async def work() -> None:
        task = asyncio.create_task(server.serve("127.0.0.1", port))
        await asyncio.to_thread(wait_until_listening, port)
        os.kill(os.getpid(), signal.SIGTERM)
        if tell is None:
            await asyncio.sleep(0.05)
            assert not task.done()
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    before = signal.getsignal(signal.SIGTERM)
    began = time.perf_counter()
    try:
        asyncio.run(work())
    finally:
        signal.signal(signal.SIGTERM, before)
    return time.perf_counter() - began


def test_what_comes_during_a_stream_is_kept_for_afterwards() -> None:
    with client(Golden(interval=0.2, events=2)) as asked:
        request = ask(f"{asked.url}/stream")
        with Connection(asked.url) as connection:
            connection.send(written(request))
            for part in (written(request)[:10], written(request)[10:]):
                assert asked.stats()["open"] <= 1  # by now it has seen what was sent before
                connection.send(part)
            assert len(connection.receive(request).stream.events) == 2
            assert len(connection.receive(request).stream.events) == 2


def test_outside_of_the_main_thread_there_are_no_signals() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    async def work() -> None:
        task = asyncio.create_task(Golden().serve("127.0.0.1", port))
        await asyncio.to_thread(wait_until_listening, port)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_sigterm_ends_the_server() -> None:
    assert serve_until_signalled(Golden(), signal.SIGTERM) < 5


def test_the_stubborn_one_does_not_hear_it() -> None:
    assert serve_until_signalled(Stubborn(), None) < 5


def test_a_server_may_have_a_process_of_its_own() -> None:
    with in_process(Golden.__module__, Golden.__name__) as (url, pid):
        assert pid != os.getpid()
        assert status(record(f"{url}/emit")) == 200


def test_nobody_is_waited_for_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(TimeoutError, match="nobody listens"):
        wait_until_listening(port, seconds=0.05)


def test_a_client_that_talks_while_it_is_streamed_to_is_let_talk() -> None:
    with Golden(interval=0.01).served() as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(1)  # the stream has begun
            connection.sendall(b"x" * (2 * LONGEST_HEAD))
            heard = b""
            while heard.count(b"tick") < 20:
                more = connection.recv(1 << 16)
                assert more
                heard += more
