"""What is found in compressed streams."""

from dataclasses import replace

from sse_conformance.checks.compression import events_come_through_the_compressor
from sse_conformance.mutants.transport import compressed
from sse_conformance.transcript import Emitted, Piece
from tests.conformance.checks.exchanges import KIND, agrees, answered, emitted, silent, stream


def sample(*, is_flushed: bool) -> Emitted:
    (item,) = compressed(is_flushed=is_flushed).all("compressed")
    assert isinstance(item, Emitted)
    return item


def test_events_that_are_flushed_come_one_by_one() -> None:
    agrees(events_come_through_the_compressor((sample(is_flushed=True),)), "holds", "0.20 s")


def test_events_that_wait_for_each_other_are_found() -> None:
    agrees(events_come_through_the_compressor((sample(is_flushed=False),)), "broken", "0.00 s")


def test_samples_may_disagree() -> None:
    samples = (sample(is_flushed=True), sample(is_flushed=False))
    agrees(events_come_through_the_compressor(samples), "unstable")


def test_a_plain_stream_says_nothing_about_it() -> None:
    samples = (emitted(stream()), emitted(silent()), emitted(answered(400)))
    agrees(events_come_through_the_compressor(samples), "unknown")


def test_what_is_no_gzip_has_no_events() -> None:
    coded = answered(200, KIND, ("Content-Encoding", "gzip"))
    plain = replace(coded, body=(Piece(0.1, b"data: a\n\n"), Piece(0.3, b"data: b\n\n")))
    sample = emitted(plain, {"sleep": 200})
    agrees(events_come_through_the_compressor((sample,)), "broken", "0.20 s")
