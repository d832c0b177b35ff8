"""One emission, as the checks see it."""

from dataclasses import replace

import pytest

from sse_conformance.emission import Emission, is_whole, traits_of
from sse_conformance.examples import EXAMPLES
from sse_conformance.transcript import Head, Operation
from tests.conformance.emission.emissions import emission, emitted


@pytest.mark.parametrize(
    ("operation", "traits"),
    [
        ({"data": "a: b", "event": "x", "id": "1"}, ""),
        ({"sleep": 1}, ""),
        ({"comment": "c"}, ""),
        ({"comment": "c\r"}, "FRM-09"),
        ({"data": "a\tb"}, ""),
        ({"data": "\xe9"}, "ENC-04"),
        ({"data": "a\0b"}, "ENC-04"),
        ({"data": "a\ud800"}, "ENC-05"),
        ({"data": "\xe9" * 1001}, "ENC-06"),
        ({"data": "x" * 1001}, "FRM-12"),
        ({"data": "a\nb"}, "FRM-05"),
        ({"data": "a\rid: 1"}, "FRM-05"),
        ({"data": "a\r"}, "FRM-05 FRM-07"),
        ({"data": " a"}, "FRM-06"),
        ({"data": "a", "event": "\tx"}, "FRM-06"),
        ({"data": "a", "id": " 1"}, "FRM-06"),
        ({"data": "a\ufeff"}, "ENC-04 FRM-07"),
        ({"data": "a\n"}, "FRM-07"),
        ({"data": "a "}, "FRM-07"),
        ({"data": "a\n\nb"}, "FRM-05 FRM-07 FRM-10"),
        ({"data": "data"}, "FRM-10"),
        ({"data": ": c"}, "FRM-10"),
        ({"data": "a\nid: 1"}, "FRM-05 FRM-10"),
        ({"data": "a", "event": "\n"}, "FRM-08 FRM-06"),
        ({"data": "a", "id": "x\r"}, "FRM-08"),
        ({"data": "a", "id": "\0"}, "FLD-04"),
        ({"data": "a", "id": ""}, "DSP-05"),
        ({"data": "a", "retry": 0}, "FLD-03"),
        ({"data": ""}, "DSP-02"),
        ({"data": 1}, "FLD-09"),
    ],
)
def test_a_script_touches_what_is_special_in_it(operation: Operation, traits: str) -> None:
    assert traits_of((operation,)) == set(traits.split())


def test_an_event_without_a_type_after_one_with_a_type_is_special() -> None:
    typed: Operation = {"data": "a", "event": "x"}
    assert traits_of((typed, {"data": "b"})) == {"DSP-04"}
    assert traits_of(({"data": "b"}, typed)) == set()


@pytest.mark.parametrize(
    ("requirement", "script"),
    [(requirement, script) for requirement, each in EXAMPLES.items() for script in each],
)
def test_the_examples_touch_what_they_are_for(
    requirement: str, script: tuple[Operation, ...]
) -> None:
    plain = {"DSP-01", "ENC-01", "FLD-08", "FRM-11"}  # these are about any script
    about = traits_of(script)
    assert requirement in plain or requirement in about or script == ({"data": "a"},)


def test_what_is_asked_for_and_what_comes_are_at_hand() -> None:
    judged = emission({"data": "a"}, wire="data: a\n\n")
    assert [asked.text for asked in judged.asked] == ["a"]
    assert [event.data for event in judged.events] == ["a"]
    assert [line.content for line in judged.lines] == [b"data: a"]
    assert len(judged.blocks) == 1
    assert judged.failure == ""


@pytest.mark.parametrize(
    ("judged", "failure"),
    [
        (emission(status=0, end="timeout"), "no answer: timeout"),
        (emission(status=500), "answered with 500"),
        (emission(wire="data", end="reset"), "the stream breaks off after 4 bytes: reset"),
        (emission(end="closed"), "the stream breaks off after 0 bytes: closed"),
    ],
)
def test_what_is_no_whole_stream_says_why(judged: Emission, failure: str) -> None:
    assert judged.failure == failure


def test_a_refusal_is_an_answer_with_4xx() -> None:
    assert emission(status=400).is_refused
    assert not emission(status=503).is_refused
    assert not emission(status=0).is_refused


@pytest.mark.parametrize(
    ("field", "whole"),
    [(b"Content-Type", True), (b"Transfer-Encoding", False), (b"content-length", False)],
)
def test_a_body_of_no_known_length_ends_with_the_connection(field: bytes, whole: bool) -> None:
    exchange = emitted(end="closed").exchange
    head = Head(at=0.0, status=200, http="1.0", fields=((field, b"1"),))
    assert is_whole(replace(exchange, head=head)) is whole
    assert not is_whole(replace(exchange, head=head, end="reset"))
    assert is_whole(replace(exchange, head=head, end="complete"))


@pytest.mark.parametrize(
    ("wire", "same"),
    [('data: "a\\nb"\n\n', True), ('data: "a b"\n\n', False), ("data: a\n\n", False)],
)
def test_json_is_read_before_it_is_compared(wire: str, same: bool) -> None:
    judged = emission({"data": "a\nb"}, wire=wire, is_json=True)
    assert judged.is_same(judged.events[0], judged.asked[0]) is same


def test_a_script_may_be_about_one_thing_besides_others() -> None:
    judged = emission({"data": "a\n\nb"})
    assert judged.is_about("FRM-07", "FRM-05", "FRM-10")
    assert not judged.is_about("FRM-07", "FRM-05")
    assert not judged.is_about("FRM-06", "FRM-05", "FRM-07", "FRM-10")
