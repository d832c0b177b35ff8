"""What checks see in a response."""

import pytest

from sse_conformance.checks.seen import answer, emitted_streams, essence, is_stream, items
from tests.conformance.checks.exchanges import KIND, answered, emitted, silent, stream


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/event-stream", "text/event-stream"),
        ("TEXT/Event-Stream ; charset=utf-8", "text/event-stream"),
        ("", ""),
    ],
)
def test_the_essence_has_no_parameters(value: str, expected: str) -> None:
    head = answered(200, ("content-type", value)).head
    assert head is not None
    assert essence(head) == expected


def test_a_stream_has_the_status_and_the_type_of_one() -> None:
    assert is_stream(stream())
    assert not is_stream(answered(206, KIND))
    assert not is_stream(answered(200))
    assert not is_stream(silent())


def test_lists_have_elements_in_lower_case() -> None:
    head = answered(200, ("Vary", "Origin, ,ACCEPT"), ("vary", "a")).head
    assert head is not None
    assert items(head, "vary") == ["origin", "accept", "a"]


def test_an_answer_is_told_in_one_line() -> None:
    assert answer(stream()) == "GET /stream: 200, text/event-stream, after 0.010 s"
    assert answer(answered(405)) == "GET /stream: 405, after 0.010 s"
    assert answer(silent()) == "GET /stream: no answer in 2.0 s"
    assert answer(silent("failed", "refused")) == "GET /stream: no answer, refused"
    assert answer(silent("reset")) == "GET /stream: no answer, reset"


def test_refused_scripts_are_no_streams() -> None:
    samples = (emitted(answered(400)), emitted(silent()), emitted(stream()))
    assert emitted_streams(samples) == [stream()]
