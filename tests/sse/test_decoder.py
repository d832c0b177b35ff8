"""The decoder: to the letter of HTML 9.2.6, wherever the bytes are cut."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.sse import Event, EventStreamDecoder
from tests.sse.corpus import BOM, CORPUS
from tests.sse.reference import Reference
from tests.strategies import chunkings

CASES = pytest.mark.parametrize(("stream", "expected"), CORPUS.values(), ids=CORPUS)


def decode(*chunks: bytes) -> list[Event]:
    decoder = EventStreamDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def ways_to_cut(stream: bytes) -> Iterator[list[bytes]]:
    """`stream` whole, byte by byte, at every single place, and with nothing in between."""
    yield [stream]
    yield [stream[i : i + 1] for i in range(len(stream))]
    for cut in range(len(stream) + 1):
        yield [stream[:cut], stream[cut:]]
        yield [stream[:cut], b"", b"", stream[cut:]]


def comparable(event: Event) -> Event:
    return replace(event, event=event.event.replace("\0", "\1")) if "\0" in event.event else event


def assert_read_as_the_reference_reads(chunks: list[bytes], last_event_id: str = "") -> None:
    reference = Reference(b"".join(chunks), last_event_id)
    decoder = EventStreamDecoder(last_event_id=last_event_id)
    read = [event for chunk in chunks for event in decoder.feed(chunk)]
    assert [comparable(event) for event in read] == reference.events
    assert decoder.last_event_id == reference.last_event_id
    assert decoder.reconnection_time == reference.reconnection_time
    assert list(folded_ids(read, last_event_id)) == reference.last_event_ids


def folded_ids(events: Iterable[Event], last_event_id: str) -> Iterator[str]:
    """What a reader of the events takes for the lastEventId of each."""
    for event in events:
        if event.id is not None:
            last_event_id = event.id
        yield last_event_id


@CASES
def test_every_stream_gives_its_events_whole_and_in_single_bytes(
    stream: bytes, expected: list[Event]
) -> None:
    assert decode(stream) == expected
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == expected


@CASES
def test_every_stream_gives_its_events_at_every_cut(stream: bytes, expected: list[Event]) -> None:
    short = re.sub(
        b"x{99,}|9{99,}|0{99,}", lambda run: run[0][:20], stream
    )  # for a long run, a few
    for chunks in ways_to_cut(short):
        assert decode(*chunks) == expected


@CASES
def test_the_reference_reads_every_stream_alike(stream: bytes, expected: list[Event]) -> None:
    short = re.sub(b"9{99,}|0{99,}", lambda run: run[0][:20], stream)  # its int() has a limit
    assert Reference(short).events == expected


@CASES
def test_an_event_after_a_stream_is_not_touched_by_it(stream: bytes, expected: list[Event]) -> None:
    *_, last = decode(stream, b"\n\n\n", b"event: e\nretry: 4\nid: 9\ndata: last\n\n")
    assert last == Event("last", "e", "9", 4)


@given(chunks=chunkings(), last_event_id=st.sampled_from(["", "before"]))
@example(chunks=[BOM + b"data: a\n\n"], last_event_id="")
@example(chunks=[BOM[:1], BOM[1:] + b"data: a\n\n"], last_event_id="")
@example(chunks=[BOM + BOM + b"data: a\n\n"], last_event_id="")
@example(chunks=[b"data: a\r", b"\ndata: b\r", b"", b"\n\r", b"\n"], last_event_id="")
@example(chunks=[b"event: \0\ndata: a\n\n"], last_event_id="")
@example(chunks=[b"event: a\nevent:\ndata: b\n\n"], last_event_id="")
@example(chunks=[b"data: a\ndata: b\n\n"], last_event_id="")
@example(chunks=[b"event: e\n:\ndata: b\n\n"], last_event_id="")
@example(chunks=[b"retry: 1\ndata: b\n\n"], last_event_id="")
@example(chunks=[b"id: 1\n\ndata: b\n\n"], last_event_id="before")
@example(chunks=[b"id\n\ndata: b\n\ndata: c\n\n"], last_event_id="before")
@example(chunks=[b"id: \0\nid: 1\0\ndata: b\n\n"], last_event_id="before")
@example(chunks=[b"id: 1\ndata: b\n"], last_event_id="before")
def test_the_decoder_reads_as_the_reference_reads(chunks: list[bytes], last_event_id: str) -> None:
    assert_read_as_the_reference_reads(chunks, last_event_id)


@pytest.mark.thorough
@given(chunks=chunkings(st.binary(max_size=200)))
def test_the_decoder_reads_any_bytes_as_the_reference_reads(chunks: list[bytes]) -> None:
    assert_read_as_the_reference_reads(chunks)


# ── When it gives them ───────────────────────────────────────────────────────────────────────


def test_a_carriage_return_ends_a_line_at_once() -> None:
    decoder = EventStreamDecoder()
    assert decoder.feed(b"data: a\r\r") == [Event("a")]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"data: b\r\n\r") == [Event("b")]
    assert decoder.feed(b"\ndata: c\n\n") == [Event("c")]


def test_an_empty_chunk_between_cr_and_lf_changes_nothing() -> None:
    assert decode(b"data: a\r", b"", b"\ndata: b\n\n") == [Event("a\nb")]


def test_only_one_lf_belongs_to_a_cr() -> None:
    assert decode(b"data: a\r", b"\n", b"\n") == [Event("a")]


def test_an_event_comes_with_the_last_byte_of_its_blank_line() -> None:
    stream = b"id: 1\nevent: e\ndata: a\n\n"
    decoder = EventStreamDecoder()
    assert [decoder.feed(stream[i : i + 1]) for i in range(len(stream))] == [
        *([[]] * (len(stream) - 1)),
        [Event("a", "e", "1")],
    ]


def test_a_nul_in_an_event_name_is_received_though_it_cannot_be_sent() -> None:
    (event,) = decode(b"event: a\0b\ndata: c\n\n")
    assert type(event) is Event
    assert (event.data, event.event, event.id, event.retry) == ("c", "a\0b", None, None)


# ── What it knows ────────────────────────────────────────────────────────────────────────────


def test_the_last_event_id_is_set_when_a_block_ends_and_not_before() -> None:
    decoder = EventStreamDecoder()
    assert decoder.last_event_id == ""
    decoder.feed(b"id: 1\ndata: a\n")
    assert decoder.last_event_id == ""
    decoder.feed(b"\n")
    assert decoder.last_event_id == "1"
    decoder.feed(b"id: 2\n\n")  # also without data
    assert decoder.last_event_id == "2"
    decoder.feed(b"id: 3\0\ndata: b\n\n")
    assert decoder.last_event_id == "2"
    decoder.feed(b"id\ndata: c\n\n")
    assert decoder.last_event_id == ""


def test_the_last_event_id_may_come_from_an_earlier_stream() -> None:
    decoder = EventStreamDecoder(last_event_id="41")
    assert decoder.last_event_id == "41"
    assert decoder.feed(b"data: a\n\n") == [Event("a")]
    assert decoder.last_event_id == "41"
    assert decoder.feed(b"id: 42\ndata: a\n\n") == [Event("a", id="42")]
    assert decoder.last_event_id == "42"


def test_the_reconnection_time_is_set_at_once_and_stays() -> None:
    decoder = EventStreamDecoder()
    assert decoder.reconnection_time is None
    decoder.feed(b"retry: 70\n")
    assert decoder.reconnection_time == 70
    decoder.feed(b"data: a\n\ndata: b\n\nretry: x\n\n")
    assert decoder.reconnection_time == 70
