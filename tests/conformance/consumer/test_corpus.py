"""The corpus: what it says of itself, and that three readings of the specification agree on it."""

import json
import sys
from importlib.resources import files

import pytest

from sse_conformance.catalogue import catalogue
from sse_conformance.corpus import Case, corpus, cuts
from sse_conformance.sse import interpret
from tests.sse.reference import Reference

CASES = pytest.mark.parametrize("case", corpus().values(), ids=list(corpus()))
TOLD = json.loads(files("sse_conformance").joinpath("corpus/sse.json").read_text(encoding="utf-8"))


@CASES
def test_the_interpreter_reads_what_is_expected(case: Case) -> None:
    read = interpret(case.stream)

    assert case.expected == tuple(
        {"event": event.type, "data": event.data, "id": event.last_event_id}
        for event in read.events
    )
    assert case.retry in (read.retry, "any")


@pytest.mark.parametrize(
    "case",
    [case for case in corpus().values() if len(case.stream) < 2**20],  # it reads characters
    ids=lambda case: case.id,
)
def test_an_independent_reader_reads_the_same(case: Case) -> None:
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        read = Reference(case.stream)
    finally:
        sys.set_int_max_str_digits(digits)

    assert case.expected == tuple(
        {"event": event.event, "data": event.data, "id": last_event_id}
        for event, last_event_id in zip(read.events, read.last_event_ids, strict=True)
    )
    assert case.retry in (read.reconnection_time, "any")


@CASES
def test_all_cuts_join_to_the_stream(case: Case) -> None:
    named = dict(cuts(case.stream))

    assert next(iter(named)) == "whole"
    assert {b"".join(chunks) for chunks in named.values()} == {case.stream}


def test_a_short_stream_is_cut_at_every_place() -> None:
    assert [name for name, _ in cuts(b"data\n\n")] == [
        *("whole", "every 1", "every 2"),
        *(f"at {place}" for place in range(1, 6)),
    ]


def test_a_long_stream_is_cut_at_its_ends_and_into_large_pieces() -> None:
    names = [name for name, _ in cuts(b"x" * 10_000)]

    assert names[:3] == ["whole", "every 1000", "every 4096"]
    assert len(names) < 40
    assert {"at 1", "at 5000", "at 9999"} <= set(names)


def test_no_id_is_given_twice() -> None:
    assert len(corpus()) == len(TOLD["cases"]) > 150


def test_each_requirement_about_streams_has_cases_that_are_about_nothing_else() -> None:
    pure = {case.requirement for case in corpus().values() if not case.also}

    assert pure == {f"CON-{number:02}" for number in range(1, 14)} - {"CON-03"}


def test_the_cases_name_requirements_of_clients() -> None:
    named = {name for case in corpus().values() for name in (case.requirement, *case.also)}

    assert all(catalogue()[name].modes == ("client",) for name in named)
    assert all(case.requirement not in case.also for case in corpus().values())


@pytest.mark.parametrize(
    "test",
    [
        *("event-data", "format-bom", "format-bom-2", "format-comments"),
        *("format-data-before-final-empty-line", "format-field-data", "format-field-event"),
        *("format-field-event-empty", "format-field-id", "format-field-id-2", "format-field-id-3"),
        *("format-field-id-null", "format-field-parsing", "format-field-retry"),
        *("format-field-retry-bogus", "format-field-retry-empty", "format-field-unknown"),
        *("format-leading-space", "format-newlines", "format-null-character", "format-utf-8"),
    ],
)
def test_the_streams_of_the_web_platform_tests_are_in_it(test: str) -> None:
    assert test in [case.get("wpt") for case in TOLD["cases"]]


def test_bytes_that_are_no_utf_8_can_be_written() -> None:
    assert corpus()["utf8-invalid-byte"].stream == b"data: a\xffb\n\n"
    assert corpus()["bom-leading"].stream == b"\xef\xbb\xbfdata: a\n\n"
