"""What is found in compressed streams."""

import zlib
from dataclasses import replace

from sse_conformance.checks.compression import events_come_through_the_compressor
from sse_conformance.transcript import Emitted, Piece
from tests.conformance.checks.exchanges import KIND, agrees, answered, emitted, silent, stream

CODED = ("Content-Encoding", "gzip")


def sample(*, is_flushed: bool, ended_at: float = 0.21) -> Emitted:
    """A compressed stream: an event now, and another one after 0.2 s."""
    deflating = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    mode = zlib.Z_SYNC_FLUSH if is_flushed else zlib.Z_NO_FLUSH
    first = deflating.compress(b"data: a\n\n") + deflating.flush(mode)
    second = deflating.compress(b"data: b\n\n") + deflating.flush()
    exchange = replace(
        answered(200, KIND, CODED, ended_at=ended_at),
        body=(Piece(0.01, first), Piece(0.21, second)),
    )
    return emitted(exchange, {"data": "a"}, {"sleep": 200}, {"data": "b"})


def test_events_that_are_flushed_come_one_by_one() -> None:
    agrees(events_come_through_the_compressor((sample(is_flushed=True),)), "holds", "0.20 s")


def test_events_that_wait_for_each_other_are_found() -> None:
    agrees(events_come_through_the_compressor((sample(is_flushed=False),)), "broken", "0.00 s")


def test_samples_may_disagree() -> None:
    samples = (sample(is_flushed=True), sample(is_flushed=False))
    agrees(events_come_through_the_compressor(samples), "unstable")


def test_a_plain_stream_says_nothing_about_it() -> None:
    samples = (emitted(stream()), emitted(silent()), emitted(answered(400)))
    agrees(events_come_through_the_compressor(samples), "unknown", "no stream was compressed")


def test_pauses_that_were_not_made_say_nothing_about_it() -> None:
    hurried = sample(is_flushed=False, ended_at=0.05)
    agrees(events_come_through_the_compressor((hurried,)), "unknown", "no pauses")


def test_nobody_is_accused_for_what_cannot_be_read() -> None:
    coded = answered(200, KIND, CODED)
    plain = replace(coded, body=(Piece(0.1, b"data: a\n\n"), Piece(0.3, b"data: b\n\n")))
    agrees(events_come_through_the_compressor((emitted(plain, {"sleep": 200}),)), "unknown")
