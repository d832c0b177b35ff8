"""What a browser makes of a stream; a second reading of the specification has to agree."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sse_conformance.corpus import Case, corpus
from sse_conformance.sse import Block, interpret
from tests.conformance.sse.charwise import Reader

LONGEST = 100  # bytes of a stream that is cut at every place
LONG = 10_000  # bytes of a stream that comes byte by byte
pieces_of_streams = st.sampled_from(
    (
        *(b"data", b"event", b"id", b"retry", b"x", b":", b": ", b" ", b"\n", b"\r", b"\r\n"),
        *(
            b"\n\n",
            b"data: a\n",
            b"id: 1\n",
            b"event: e\r",
            b"retry: 5\n\n",
            b"\0",
            b"\xef\xbb\xbf",
        ),
        *(b"\xe2\x82\xac", b"\xe2\x82", b"\xff", b"\xc2\x85", b"\xe2\x80\xa8", b"\x0b", b"7"),
    )
)
streams = st.lists(pieces_of_streams, max_size=30).map(b"".join)


def agree(stream: bytes, *pieces: bytes) -> None:
    reader = Reader()
    for piece in pieces:
        reader.feed(piece)
    found = interpret(stream)
    events = [(event.type, event.data, event.last_event_id) for event in found.events]
    assert events == reader.events
    assert found.retry == number(reader.retry)
    assert found.last_event_id == reader.last_event_id


def number(digits: str) -> int | None:
    if not digits:
        return None
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= 18 else 10**18


@pytest.mark.parametrize("case", corpus().values(), ids=lambda case: case.id)
def test_both_readings_of_the_corpus_agree_in_every_cut(case: Case) -> None:
    stream = case.stream
    size = 1 if len(stream) <= LONG else 4099
    agree(stream, *(stream[place : place + size] for place in range(0, len(stream), size)))
    for place in range(len(stream) if len(stream) <= LONGEST else 0):
        agree(stream, stream[:place], stream[place:])


@pytest.mark.parametrize("case", corpus().values(), ids=lambda case: case.id)
def test_the_corpus_says_the_same(case: Case) -> None:
    found = [
        {"event": event.type, "data": event.data, "id": event.last_event_id}
        for event in interpret(case.stream).events
    ]
    assert found == [{"event": "message", "id": "", **expected} for expected in case.expected]


@given(streams, st.lists(st.integers(0, 200), max_size=4))
@example(b"\xef\xbb\xbfdata: a\n\n", [1, 2])
@example(b"data: a\r\n\r\n", [8, 10])
@example(b"id: 1\0\ndata\n\nid\ndata\n\n", [])
def test_both_readings_agree(stream: bytes, places: list[int]) -> None:
    cuts = sorted({0, len(stream), *(place for place in places if place < len(stream))})
    pieces = [stream[begin:end] for begin, end in pairwise(cuts)]
    agree(stream, *pieces)


def only_block(stream: bytes) -> Block:
    (block,) = interpret(stream).blocks
    return block


def test_an_event_knows_its_place_in_the_stream() -> None:
    (event,) = interpret(b": hello\n\ndata: a\n\n").events
    assert (event.offset, event.end) == (9, 18)


def test_a_block_knows_its_fields_and_their_values() -> None:
    block = only_block(b"id: 1\n: x\nid: 2\ndata: a\n\n")
    assert block.values(b"id") == [b"1", b"2"]
    assert [line.name for line in block.fields] == [b"id", b"id", b"data"]
    assert block.offset == 0


def test_lines_of_all_blocks_are_at_hand() -> None:
    lines = interpret(b"data: a\n\ndata: b\n\n").lines
    assert [line.content for line in lines] == [b"data: a", b"data: b"]


@pytest.mark.parametrize("stream", [b"data: a\n", b"data: a", b"data: a\n\ndata: b\n"])
def test_what_no_blank_line_ends_is_not_dispatched(stream: bytes) -> None:
    found = interpret(stream)
    assert not found.blocks[-1].is_ended
    assert found.blocks[-1].event is None


def test_an_unfinished_line_is_not_processed() -> None:
    assert interpret(b"retry: 5").retry is None
    assert interpret(b"id: 5").last_event_id == ""


def test_the_last_event_id_of_before_is_still_known() -> None:
    (event,) = interpret(b"data: a\n\n", last_event_id="7").events
    assert event.last_event_id == "7"


def test_a_number_of_more_digits_than_python_reads_is_a_number() -> None:
    assert interpret(b"retry: " + b"9" * 5000 + b"\n").retry == 10**18
    assert interpret(b"retry: " + b"0" * 5000 + b"7\n").retry == 7
    assert interpret(b"retry: 000\n").retry == 0
