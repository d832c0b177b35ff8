"""Where lines and events end."""

import pytest

from sse_conformance.judge import judge
from sse_conformance.transcript import End, Operation, Record, Subject
from tests.conformance.checks.exchanges import Found, agrees, answered
from tests.conformance.checks.streams import found
from tests.conformance.emission.emissions import emission, said


@pytest.mark.parametrize(
    ("requirement", "wire", "end", "what", "evidence"),
    [
        ("FRM-01", "data: a\n\n", "complete", "holds", r"b' a\n\n'"),
        ("FRM-01", "\n", "complete", "holds", "1 bytes"),
        ("FRM-01", "data: a\n\n: bye", "complete", "broken", "byte 9: b': bye'"),
        ("FRM-01", "data: a", "left", "unknown", "did not end"),
        ("FRM-02", "data: a\n\n: bye\n", "complete", "holds", "1 blocks"),
        ("FRM-02", "data: a\n\nretry: 1\n", "complete", "holds", "1 blocks"),
        ("FRM-02", "data: a\n\nid: 1\ndata: b\n", "complete", "broken", "byte 9: b'id: 1'"),
        ("FRM-02", "data: a\n", "left", "unknown", "did not end"),
        ("FRM-03", "data: a\r\n\r\n", "complete", "holds", r"b'\r\n' from byte 0"),
        ("FRM-03", "data", "left", "holds", "no line has ended"),
        ("FRM-03", "data: a\r\ndata: b\n\n", "complete", "broken", r"b'\n' from byte 9"),
        ("FRM-03", "data: a\r\ndata: b\r", "left", "holds", r"b'\r\n'"),
        ("FRM-03", "data: a\r\ndata: b\r", "complete", "broken", r"b'\r'"),
        ("FRM-04", "data: a\r\rdata: b\r\r", "complete", "broken", "2 of 2 lines"),
        ("FRM-04", "data: a\r\n\r\n", "complete", "holds", "1 lines"),
        ("FRM-04", "data: a\r", "left", "holds", "0 lines"),
    ],
)
def test_lines_and_events_are_ended(
    requirement: str, wire: str, end: End, what: Found, evidence: str
) -> None:
    agrees(found(requirement, wire, end), what, evidence)


@pytest.mark.parametrize(
    ("requirement", "data", "wire", "what", "evidence"),
    [
        ("FRM-05", "a\rb", "data: a\ndata: b\n\n", "holds", ""),
        ("FRM-05", "a\nb", "data: a\nb\n\n", "broken", "'a', not"),
        ("FRM-06", " a", "data:  a\n\n", "holds", ""),
        ("FRM-06", " a", "data: a\n\n", "broken", "not ' a'"),
        ("FRM-06", " a", "data: b\n\n", "unknown", "something else"),
        ("FRM-07", "a \n", "data: a \ndata: \n\n", "holds", ""),
        ("FRM-07", "a \n", "data: a\n\n", "broken", r"not 'a \n'"),
        ("FRM-07", "a\n\nb", "data: a\ndata: b\n\n", "broken", r"not 'a\n\nb'"),
        ("FRM-07", "a\n\nb", "data: a\n\nb\n\n", "unknown", "something else"),
        ("FRM-10", "a\n: c", "data: a\ndata: : c\n\n", "holds", "one event"),
        ("FRM-10", "a\n: c", "data: a\n: c\n\n", "broken", "byte 8: b': c'"),
        ("FRM-10", "a\n\nid: 1", "data: a\n\nid: 1\n\n", "broken", "byte 9: b'id: 1'"),
        ("FRM-10", "a\n\nb", "data: a\n\ndata: b\n\n", "broken", "2 events, the second at byte 9"),
        ("FRM-10", "x\ndata: x", "data: x\ndata: data: x\n\n", "holds", "one event"),
        ("FRM-10", "a\n\ndata", "data: a\ndata\ndata: data\n\n", "holds", "one event"),
        ("FRM-10", "a\n: c", "", "unknown", "there is no event"),
    ],
)
def test_data_of_any_shape_arrive(
    requirement: str, data: str, wire: str, what: Found, evidence: str
) -> None:
    agrees(said(requirement, emission({"data": data}, wire=wire)), what, evidence)


@pytest.mark.parametrize(
    ("field", "text", "wire", "what", "evidence"),
    [
        ("event", "x\ndata: y", "event: x\ndata: y\ndata: a\n\n", "broken", "byte 9: b'data: y'"),
        ("id", "1\rfoo", "id: 1\rfoo\ndata: a\n\n", "broken", "byte 6: b'foo'"),
        ("event", "x\n: c", "event: x\n: c\ndata: a\n\n", "broken", "byte 9: b': c'"),
        ("event", "x\n\n", "event: x\n\n\ndata: a\n\n", "broken", "cut in two: byte 0"),
        ("event", "x\ndata: y", "event: xdata: y\ndata: a\n\n", "holds", "another's making"),
        ("event", "x\ndata: y", "event: x data: y\ndata: a\n\n", "holds", ""),
        ("event", "x\ndata: y", "event: x\ndata: a\n\n", "holds", ""),
        ("event", "x\ndata: a", "event: x\ndata: a\n\n", "holds", ""),
        ("event", "x\ndata: y", ": ok\n\nid: 3\ndata: a\n\n", "holds", ""),
        ("event", "x\n\n", "event: other\n\nevent: x\ndata: a\n\n", "holds", ""),
    ],
)
def test_names_forge_nothing(field: str, text: str, wire: str, what: Found, evidence: str) -> None:
    script: Operation = {"data": "a", field: text}
    agrees(said("FRM-08", emission(script, wire=wire)), what, evidence)


@pytest.mark.parametrize(
    ("text", "wire", "what", "evidence"),
    [
        ("x\ndata: y", ": x\ndata: y\n\ndata: a\n\n", "broken", "byte 4: b'data: y'"),
        ("x\rdata: y", ": x\rdata: y\n\ndata: a\n\n", "broken", "byte 4: b'data: y'"),
        ("x\ndata: y", ": x\n: data: y\n\ndata: a\n\n", "holds", ""),
        ("x\n: y", ": x\n: y\n\ndata: a\n\n", "holds", ""),
        ("x\ndata: y", "data: a\n\n", "holds", ""),
    ],
)
def test_comments_forge_nothing(text: str, wire: str, what: Found, evidence: str) -> None:
    agrees(said("FRM-09", emission({"comment": text}, {"data": "a"}, wire=wire)), what, evidence)


@pytest.mark.parametrize("requirement", ["FRM-08", "FRM-09"])
def test_what_is_refused_or_breaks_off_forges_nothing(requirement: str) -> None:
    script: tuple[Operation, ...] = ({"data": "a", "id": "1\n2"},)
    if requirement == "FRM-09":
        script = ({"comment": "1\n2"},)
    agrees(said(requirement, emission(*script, status=422)), "holds", "refused with 422")
    agrees(said(requirement, emission(*script, status=500)), "noted", "answered with 500")
    agrees(said(requirement, emission(*script, end="reset")), "noted", "breaks off")


def test_a_lone_surrogate_beside_a_line_end_is_no_trouble() -> None:
    asked: Operation = {"data": "a", "event": "x\n\ud800"}
    agrees(said("FRM-08", emission(asked, wire="data: a\n\n")), "holds")


TWO: tuple[Operation, ...] = ({"data": "a", "id": "1"}, {"data": "b", "id": "2"})


@pytest.mark.parametrize(
    ("wire", "what", "evidence"),
    [
        ("id: 1\ndata: a\n\n:\n\nid: 2\ndata: b\n\n", "holds", "2 events"),
        ("id: 1\n:\n\ndata: a\n\nid: 2\ndata: b\n\n", "broken", "split an event: byte 6: b':'"),
        (
            "id: 1\n:\ndata: a\n\nid: 2\ndata: b\n\n",
            "noted",
            "between the lines of an event: byte 6",
        ),
        (":\nid: 1\ndata: a\n:\n\nid: 2\ndata: b\n\n", "holds", "2 events"),
        ("id: 1\ndata: a\n\n", "holds", "1 events"),
    ],
)
def test_events_are_written_in_one_piece(wire: str, what: Found, evidence: str) -> None:
    agrees(said("FRM-11", emission(*TWO, wire=wire)), what, evidence)


@pytest.mark.parametrize("name", ["silent", "paced"])
@pytest.mark.parametrize(
    ("wire", "what"),
    [
        ("id: 1\ndata: a\n\n:\n\nid: 2\ndata: b\n\n", "holds"),
        ("id: 1\n:\n\ndata: a\n\nid: 2\ndata: b\n\n", "broken"),
    ],
)
def test_where_there_are_heartbeats_events_are_in_one_piece(
    name: str, wire: str, what: str
) -> None:
    record = Record(Subject(target="", mode="emit"))
    record.add("capabilities", answered(404))
    record.add(name, emission(*TWO, wire=wire).emitted)
    (result,) = judge(record, ["FRM-11"])
    assert result.found == what, result.evidence


@pytest.mark.parametrize(
    ("wire", "status", "what", "evidence"),
    [
        ("data: " + "x" * 2000 + "\n\n", 200, "holds", "2000 characters"),
        ("data: " + "x" * 1999 + "\n\n", 200, "broken", "(1999 characters)"),
        ("", 413, "noted", "2000 characters are refused with 413"),
    ],
)
def test_large_events_arrive(wire: str, status: int, what: Found, evidence: str) -> None:
    asked: Operation = {"data": "x" * 2000}
    agrees(said("FRM-12", emission(asked, wire=wire, status=status)), what, evidence)


@pytest.mark.parametrize(
    "requirement",
    [f"FRM-{number:02}" for number in (1, 2, 5, 6, 7, 8, 9, 10, 11, 12)],
)
def test_scripts_about_other_things_are_not_judged(requirement: str) -> None:
    judged = emission({"data": {}, "id": "\0\n"}, {"comment": "\n"}, wire="data: a\n\n")
    agrees(said(requirement, judged), "unknown", "no script")
