"""What the lines of a stream say."""

import pytest

from sse_conformance.options import Options
from sse_conformance.transcript import End, Operation
from tests.conformance.checks.exchanges import Found, agrees
from tests.conformance.checks.streams import found
from tests.conformance.emission.emissions import emission, said


@pytest.mark.parametrize(
    ("requirement", "wire", "end", "what", "evidence"),
    [
        ("FLD-01", ": c\nid\nevent:\ndata: a\nretry:1\n\n", "left", "holds", "data, event, id"),
        ("FLD-01", "data: a\ntype: x\nfoo\ntype: y\n\n", "left", "broken", "byte 8: b'type: x'"),
        ("FLD-01", "\ufeff\ufeffdata: a\nData: b\n\n", "left", "holds", "2 lines"),
        ("FLD-01", "data: a\n\nfoo", "left", "holds", "1 lines"),
        ("FLD-02", "data: a\nData: b\n\n", "left", "broken", "byte 8: b'Data: b'"),
        ("FLD-02", "data : a\n\n", "left", "broken", "b'data ' is no field"),
        ("FLD-02", "\tid: a\n\n", "left", "broken", "byte 0"),
        ("FLD-02", "data: a\nDatum: b\n\n", "left", "holds", "2 lines"),
        ("FLD-03", "data: a\n\n", "left", "unknown", "no retry"),
        ("FLD-03", "retry: 03000\ndata: a\n\n", "left", "holds", "1 retry fields; byte 0"),
        ("FLD-03", "retry:\n\n", "left", "broken", "byte 0: b'retry:'"),
        ("FLD-03", "retry: -1\n\n", "left", "broken", "not only digits"),
        ("FLD-03", "retry: 1\nretry: 3.5s\n\n", "left", "broken", "byte 9"),
        ("FLD-03", "retry: \u0663\n\n", "left", "broken", "not only digits"),
        ("FLD-04", "data: a\n\n", "left", "unknown", "no event ID"),
        ("FLD-04", "id: 1\n\nid: 2\0\n\n", "left", "broken", "byte 7"),
        ("FLD-04", "id: 1\ndata: \0\n\n", "left", "holds", "1 event IDs"),
        ("FLD-05", "data: a\n\n", "left", "unknown", "no event ID"),
        ("FLD-05", "id: 1\n\nid:\n\nid: \xe9\n\n", "left", "holds", "3 event IDs, as b'1'"),
        ("FLD-05", f"id: {'1' * 128}\n\n", "left", "holds", "1 event IDs"),
        ("FLD-05", f"id: {'1' * 129}\n\n", "left", "broken", "129 bytes"),
        ("FLD-05", "id:  1\n\n", "left", "broken", "a space at an end"),
        ("FLD-05", "id: 1\t\n\n", "left", "broken", "a space at an end"),
        ("FLD-05", "id: 1\x1f2\n\n", "left", "broken", "a control character"),
        ("FLD-05", "id: 1\x7f\n\n", "left", "broken", "a control character"),
        ("FLD-05", "id: 1\0\n\n", "left", "holds", "1 event IDs"),
        ("FLD-05", "id: a:1\n\n", "left", "noted", "preflight"),
        ("FLD-06", "id: 1\nevent: x\ndata: a\ndata: b\n\n", "left", "holds", "1 blocks"),
        (
            "FLD-06",
            "id: 1\ndata: a\nid: 1\n\n",
            "left",
            "broken",
            "2 id fields in a block; byte 14",
        ),
        ("FLD-06", "event: x\nevent: x\n\n", "left", "broken", "2 event fields"),
        ("FLD-06", "id: 1\nid: 2\n", "left", "holds", "0 blocks"),
        ("FLD-07", "event: x\ndata: a\n\n", "left", "holds", "1 event fields"),
        ("FLD-07", "event\ndata: a\n\n", "left", "broken", "1 event fields say nothing; byte 0"),
        ("FLD-07", "event: message\ndata: a\n\n", "left", "broken", "byte 0"),
        ("FLD-08", "event: x\ndata: a\n\n", "left", "holds", "1 event fields"),
        ("FLD-08", "event: open\ndata: a\n\n", "left", "broken", "byte 0: b'event: open'"),
        ("FLD-08", "event: error\n\n", "left", "broken", "EventSource's own"),
    ],
)
def test_fields_say_what_they_may(
    requirement: str, wire: str, end: End, what: Found, evidence: str
) -> None:
    agrees(found(requirement, wire, end), what, evidence)


@pytest.mark.parametrize("profile", ["agent", "universal"])
def test_agents_may_call_an_event_error(profile: str) -> None:
    options = Options(profile=profile)
    agrees(found("FLD-08", "event: error\n\n", options=options), "noted", "byte 0")


@pytest.mark.parametrize(
    ("requirement", "asked", "wire", "what", "evidence"),
    [
        ("FLD-03", {"data": "a", "retry": 1}, "retry: 1\ndata: a\n\n", "holds", "1 retry"),
        ("FLD-03", {"data": "a", "retry": 1}, "data: a\n\n", "noted", "[1] was asked for, and []"),
        ("FLD-03", {"data": "a", "retry": 1}, "retry: 1e3\ndata: a\n\n", "broken", "digits"),
        ("FLD-04", {"data": "a", "id": "1\0"}, "id: 1\ndata: a\n\n", "holds", "has not come"),
        ("FLD-04", {"data": "a", "id": "1\0"}, "id: 1\0\ndata: a\n\n", "broken", "NUL"),
        ("FLD-05", {"data": "a", "id": "1\t"}, "id: 1\t\ndata: a\n\n", "unknown", "no event ID"),
        ("FLD-05", {"data": "a"}, "id: 1\t\ndata: a\n\n", "broken", "a space"),
        ("FLD-07", {"data": "a"}, "event: message\ndata: a\n\n", "broken", "byte 0"),
        ("FLD-07", {"data": "a", "event": "message"}, "event: message\ndata: a\n\n", "holds", "1"),
        ("FLD-08", {"data": "a"}, "event: open\ndata: a\n\n", "broken", "nobody has asked"),
        ("FLD-08", {"data": "a"}, "data: a\n\n", "holds", "1 events"),
        ("FLD-08", {"data": "a", "event": "open"}, "event: open\ndata: a\n\n", "unknown", ""),
        ("FLD-09", {"data": {"a": True}}, 'data: {"a":true}\n\n', "holds", "is JSON"),
        ("FLD-09", {"data": True}, "data: true\n\n", "holds", "is JSON"),
        ("FLD-09", {"data": True}, "data: True\n\n", "broken", "'True'"),
        ("FLD-09", {"data": {"a": True}}, "data: [object Object]\n\n", "broken", "byte 0"),
        (
            "FLD-09",
            {"data": {"a": True}},
            "data: a=yes\n\n",
            "noted",
            """'a=yes' was written for {"a""",
        ),
        ("FLD-09", {"data": 1}, ": nothing\n\n", "unknown", "did not come"),
    ],
)
def test_what_was_asked_for_is_nobodys_fault(
    requirement: str, asked: Operation, wire: str, what: Found, evidence: str
) -> None:
    agrees(said(requirement, emission(asked, wire=wire)), what, evidence)


def test_what_is_no_text_may_be_refused() -> None:
    agrees(said("FLD-09", emission({"data": 1}, status=422)), "holds", "refused with 422")
    agrees(said("FLD-09", emission({"data": 1}, status=500)), "unknown", "answered with 500")
    agrees(said("FLD-09", emission({"data": "a"}, wire="data: a\n\n")), "unknown", "no script")
