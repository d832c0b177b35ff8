"""What a decoder may cost: its bound, its memory, and time that is linear in the bytes."""

import time
import tracemalloc
from collections.abc import Callable, Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.errors import EventTooLarge
from asgi_agent.sse import Event, EventStreamDecoder
from tests.strategies import chunkings


def test_a_line_that_never_ends_is_refused() -> None:
    decoder = EventStreamDecoder(max_event_bytes=100)
    assert decoder.feed(b"x" * 100) == []
    with pytest.raises(EventTooLarge, match="more than 100 bytes"):
        decoder.feed(b"x")


def test_an_event_that_never_ends_is_refused() -> None:
    decoder = EventStreamDecoder(max_event_bytes=100)
    for _ in range(96):
        assert decoder.feed(b"data\n") == []  # each is an LF in the data buffer
    with pytest.raises(EventTooLarge):
        decoder.feed(b"data\ndata\n")


def test_data_counts_with_the_line_that_is_being_read() -> None:
    decoder = EventStreamDecoder(max_event_bytes=100)
    decoder.feed(b"data:" + b"a" * 49 + b"\n")  # holds 50, the LF included
    decoder.feed(b"x" * 50)
    with pytest.raises(EventTooLarge):
        decoder.feed(b"x")


def test_what_is_finished_does_not_count() -> None:
    decoder = EventStreamDecoder(max_event_bytes=100)
    block = b"data:" + b"a" * 90 + b"\n\n"
    assert decoder.feed(block * 10) == [Event("a" * 90)] * 10
    assert decoder.feed((b":" + b"a" * 90 + b"\n") * 10) == []  # comments are not held
    assert decoder.feed(block) == [Event("a" * 90)]


def test_an_event_that_comes_whole_is_refused_all_the_same() -> None:
    decoder = EventStreamDecoder(max_event_bytes=100)
    with pytest.raises(EventTooLarge):
        decoder.feed(b"data: " + b"a" * 100 + b"\n\n")


def test_a_decoder_that_has_refused_reads_nothing_more() -> None:
    decoder = EventStreamDecoder(max_event_bytes=100)
    for chunk in (b"x" * 101, b"", b"\n\n", b"data: a\n\n"):
        with pytest.raises(EventTooLarge):
            decoder.feed(chunk)
    assert decoder.last_event_id == ""


def test_the_events_before_one_that_is_too_large_are_not_lost() -> None:
    decoder = EventStreamDecoder(max_event_bytes=100)
    large = b"id: 2\ndata: " + b"b" * 100 + b"\n\n"
    assert decoder.feed(b"id: 1\ndata: a\n\n" + large + b"id: 3\ndata: c\n\n") == [
        Event("a", id="1")
    ]
    assert decoder.last_event_id == "1"  # from where to resume
    with pytest.raises(EventTooLarge):
        decoder.feed(b"")


def test_the_bound_is_16_mebibytes_by_default() -> None:
    decoder = EventStreamDecoder()
    assert decoder.feed(b"x" * (16 << 20)) == []
    with pytest.raises(EventTooLarge, match="16777216"):
        decoder.feed(b"x")


def test_the_bound_can_be_lifted() -> None:
    decoder = EventStreamDecoder(max_event_bytes=None)
    assert decoder.feed(b"data:" + b"x" * (17 << 20)) == []
    (event,) = decoder.feed(b"\n\n")
    assert len(event.data) == 17 << 20


@given(chunks=chunkings(), bound=st.integers(0, 30))
@example(chunks=[b"data: ab\n", b"data: \xff\xff\xff\xff\n", b"\n"], bound=12)
@example(chunks=[b"data: a\n\ndata", b": bcd\n\n"], bound=9)
@example(chunks=[b"data:" + b"\xff" * 5 + b"\ndata:b\n\n"], bound=20)
@example(chunks=[b"data: abcdefgh\n\n" + b"x" * 30], bound=8)
@example(chunks=[b"id: 123456789\ndata: a\n\n"], bound=13)
@example(chunks=[b"data: abc\n\ndata: a\n\n"], bound=8)
def test_the_bound_does_not_depend_on_the_cuts(chunks: list[bytes], bound: int) -> None:
    stream = b"".join(chunks)
    single_bytes = [stream[i : i + 1] for i in range(len(stream))]
    outcome = bounded(chunks, bound)
    assert outcome == bounded([stream], bound) == bounded(single_bytes, bound)
    read, refused = outcome
    assert read == EventStreamDecoder().feed(stream)[: len(read)]
    assert refused or read == EventStreamDecoder().feed(stream)


def bounded(chunks: Iterable[bytes], bound: int) -> tuple[list[Event], bool]:
    decoder = EventStreamDecoder(max_event_bytes=bound)
    read: list[Event] = []
    try:
        for chunk in [*chunks, b""]:
            read += decoder.feed(chunk)
    except EventTooLarge:
        return read, True
    return read, False


@pytest.mark.parametrize("fragment", [b"xx", b"data:ab\n"], ids=["line", "data"])
def test_an_unfinished_event_takes_hardly_more_memory_than_its_bytes(fragment: bytes) -> None:
    decoder = EventStreamDecoder()
    decoder.feed(b"data:")
    tracemalloc.start()
    try:
        for _ in range(50_000):
            decoder.feed(bytes(bytearray(fragment)))  # a new object each time, as from a socket
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1.5 * 50_000 * len(fragment)


def whole(stream: bytes) -> list[bytes]:
    return [stream]


def in_reads(stream: bytes, size: int = 64) -> list[bytes]:
    return [stream[i : i + size] for i in range(0, len(stream), size)]


WORKLOADS = {
    "many events in one chunk": lambda n: whole(b"id: 1\nevent: e\ndata: a\n\n" * (n // 24)),
    "many events in small reads": lambda n: in_reads(b"event: e\ndata: a\n\n" * (n // 18)),
    "one line in small reads": lambda n: in_reads(b"data:" + b"x" * 20 * n + b"\n\n"),
    "many data lines in one chunk": lambda n: whole(b"data: a\n" * (n // 8) + b"\n"),
    "many data lines in small reads": lambda n: in_reads(b"data: a\n" * n + b"\n"),
    "many lines that look like the start of a block": lambda n: whole(b"id: 1\n" * (n // 6)),
    "a block that is not what it looks like": lambda n: whole(b"data: " + b"x" * 20 * n + b"\nz\n"),
    "nothing but LF": lambda n: whole(b"\n" * n),
    "nothing but CR": lambda n: whole(b"\r" * n),
    "nothing but colons": lambda n: whole(b":" * 20 * n + b"\n"),
    "digits": lambda n: whole(b"retry: " + b"9" * 20 * n + b"\n"),
    "zeros": lambda n: whole(b"retry: " + b"0" * 20 * n + b"\n"),
    "a chunk without a line end": lambda n: whole(b"x" * 20 * n),
}


def seconds(chunks: list[bytes]) -> float:
    """The processor time that `chunks` take, the best of three."""
    times: list[float] = []
    for _ in range(3):
        decoder = EventStreamDecoder(max_event_bytes=None)
        start = time.process_time()
        for chunk in chunks:
            decoder.feed(chunk)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)
def test_eight_times_the_bytes_cost_about_eight_times_the_work(
    workload: Callable[[int], list[bytes]],
) -> None:
    small, large = seconds(workload(10_000)), seconds(workload(8 * 10_000))
    # What is quadratic takes 64 times as long. The summand is for the clock's own grain.
    assert large < 24 * small + 0.005
