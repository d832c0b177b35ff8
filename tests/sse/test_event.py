"""The encoder: what it writes, what it refuses, and that no value can forge a field."""

import dataclasses
import enum
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given

from asgi_agent.errors import AsgiAgentError, InvalidField
from asgi_agent.sse import HEARTBEAT, LONGEST_RETRY, Comment, Event
from tests.strategies import comments, events

# What str.splitlines takes for a line end and an event stream does not.
NOT_LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def test_an_event_is_its_data_and_a_blank_line() -> None:
    assert Event("hello").encode() == b"data: hello\n\n"


def test_the_fields_come_in_the_order_id_event_retry_data() -> None:
    event = Event("hello", event="greeting", id="7", retry=3000)
    assert event.encode() == b"id: 7\nevent: greeting\nretry: 3000\ndata: hello\n\n"


@pytest.mark.parametrize("name", ["message", ""])
def test_the_default_event_name_is_not_written(name: str) -> None:
    assert Event("a", event=name).encode() == b"data: a\n\n"


def test_empty_data_is_one_empty_data_line() -> None:
    assert Event("").encode() == b"data: \n\n"


def test_an_empty_id_is_written_because_it_clears_the_last_event_id() -> None:
    assert Event("a", id="").encode() == b"id: \ndata: a\n\n"


def test_a_reconnection_time_of_zero_is_written() -> None:
    assert Event("a", retry=0).encode() == b"retry: 0\ndata: a\n\n"


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_each_line_of_the_data_is_a_data_line(line_end: str) -> None:
    assert Event(f"a{line_end}b").encode() == b"data: a\ndata: b\n\n"
    assert Event(f"{line_end}").encode() == b"data: \ndata: \n\n"
    assert Event(f"a{line_end}{line_end}b{line_end}").encode() == (
        b"data: a\ndata: \ndata: b\ndata: \n\n"
    )


def test_lf_before_cr_is_two_line_ends() -> None:
    assert Event("a\n\rb").encode() == b"data: a\ndata: \ndata: b\n\n"


@pytest.mark.parametrize("character", NOT_LINE_ENDS)
def test_other_separators_are_part_of_the_text(character: str) -> None:
    text = f"a{character}b"
    line = text.encode()
    assert Event(text, event=text, id=text).encode() == (
        b"id: " + line + b"\nevent: " + line + b"\ndata: " + line + b"\n\n"
    )
    assert Comment(text).encode() == b": " + line + b"\n"


def test_spaces_at_the_start_of_a_value_are_kept_behind_our_own() -> None:
    assert Event(" a", event=" b", id=" c").encode() == b"id:  c\nevent:  b\ndata:  a\n\n"


def test_text_is_written_in_utf_8_without_a_byte_order_mark() -> None:
    assert Event("é€😀").encode() == b"data: \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n\n"
    assert Event("\ufeff").encode() == b"data: \xef\xbb\xbf\n\n"  # which is the data's own


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("c\udfffd", "c\ufffdd"),
        ("\ud83d", "\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ud83d\ude00\ude00", "\ufffd😀\ufffd"),
        ("\ufeff\ud83d", "\ufeff\ufffd"),
    ],
)
def test_surrogate_pairs_join_and_lone_ones_become_a_replacement_character(
    text: str, written: str
) -> None:
    assert Event(text).encode() == f"data: {written}\n\n".encode()
    assert Comment(text).encode() == f": {written}\n".encode()


@pytest.mark.parametrize("value", ["\r", "\n", "\0", "a\nb", "a\r", "\0a", "\ud800", "a\udfff"])
def test_a_name_that_is_not_one_line_of_text_is_refused(value: str) -> None:
    with pytest.raises(InvalidField, match="an event ID is one line") as refusal:
        Event("a", id=value)
    assert repr(value) in str(refusal.value)
    with pytest.raises(InvalidField, match="an event name is one line") as refusal:
        Event("a", event=value)
    assert repr(value) in str(refusal.value)


@pytest.mark.parametrize("value", [-1, True, False, 1.5, "3000", LONGEST_RETRY + 1])
def test_a_reconnection_time_that_is_no_whole_number_in_range_is_refused(value: Any) -> None:
    with pytest.raises(InvalidField, match="retry is a whole number from 0 to"):
        Event("a", retry=value)


def test_a_reconnection_time_of_more_digits_than_python_writes_is_refused_all_the_same() -> None:
    for value in (1 << 20_000, -1 << 20_000):
        with pytest.raises(InvalidField, match=f": {value:#x}$"):
            Event("a", retry=value)


def test_a_refused_reconnection_time_is_shown() -> None:
    with pytest.raises(InvalidField, match=r": -1$"):
        Event("a", retry=-1)
    with pytest.raises(InvalidField, match=r": True$"):
        Event("a", retry=True)
    with pytest.raises(InvalidField, match=f": {LONGEST_RETRY + 1:#x}$"):
        Event("a", retry=LONGEST_RETRY + 1)


def test_the_longest_reconnection_time_is_accepted() -> None:
    assert Event("a", retry=LONGEST_RETRY).encode() == b"retry: 9007199254740991\ndata: a\n\n"


@pytest.mark.parametrize("value", [None, 1, b"a", ["a"]])
@pytest.mark.parametrize("field", ["data", "event"])
def test_what_is_not_text_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidField, match="text"):
        Event(**{"data": "a", field: value})


@pytest.mark.parametrize("value", [7, b"7", True])
def test_an_id_that_is_not_text_is_refused(value: Any) -> None:
    with pytest.raises(InvalidField, match="an event ID is one line of text"):
        Event("a", id=value)


@pytest.mark.parametrize("value", [None, b"a", 0])
def test_a_comment_that_is_not_text_is_refused(value: Any) -> None:
    with pytest.raises(InvalidField, match="a comment is text: "):
        Comment(value)


def test_a_refusal_is_ours_and_a_value_error() -> None:
    assert issubclass(InvalidField, AsgiAgentError)
    assert issubclass(InvalidField, ValueError)


def test_an_event_does_not_change() -> None:
    event = Event("a")
    for field in ("data", "event", "id", "retry"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(event, field, "b")
    assert not hasattr(event, "__dict__")


def test_an_event_is_a_value() -> None:
    assert Event("a", id="1") == Event("a", "message", "1", None)
    assert len({Event("a"), Event("a"), Event("b")}) == 2
    assert Event("a", id="") != Event("a")
    assert pickle.loads(pickle.dumps(Event("a", id="1"))) == Event("a", id="1")


def test_an_enumeration_member_is_written_by_its_value() -> None:
    class Name(str, enum.Enum):  # noqa: UP042 - its format() is not its value
        TEXT = "text"

    class Milliseconds(enum.IntEnum):
        SOON = 5

    event = Event(Name.TEXT, event=Name.TEXT, id=Name.TEXT, retry=Milliseconds.SOON)
    assert event.encode() == b"id: text\nevent: text\nretry: 5\ndata: text\n\n"


def test_a_heartbeat_is_one_bare_comment_line_and_no_blank_line() -> None:
    assert HEARTBEAT.encode() == b":\n"
    assert Comment("") == HEARTBEAT


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_each_line_of_a_comment_is_a_comment_line(line_end: str) -> None:
    assert Comment(f"a{line_end}data: b").encode() == b": a\n: data: b\n"
    assert Comment(f"a{line_end}{line_end}").encode() == b": a\n: \n: \n"


def lines_of(encoded: bytes) -> Iterator[bytes]:
    """The lines of `encoded`, without any of our own code: CR would end one, so there is none."""
    assert b"\r" not in encoded
    *lines, end = encoded.split(b"\n")
    assert end == b""
    yield from lines


FORGERIES = [
    "\rid: 666",
    "\nid: 666",
    "\r\nevent: forged",
    "\n\ndata: forged\n\n",
    "\r\rretry: 1\r\r",
]


@given(event=events)
@example(event=Event("\n\nid: 666\n\n", event="e", id="1", retry=1))
@example(event=Event("a\rid: 666"))
@example(event=Event("\r\n\r\ndata: forged\r\r"))
def test_no_value_of_an_event_can_forge_a_field(event: Event) -> None:
    *fields, blank = lines_of(event.encode())
    assert blank == b""  # the only blank line is the last
    expected = [b"id"] * (event.id is not None)
    expected += [b"event"] * (event.event not in {"", "message"})
    expected += [b"retry"] * (event.retry is not None)
    names = [field.partition(b": ")[0] for field in fields]
    assert names == expected + [b"data"] * (len(names) - len(expected))
    assert len(names) > len(expected)


@given(comment=comments)
@example(comment=Comment("\n\ndata: forged\n\n"))
@example(comment=Comment("a\rdata: forged"))
def test_no_comment_can_forge_a_field(comment: Comment) -> None:
    assert all(line.startswith(b":") for line in lines_of(comment.encode()))


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_id_or_event_name_is_refused_wherever_it_stands(forgery: str) -> None:
    for value in (forgery, "a" + forgery, forgery + "a"):
        with pytest.raises(InvalidField):
            Event("a", id=value)
        with pytest.raises(InvalidField):
            Event("a", event=value)
