"""What comes, beside what was asked for."""

import pytest

from sse_conformance.checks.emissions import NOT_ASKED
from sse_conformance.checks.roundtrip import is_split_by_comments, without_comments
from tests.conformance.checks.exchanges import Found, agrees
from tests.conformance.emission.emissions import emission, said


def test_an_id_that_no_header_could_carry_may_be_refused() -> None:
    asked = emission({"data": "a", "id": " 1"}, status=400)
    agrees(said("FRM-06", asked), "noted", "refused with 400")
    agrees(said("FRM-06", emission({"data": " a"}, status=400)), "broken", "answered with 400")


@pytest.mark.parametrize(
    ("wire", "found"), [('id: 1\ndata: "a"\n\n', "broken"), ("id: 1\ndata: a\n\n", "unknown")]
)
def test_a_space_that_is_lost_is_seen_beside_json_too(wire: str, found: Found) -> None:
    asked = emission({"data": "a", "id": " 1"}, wire=wire, is_json=True)
    agrees(said("FRM-06", asked), found)


def test_several_events_are_the_sequences_matter() -> None:
    assert said("FRM-05", emission({"data": "a\nb"}, {"data": "c"})) is NOT_ASKED


def test_what_comments_have_split_is_not_the_datas_fault() -> None:
    asked = emission({"data": "a\nb"}, wire="data: a\n:\n\ndata: b\n\n")
    agrees(said("FRM-05", asked), "unknown", "something else")
    assert is_split_by_comments(asked)


def test_without_comments_nothing_is_split_by_them() -> None:
    assert not is_split_by_comments(emission({"data": "a"}, wire="data: b\n\n"))
    assert not is_split_by_comments(emission({"data": "a"}, wire=": x\n\ndata: b\n\n"))


@pytest.mark.parametrize(
    ("content", "rest"),
    [
        (b"data: a\n:\n\ndata: b\n\n", b"data: a\ndata: b\n\n"),
        (b": a\n: b\n\ndata: b\n\n", b"data: b\n\n"),
        (b"data: a\n:\ndata: b\n\n", b"data: a\ndata: b\n\n"),
    ],
)
def test_comments_go_with_their_blank_line(content: bytes, rest: bytes) -> None:
    assert without_comments(content) == rest
