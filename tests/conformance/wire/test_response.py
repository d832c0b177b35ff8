"""Responses, read from their bytes in every cut; h11 by itself is the second opinion."""

from itertools import pairwise

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sse_conformance.transcript import Exchange, Request
from sse_conformance.wire.response import HEAD_LIMIT, ResponseReader, heads_of, read_head
from tests.conformance.wire.servers import CHUNKED, CLOSED, HEAD


def read(*pieces: bytes, method: str = "GET", is_ended: bool = False) -> Exchange:
    reader = ResponseReader(Request(method=method, target="/"))
    for index, piece in enumerate(pieces):
        reader.receive(piece, float(index))
    if is_ended:
        reader.receive_end()
    return reader.exchange("complete" if reader.is_complete else "left", len(pieces))


def fields(exchange: Exchange) -> list[tuple[bytes, bytes]]:
    assert exchange.head is not None
    return list(exchange.head.fields)


def test_a_head_is_kept_as_it_was_written() -> None:
    exchange = read(b"HTTP/1.1 200 OK\r\nX-Two: a\r\nx-two:  b \r\nBad Name : c\r\nnothing\r\n\r\n")
    assert fields(exchange) == [
        (b"X-Two", b"a"),
        (b"x-two", b"b"),
        (b"Bad Name ", b"c"),
        (b"nothing", b""),
    ]


@pytest.mark.parametrize("line", [b"HTTP/1.1 200 OK", b"HTTP/1.0 204", b"HTTP/1.1 200 "])
def test_a_status_line_needs_no_reason(line: bytes) -> None:
    head = read_head(line, 0.0)
    assert head is not None
    assert head.http == line[5:8].decode()
    assert head.status == int(line[9:12])


@pytest.mark.parametrize("line", [b"", b"HTTP/2 200", b"HTTP/1.1 2000 OK", b"HTTP/1.1  200 OK"])
def test_what_is_no_status_line_begins_no_head(line: bytes) -> None:
    assert read_head(line, 0.0) is None
    assert "no status line" in read(line + b"\r\n\r\n").fault


@pytest.mark.parametrize("blank", [b"\n\n", b"\r\n\n", b"\n\r\n"])
def test_bare_line_feeds_end_lines_too(blank: bytes) -> None:
    exchange = read(b"HTTP/1.1 200 OK\nX: a" + blank + b"data")
    assert fields(exchange) == [(b"X", b"a")]
    assert exchange.content == b"data"


def test_interim_responses_are_passed_over() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    exchange = read(interim + interim, CHUNKED + b"0\r\n\r\n")
    assert exchange.end == "complete"
    assert exchange.head is not None
    assert exchange.head.status == 200


def test_what_follows_a_change_of_protocol_is_kept_as_it_is() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nTransfer-Encoding: x\r\nContent-Length: 1\r\n\r\n"
    exchange = read(head + b"\x81\x00", b"\x88\x00")
    assert (exchange.content, exchange.end) == (b"\x81\x00\x88\x00", "left")


def test_a_head_that_is_too_long_is_a_fault() -> None:
    exchange = read(b"HTTP/1.1 200 OK\r\n" + b"x" * HEAD_LIMIT)
    assert exchange.head is None
    assert "more than 65536 bytes" in exchange.fault
    assert read(b"x" * (HEAD_LIMIT + 1), is_ended=True).fault == exchange.fault


@pytest.mark.parametrize(
    "framing",
    [
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: 1x\r\n",
    ],
)
def test_framing_that_nobody_can_read_is_a_fault(framing: bytes) -> None:
    exchange = read(HEAD + framing + b"\r\n", b"data")
    assert framing.partition(b"\r")[0].split(b":")[0].decode().lower() in exchange.fault
    assert exchange.content == b""


@pytest.mark.parametrize("length", [b"1", b"9", b"x"])
def test_chunks_win_over_a_length(length: bytes) -> None:
    head = HEAD + b"Content-Length: " + length + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    exchange = read(head + b"2\r\nab\r\n0\r\n\r\n")
    assert (exchange.end, exchange.content, exchange.fault) == ("complete", b"ab", "")


def test_each_piece_of_the_body_has_its_time() -> None:
    exchange = read(CHUNKED, b"1\r\na\r\n1\r\nb\r\n", b"1\r\n", b"c\r\n")
    assert [(piece.at, piece.data) for piece in exchange.body] == [(1.0, b"ab"), (3.0, b"c")]


@pytest.mark.parametrize(
    ("method", "status", "framing"),
    [
        ("HEAD", 200, b"Transfer-Encoding: chunked\r\n"),
        ("HEAD", 200, b"Content-Length: 5\r\n"),
        ("GET", 204, b"Content-Length: 5\r\n"),
        ("GET", 304, b""),
        ("GET", 200, b"Content-Length: 0\r\n"),
    ],
)
def test_some_responses_end_with_their_head(method: str, status: int, framing: bytes) -> None:
    head = f"HTTP/1.1 {status} x\r\n".encode() + framing + b"\r\n"
    exchange = read(head, b"more", b" and more", method=method)
    assert (exchange.end, exchange.content) == ("complete", b"")
    assert exchange.trailing == b"more and more"


def test_a_connection_that_ends_after_the_response_changes_nothing() -> None:
    exchange = read(CHUNKED + b"0\r\n\r\n", is_ended=True)
    assert (exchange.end, exchange.fault) == ("complete", "")


@pytest.mark.parametrize(
    ("received", "heads"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\n", b""),
        (CHUNKED + b"a\n\nb", CHUNKED),
        (
            b"HTTP/1.1 100 Continue\r\n\r\n" + CLOSED + b"x",
            b"HTTP/1.1 100 Continue\r\n\r\n" + CLOSED,
        ),
        (b"no head\r\n\r\nmore", b"no head\r\n\r\n"),
    ],
)
def test_the_heads_can_be_told_from_the_body(received: bytes, heads: bytes) -> None:
    assert heads_of(received) == heads


def in_h11(response: bytes) -> tuple[bytes, bool] | None:
    """The body, and whether it is complete; None if h11 cannot read it."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(response)
    content = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Data):
                content += event.data
            elif isinstance(event, h11.EndOfMessage):
                return content, True
            elif event is h11.NEED_DATA:
                return content, False
    except h11.RemoteProtocolError:
        return None


def cut(response: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(response), *(place % (len(response) + 1) for place in places)})
    return [response[start:end] for start, end in pairwise(edges)]


@given(
    blocks=st.lists(st.binary(min_size=1, max_size=20), max_size=4),
    ending=st.sampled_from([b"", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"zz\r\n"]),
    places=st.lists(st.integers(min_value=0), max_size=8),
)
@example(blocks=[b"\r\n"], ending=b"0\r\n\r\n", places=list(range(200)))
def test_a_response_is_the_same_in_every_cut(
    blocks: list[bytes], ending: bytes, places: list[int]
) -> None:
    chunks = b"".join(b"%x;a=b\r\n%b\r\n" % (len(block), block) for block in blocks)
    response = CHUNKED + chunks + ending
    exchange = read(*cut(response, places))
    opinion = in_h11(response)
    assert exchange.content == b"".join(blocks)
    assert (opinion is None) == bool(exchange.fault) == (ending == b"zz\r\n")
    if opinion is not None:
        assert opinion == (exchange.content, exchange.end == "complete")
