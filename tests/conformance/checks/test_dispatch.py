"""What listeners hear."""

import pytest

from sse_conformance.checks.dispatch import sequence_is_same
from sse_conformance.options import Options
from sse_conformance.transcript import End, Operation
from tests.conformance.checks.exchanges import Found, agrees
from tests.conformance.checks.streams import found
from tests.conformance.emission.emissions import emission, emitted, said

TWO: tuple[Operation, ...] = (
    {"data": "a", "event": "x", "id": "1"},
    {"data": "b", "event": "y", "id": "2"},
)
FIRST, SECOND = "event: x\nid: 1\ndata: a\n\n", "event: y\nid: 2\ndata: b\n\n"


@pytest.mark.parametrize(
    ("wire", "what", "evidence"),
    [
        (FIRST + SECOND, "holds", "all 2 events"),
        (f": hi\n\n{FIRST}:\n{SECOND}", "holds", "all 2 events"),
        (SECOND + FIRST, "broken", "event 0, byte 0: the data are 'b', not 'a'"),
        (FIRST, "broken", "1 of 2 events"),
        (FIRST + SECOND + "data: c\n\n", "broken", "byte 48: an event that nobody has asked for"),
        (FIRST + SECOND.replace("y", "z"), "broken", "the type is 'z', not 'y'"),
        (FIRST + SECOND.replace("2", "3"), "broken", "the ID is '3', not '2'"),
        (FIRST + SECOND.replace("id: 2\n", ""), "broken", "the ID is missing, not '2'"),
        (FIRST + "event: y\nid: 2\n:\n\ndata: b\n\n", "unknown", "comments are in the way"),
    ],
)
def test_events_arrive_as_they_were_sent(wire: str, what: Found, evidence: str) -> None:
    agrees(said("DSP-01", emission(*TWO, wire=wire)), what, evidence)


@pytest.mark.parametrize(("status", "end"), [(404, "complete"), (200, "reset"), (0, "failed")])
def test_what_breaks_off_has_not_arrived(status: int, end: End) -> None:
    agrees(said("DSP-01", emission(*TWO, status=status, end=end)), "broken")


def test_long_data_are_shown_in_part() -> None:
    asked: Operation = {"data": "a" * 99}
    agrees(said("DSP-01", emission(asked, wire="data: b\n\n")), "broken", "(99 characters)")


def test_what_is_found_under_another_name_is_not_told_twice() -> None:
    about = emitted(wire='{"conformance":1}').exchange
    known = emitted({"data": " a"}, wire="data: a\n\n")
    both = emitted({"data": " a"}, {"data": "b"}, wire="data: a\n\ndata: b\n\n")
    plain = emitted({"data": "a"}, wire="data: b\n\n")
    agrees(sequence_is_same(about, (both,)), "broken")
    agrees(sequence_is_same(about, (known, both)), "unknown")
    agrees(sequence_is_same(about, (known, both, plain)), "broken", "'b', not 'a'")


@pytest.mark.parametrize(
    ("wire", "what"), [("data\n\n", "holds"), ("data:\n\n", "holds"), ("\n", "broken")]
)
def test_empty_data_are_an_event(wire: str, what: Found) -> None:
    agrees(said("DSP-02", emission({"data": ""}, wire=wire)), what)


@pytest.mark.parametrize(
    ("wire", "what", "evidence"),
    [
        ("event: x\ndata\n\n", "holds", "1 blocks, and 1 events"),
        ("id: 1\n\n", "holds", "1 blocks, and 0 events"),
        ("data: a\n\nid: 1\nevent: x\n\n", "broken", "byte 15: b'event: x'"),
        ("event: x\n", "holds", "0 blocks"),
    ],
)
def test_what_has_a_type_has_data(wire: str, what: Found, evidence: str) -> None:
    agrees(found("DSP-03", wire, "left"), what, evidence)


@pytest.mark.parametrize(
    ("wire", "what", "evidence"),
    [
        ("event: x\ndata: a\n\ndata: b\n\n", "holds", "2 events"),
        ("event: x\ndata: a\n\nevent: x\ndata: b\n\n", "broken", "byte 18: event 1"),
        ("event: x\ndata: b\n\nevent: x\ndata: a\n\n", "holds", "2 events"),
        ("event: x\ndata: a\n\n", "unknown", "1 of 2"),
    ],
)
def test_a_type_is_that_of_one_event(wire: str, what: Found, evidence: str) -> None:
    judged = emission({"data": "a", "event": "x"}, {"data": "b"}, wire=wire)
    agrees(said("DSP-04", judged), what, evidence)


@pytest.mark.parametrize(
    ("wire", "what", "evidence"),
    [
        ("id: 1\ndata: a\n\nid\ndata: b\n\ndata: c\n\n", "holds", "3 events"),
        ("id: 1\ndata: a\n\ndata: b\n\ndata: c\n\n", "broken", "byte 15: no id field"),
        ("id: 1\ndata: a\n\nid:\ndata: b\n\nid: 7\ndata: c\n\n", "broken", "the ID b'7'"),
        ("id: 1\ndata: c\n\ndata: a\n\ndata: x\n\n", "holds", "3 events"),
        ("data: a\n\n", "unknown", "1 of 3"),
    ],
)
def test_ids_are_written_where_they_were_asked_for(wire: str, what: Found, evidence: str) -> None:
    script: tuple[Operation, ...] = (
        {"data": "a", "id": "1"},
        {"data": "b", "id": ""},
        {"data": "c"},
    )
    agrees(said("DSP-05", emission(*script, wire=wire)), what, evidence)


@pytest.mark.parametrize(
    ("profile", "wire", "what", "evidence"),
    [
        ("sse", "data: [DONE]\n\ndata: a\n\n", "unknown", "'sse' has no terminal event"),
        ("openai", "data: a\n\n", "unknown", "no terminal event among 1"),
        ("openai", "data: a\n\ndata: [DONE]\n\n", "holds", "event 1 is the last one"),
        ("openai", "data: [DONE]\n\ndata: a\n\n", "broken", "byte 14: 'a' follows event 0"),
        ("agent", "event: complete\ndata: {}\n\nevent: done\ndata\n\n", "holds", "event 0"),
        ("agent", "event: error\ndata: {}\n\nevent: text\ndata: a\n\n", "broken", "byte 23"),
        ("ag-ui", 'data: {"type":"RUN_FINISHED"}\n\ndata: a\n\n', "broken", "'a' follows"),
        ("ag-ui", 'data: {"type":"RUN_ERROR"}\n\ndata: 7\n\n', "broken", "'7' follows"),
        (
            "ag-ui",
            'data: {"type":"RUN_FINISHED"}\n\ndata: {"type":"RUN_STARTED"}\n\n',
            "holds",
            "event 0",
        ),
    ],
)
def test_nothing_follows_the_last_event(
    profile: str, wire: str, what: Found, evidence: str
) -> None:
    agrees(found("DSP-06", wire, options=Options(profile=profile)), what, evidence)


@pytest.mark.parametrize(
    ("wire", "what", "evidence"),
    [
        ("data: a\n\nid\ndata: b\n\nid\n\n", "unknown", "no event ID"),
        ("id: 1\n\ndata: a\n\nid: 2\ndata: b\n\n", "holds", "2 event IDs"),
        ("id: 1\nid: 1\n\nid: 2\n\n", "holds", "2 event IDs"),
        ("id: 1\n\nid: 2\n\nid: 1\n\n", "broken", "byte 14: the ID b'1' comes 2 times"),
    ],
)
def test_no_id_comes_twice(wire: str, what: Found, evidence: str) -> None:
    agrees(found("DSP-07", wire, "left"), what, evidence)


def test_ids_that_a_script_has_chosen_may_come_twice() -> None:
    same: Operation = {"data": "a", "id": "1"}
    judged = emission(same, same, wire="id: 1\ndata: a\n\n" * 2)
    agrees(said("DSP-07", judged), "unknown", "chosen")


@pytest.mark.parametrize("requirement", ["DSP-01", "DSP-02", "DSP-04", "DSP-05"])
def test_scripts_about_other_things_are_not_judged(requirement: str) -> None:
    judged = emission({"data": {}, "id": "\0"}, wire="data: a\n\n")
    agrees(said(requirement, judged), "unknown", "no script")
