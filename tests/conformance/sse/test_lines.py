"""The lines of a stream, and where they are in it."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sse_conformance.sse import Line, lines_of
from sse_conformance.sse.lines import BOM


@given(st.binary(max_size=60))
@example(b"a\r\nb\rc\nd")
@example(b"\r\n\r\r\n")
@example(b"")
def test_every_byte_is_in_one_line(stream: bytes) -> None:
    lines = list(lines_of(stream))
    start = len(BOM) if stream.startswith(BOM) else 0
    assert b"".join(line.content + line.end for line in lines) == stream[start:]
    for line, follower in pairwise(lines):
        assert line.after == follower.offset


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_there_are_three_ways_to_end_a_line(end: bytes) -> None:
    assert list(lines_of(b"a" + end + b"b")) == [
        Line(0, b"a", end),
        Line(1 + len(end), b"b", b""),
    ]


@pytest.mark.parametrize("other", ["\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028", "\u2029"])
def test_nothing_else_ends_a_line(other: str) -> None:
    (line,) = lines_of(f"a{other}b".encode())
    assert line.content == f"a{other}b".encode()


def test_one_mark_belongs_to_no_line() -> None:
    (line,) = lines_of(BOM + BOM + b"data\n")
    assert (line.offset, line.content) == (3, BOM + b"data")


@pytest.mark.parametrize(
    ("content", "name", "value"),
    [
        (b"data: a", b"data", b"a"),
        (b"data:a", b"data", b"a"),
        (b"data:  a", b"data", b" a"),
        (b"data:\ta", b"data", b"\ta"),
        (b"data", b"data", b""),
        (b"data:", b"data", b""),
        (b"data: a: b", b"data", b"a: b"),
    ],
)
def test_a_field_is_what_stands_around_the_first_colon(
    content: bytes, name: bytes, value: bytes
) -> None:
    line = Line(0, content, b"\n")
    assert (line.name, line.value, line.is_comment, line.is_blank) == (name, value, False, False)


def test_a_comment_begins_with_a_colon_and_a_blank_line_with_nothing() -> None:
    assert Line(0, b": a", b"\n").is_comment
    assert Line(0, b"", b"\n").is_blank
