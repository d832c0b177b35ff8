"""The recorder, against servers that are sound, odd, slow, dead or endless."""

import socket
import ssl
import threading
import time

import pytest
import trustme

from sse_conformance.transcript import Exchange, Request
from sse_conformance.wire.http1 import LIMIT, Connection, StopAfter, failed, record
from sse_conformance.wire.place import ask
from tests.conformance.wire.servers import (
    CHUNKED,
    CLOSED,
    HEAD,
    request,
    reset,
    saying,
    serving,
    wait,
    waiting,
)

EVENT = b"9\r\ndata: a\n\n\r\n"
LAST = b"0\r\n\r\n"


def test_a_chunked_stream_is_complete_with_its_last_chunk() -> None:
    with serving(waiting(CHUNKED + EVENT + LAST)) as url:
        exchange = record(url)
    assert (exchange.end, exchange.content, exchange.fault) == ("complete", b"data: a\n\n", "")
    assert exchange.head is not None
    assert exchange.head.status == 200
    assert exchange.head.line("transfer-encoding") == "transfer-encoding: chunked"
    assert b"".join(piece.data for piece in exchange.received) == CHUNKED + EVENT + LAST


def test_a_stream_without_framing_ends_when_it_is_closed() -> None:
    with serving(saying(CLOSED, b"data: a\n\n")) as url:
        exchange = record(url)
    assert (exchange.end, exchange.content, exchange.fault) == ("closed", b"data: a\n\n", "")


def test_a_chunked_stream_that_is_closed_early_is_not_complete() -> None:
    with serving(saying(CHUNKED + EVENT)) as url:
        exchange = record(url)
    assert (exchange.end, exchange.content, exchange.fault) == ("closed", b"data: a\n\n", "")


def test_a_reset_is_told_from_a_closed_connection() -> None:
    def handle(connection: socket.socket) -> None:
        saying(CHUNKED + EVENT)(connection)
        connection.recv(1)  # the client has read the event, and says so
        reset(connection)

    with serving(handle) as url, Connection(url) as connection:
        asked = ask(url)
        connection.send(b"GET / HTTP/1.1\r\n\r\n")

        def leave_a_byte(content: bytearray) -> bool:
            connection.sock.sendall(b"x")
            return False

        exchange = connection.receive(asked, stop_after=leave_a_byte)
    assert exchange.end == "reset"
    assert exchange.content == b"data: a\n\n"
    assert "Connection" in exchange.fault


def test_a_reset_before_the_response_is_one_too() -> None:
    def handle(connection: socket.socket) -> None:
        request(connection)
        reset(connection)

    with serving(handle) as url:
        exchange = record(url)
    assert (exchange.end, exchange.head) == ("reset", None)


def test_no_connection_is_told_with_its_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    exchange = record(f"http://127.0.0.1:{port}/")
    assert (exchange.end, exchange.head) == ("failed", None)
    assert exchange.fault.startswith("ConnectionRefusedError")


def test_a_connection_that_takes_too_long_is_a_timeout() -> None:
    exchange = failed(Request(target="/"), TimeoutError("timed out"), 2.0)
    assert (exchange.end, exchange.fault) == ("timeout", "TimeoutError: timed out")


def test_a_name_without_an_address_is_told() -> None:
    exchange = record("http://nowhere.invalid/")
    assert exchange.end == "failed"
    assert "gaierror" in exchange.fault


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-"])
def test_a_connection_that_is_closed_before_the_head_is_no_response(said: bytes) -> None:
    with serving(saying(said)) as url:
        exchange = record(url)
    assert (exchange.end, exchange.head) == ("failed", None)
    assert exchange.fault == f"the connection was closed after {len(said)} bytes"


def took(
    url: str, seconds: float, *, stop_after: StopAfter | None = None, linger: float = 0.0
) -> tuple[Exchange, float]:
    began = time.perf_counter()
    exchange = record(url, seconds=seconds, stop_after=stop_after, linger=linger)
    return exchange, time.perf_counter() - began


def test_a_server_that_never_answers_is_left_in_time() -> None:
    with serving(wait) as url:
        exchange, seconds = took(url, 0.2)
    assert (exchange.end, exchange.head) == ("timeout", None)
    assert 0.2 <= seconds < 2


def test_it_is_a_timeout_also_if_we_had_planned_to_leave_then() -> None:
    with serving(wait) as url:
        exchange, _ = took(url, 1.0, stop_after=0.1)
    assert (exchange.end, exchange.head) == ("timeout", None)


def test_an_endless_stream_is_left_as_planned() -> None:
    def handle(connection: socket.socket) -> None:
        saying(CHUNKED)(connection)
        while True:
            connection.sendall(EVENT)
            time.sleep(0.01)

    with serving(handle) as url:
        exchange, seconds = took(url, 5.0, stop_after=0.2)
        late, _ = took(url, 0.2)
    assert exchange.end == "left"
    assert len(exchange.stream.events) >= 3
    assert seconds < 2
    assert late.end == "timeout"


def test_a_gigabyte_ends_at_the_limit() -> None:
    def handle(connection: socket.socket) -> None:
        saying(CLOSED)(connection)
        block = b"data: " + b"x" * 65536 + b"\n\n"
        for _ in range(1 << 14):
            connection.sendall(block)

    with serving(handle) as url:
        exchange, seconds = took(url, 30.0)
    assert exchange.end == "limit"
    assert LIMIT <= len(exchange.content) + len(HEAD) + 2 < LIMIT + 65536
    assert seconds < 5


def test_a_head_byte_by_byte_does_not_outlast_our_patience() -> None:
    def handle(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X")
            time.sleep(0.01)

    with serving(handle) as url:
        exchange, seconds = took(url, 0.3)
    assert (exchange.end, exchange.head) == ("timeout", None)
    assert seconds < 2


def test_a_head_byte_by_byte_is_a_head_all_the_same() -> None:
    stream = CHUNKED + EVENT + LAST
    with serving(saying(*(stream[index : index + 1] for index in range(len(stream))))) as url:
        exchange = record(url)
    assert (exchange.end, exchange.content) == ("complete", b"data: a\n\n")


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, b"HTTP/1.1 100 Continue\r\n\r\n" * 200_000],
    ids=["a field without end", "interim responses without end"],
)
def test_a_head_without_end_is_left(said: bytes) -> None:
    with serving(waiting(said)) as url:
        exchange = record(url)
    assert exchange.head is None
    assert exchange.end in {"failed", "limit"}


def test_we_leave_as_soon_as_we_have_seen_enough() -> None:
    with serving(waiting(CHUNKED, EVENT)) as url:
        at_once = record(url, stop_after=lambda _: True)
        after_an_event = record(url, stop_after=lambda content: b"\n\n" in content)
    assert at_once.end == after_an_event.end == "left"
    assert after_an_event.content == b"data: a\n\n"


def test_faulty_framing_is_told_with_its_place() -> None:
    with serving(waiting(CHUNKED + EVENT + b"zz\r\ndata: b\n\n")) as url:
        exchange = record(url)
    assert (exchange.end, exchange.content) == ("left", b"data: a\n\n")
    assert "illegal chunk header" in exchange.fault
    assert "byte 18 of the body" in exchange.fault


def test_what_is_no_http_is_told() -> None:
    with serving(saying(b"SSH-2.0-OpenSSH\r\n\r\n")) as url:
        exchange = record(url)
    assert (exchange.end, exchange.head) == ("failed", None)
    assert exchange.fault == "no status line of HTTP/1: b'SSH-2.0-OpenSSH'"


def test_what_follows_a_response_is_kept_if_we_linger() -> None:
    def handle(connection: socket.socket) -> None:
        saying(HEAD + b"\r\n")(connection)
        time.sleep(0.05)
        connection.sendall(b"data: a\n\n")
        wait(connection)

    with serving(handle) as url:
        head = Request(method="HEAD", target="/")
        assert record(url, head).trailing == b""
        exchange = record(url, head, linger=1.0, limit=len(HEAD) + 4)
    assert (exchange.end, exchange.trailing, exchange.content) == ("complete", b"data: a\n\n", b"")
    assert exchange.ended_at < 0.05


def test_lingering_ends_with_the_connection() -> None:
    with serving(saying(CHUNKED + LAST)) as url:
        exchange, seconds = took(url, 5.0, linger=5.0)
    assert (exchange.end, exchange.trailing) == ("complete", b"")
    assert seconds < 2


def test_a_half_closed_connection_can_still_be_read() -> None:
    def handle(connection: socket.socket) -> None:
        request(connection)
        wait(connection)  # our side of the connection is closed
        connection.sendall(CHUNKED + EVENT + LAST)

    with serving(handle) as url:
        assert record(url, half_close=True).content == b"data: a\n\n"


def test_a_half_close_after_the_server_has_gone_is_no_matter() -> None:
    with serving(saying(CHUNKED + LAST)) as url, Connection(url) as connection:
        connection.sock.close()
        connection.half_close()
        connection.send(b"x")


def test_raw_bytes_are_sent_to_the_letter() -> None:
    seen: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        seen.append(request(connection))
        connection.sendall(CHUNKED + LAST)

    with serving(handle) as url:
        assert record(url, raw=b"get  /\n\r\n\r\n").end == "complete"
    assert seen == [b"get  /\n\r\n\r\n"]


def test_a_pause_keeps_the_server_from_going_on() -> None:
    sent: list[int] = []

    def handle(connection: socket.socket) -> None:
        saying(CLOSED)(connection)
        for number in range(200):
            connection.sendall(b"x" * 65536)
            sent.append(number)

    with serving(handle) as url:
        seen: list[int] = []

        def look(content: bytearray) -> bool:
            seen.append(len(sent))
            return len(content) > 100_000

        began = time.perf_counter()
        exchange = record(url, pause=0.2, rcvbuf=4096, stop_after=look)
        seconds = time.perf_counter() - began
    assert exchange.end == "left"
    assert seconds >= 0.2
    assert seen[-1] < 200  # the rest of it found no room


def test_requests_may_follow_each_other_on_a_connection() -> None:
    def handle(connection: socket.socket) -> None:
        while request(connection):
            connection.sendall(CHUNKED + EVENT + LAST)

    with serving(handle) as url, Connection(url) as connection:
        for _ in range(2):
            connection.send(b"GET / HTTP/1.1\r\n\r\n")
            exchange = connection.receive(ask(url))
            assert (exchange.end, exchange.content) == ("complete", b"data: a\n\n")


def test_pipelined_requests_are_answered_in_their_order() -> None:
    second = HEAD + b"Content-Length: 1\r\n\r\nb"
    with serving(saying(CHUNKED + EVENT + LAST + second)) as url, Connection(url) as connection:
        connection.send(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
        first, then = (connection.receive(ask(url)) for _ in range(2))
    assert (first.content, first.trailing) == (b"data: a\n\n", second)
    assert (then.end, then.content, then.trailing) == ("complete", b"b", b"")


def test_a_refusal_is_read_although_the_request_is_not_sent() -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        done.wait(10)

    done = threading.Event()
    with serving(handle) as url:
        large = ask(url, method="POST", content=b"x" * (32 * 1024 * 1024))
        exchange = record(url, large, seconds=10.0)
        done.set()
    assert exchange.head is not None
    assert exchange.head.status == 413
    assert exchange.ended_at < 5


def test_a_server_that_takes_no_more_is_left() -> None:
    done = threading.Event()
    with serving(lambda _: done.wait(10) and None) as url:
        large = ask(url, method="POST", content=b"x" * (32 * 1024 * 1024))
        exchange = record(url, large, seconds=0.3)
        done.set()
    assert exchange.end == "timeout"


def test_a_connection_can_be_reset() -> None:
    seen: list[str] = []
    done = threading.Event()

    def handle(connection: socket.socket) -> None:
        try:
            request(connection)
        except ConnectionResetError:
            seen.append("reset")
        finally:
            done.set()

    with serving(handle) as url:
        Connection(url).reset()
        assert done.wait(5)
    assert seen == ["reset"]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def secured(authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    return server, client


def test_it_is_the_same_over_tls(authority: trustme.CA) -> None:
    server, client = secured(authority)
    content = b"x" * 200_000

    def handle(connection: socket.socket) -> None:
        left = len(content) - len(request(connection).partition(b"\r\n\r\n")[2])
        while left:
            left -= len(connection.recv(65536))
        connection.sendall(CHUNKED + EVENT + LAST)

    with serving(handle, server) as url:
        exchange = record(url, ask(url, method="POST", content=content), context=client)
    assert (exchange.end, exchange.content) == ("complete", b"data: a\n\n")


def test_a_certificate_that_nobody_trusts_is_no_connection(authority: trustme.CA) -> None:
    server, _ = secured(authority)
    with serving(saying(CHUNKED + LAST), server) as url:
        exchange = record(url)
    assert exchange.end == "failed"
    assert "CERTIFICATE_VERIFY_FAILED" in exchange.fault


def test_what_comes_is_acknowledged_at_once_where_that_is_possible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(saying(CHUNKED + EVENT, LAST)) as url, Connection(url) as connection:
        connection.send(b"GET / HTTP/1.1\r\n\r\n")
        connection.acknowledge_at_once()
        monkeypatch.delattr(socket, "TCP_QUICKACK", raising=False)
        connection.acknowledge_at_once()
        assert connection.receive(ask(url)).end == "complete"
