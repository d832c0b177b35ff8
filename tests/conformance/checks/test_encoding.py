"""How characters become bytes."""

import pytest

from sse_conformance.transcript import End, Operation
from tests.conformance.checks.exchanges import Found, agrees
from tests.conformance.checks.streams import found
from tests.conformance.emission.emissions import emission, said

HALF: tuple[Operation, ...] = ({"data": "a\ud800b"}, {"data": "next"})
LONG: tuple[Operation, ...] = ({"data": "\u20ac" * 1001},)


@pytest.mark.parametrize(
    ("wire", "end", "what", "evidence"),
    [
        ("data: \xe9\u20ac\U0001f600\n\n".encode(), "complete", "holds", "17 bytes of UTF-8"),
        (b"data: a\n\ndata: \xe9t\xe9\n\n", "complete", "broken", "byte 15, in block 1"),
        (b"data: \xc0\xaf\n\n", "complete", "broken", "byte 6"),
        (b"data: \xed\xa0\x80\n\n", "complete", "broken", "byte 6"),
        (b"data: \xe2\x82", "complete", "broken", "unexpected end of data"),
        (b"data: \xe2\x82", "left", "holds", "8 bytes"),
        (b"data: \xff", "left", "broken", "invalid start byte"),
    ],
)
def test_a_stream_is_utf_8(wire: bytes, end: End, what: Found, evidence: str) -> None:
    agrees(found("ENC-01", wire, end), what, evidence)


def test_a_mark_at_the_beginning_is_found() -> None:
    agrees(found("ENC-02", "\ufeffdata: a\n\n"), "broken", "byte 0")
    agrees(found("ENC-02", "data: \ufeffa\n\n"), "holds", "byte 0")


@pytest.mark.parametrize(
    ("wire", "what", "evidence"),
    [
        ("data: \ufeffa\n\n", "holds", "1 lines"),
        ("\ufeffdata: a\n\n", "holds", "1 lines"),
        ("\ufeff\ufeffdata: a\n\n", "broken", "byte 3"),
        (
            "data: a\n\n\ufeffdata: b\n\n\ufeff: c\n\n",
            "broken",
            "2 lines begin with U+FEFF; byte 9",
        ),
    ],
)
def test_a_mark_before_a_later_line_is_found(wire: str, what: Found, evidence: str) -> None:
    agrees(found("ENC-03", wire), what, evidence)


def test_any_character_of_data_has_to_arrive() -> None:
    asked: Operation = {"data": "a\u2028b"}
    agrees(said("ENC-04", emission(asked, wire="data: a\u2028b\n\n")), "holds")
    agrees(said("ENC-04", emission(asked, wire="data: a\ndata: b\n\n")), "broken", r"'a\nb'")
    agrees(said("ENC-04", emission({"data": "a"}, wire="data: a\n\n")), "unknown")


@pytest.mark.parametrize(
    ("wire", "status", "end", "what", "evidence"),
    [
        ("", 400, "complete", "holds", "refused with 400"),
        ("", 500, "complete", "noted", "answered with 500"),
        ("data: a\ufffdb\n\ndata: next\n\n", 200, "complete", "holds", "at byte 13"),
        ("data: next\n\n", 200, "complete", "holds", "at byte 0"),
        ("data: a?b\n\n", 200, "complete", "broken", "has not come: there are 1"),
        ("", 200, "closed", "broken", "breaks off after 0 bytes"),
        (b"data: a\xed\xa0\x80b\n\ndata: next\n\n", 200, "complete", "broken", "byte 7"),
    ],
)
def test_half_a_character_does_no_harm(
    wire: bytes | str, status: int, end: End, what: Found, evidence: str
) -> None:
    judged = emission(*HALF, wire=wire, status=status, end=end)
    agrees(said("ENC-05", judged), what, evidence)


@pytest.mark.parametrize(
    ("wire", "status", "what", "evidence"),
    [
        ("data: " + "\u20ac" * 1001 + "\n\n", 200, "holds", "[3003] bytes"),
        ("data: " + "\u20ac" * 1000 + "\n\n", 200, "unknown", "did not come"),
        ("", 200, "unknown", "did not come"),
        ("", 414, "unknown", "answered with 414"),
        ("data: " + "\u20ac" * 9 + "\ufffd\n\n", 200, "broken", "character 9"),
        (b"data: " + b"\xe2\x82\xac" * 9 + b"\xe2\x82\n\n", 200, "broken", "byte 33"),
    ],
)
def test_long_data_are_cut_between_characters(
    wire: bytes | str, status: int, what: Found, evidence: str
) -> None:
    agrees(said("ENC-06", emission(*LONG, wire=wire, status=status)), what, evidence)


@pytest.mark.parametrize("requirement", ["ENC-05", "ENC-06"])
def test_other_scripts_say_nothing_about_it(requirement: str) -> None:
    agrees(said(requirement, emission({"data": "a"}, wire="data: a\n\n")), "unknown")
