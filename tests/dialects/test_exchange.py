"""What dialects of requests and responses share: frames, the IDs of calls, contents."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from asgi_agent.dialects.exchange import (
    Frame,
    operation,
    read_wire_id,
    text_of,
    to_sse,
    tokens,
    wire_id,
)
from asgi_agent.sse import EventStreamDecoder
from tests.dialects.speech import text


def test_frames_are_whole_events_with_or_without_a_name() -> None:
    assert to_sse([Frame("1"), Frame("2", "two")]) == b"data: 1\n\nevent: two\ndata: 2\n\n"
    assert to_sse([]) == b""
    assert to_sse([Frame("1", "message")]) == b"event: message\ndata: 1\n\n"


@given(st.lists(st.builds(Frame, text, st.sampled_from(["", "named"])), max_size=4))
@example([Frame("a\nb")])
def test_frames_are_read_as_they_were_written(frames: list[Frame]) -> None:
    read = EventStreamDecoder().feed(to_sse(frames))
    lines = [frame.data.replace("\r\n", "\n").replace("\r", "\n") for frame in frames]
    told = [line.encode("utf-8", "replace").decode() for line in lines]
    assert len(read) == len(frames)
    assert [each.event or "message" for each in read] == [
        frame.event or "message" for frame in frames
    ]
    assert [each.data.replace("\ufffd", "?") for each in read] == [
        each.replace("\ufffd", "?") for each in told
    ]


@given(st.uuids(), text)
@example(UUID(int=0), "_a_")
def test_the_id_of_a_call_names_its_session(session: UUID, call: str) -> None:
    assert read_wire_id(wire_id(str(session), call)) == (str(session), call)


@given(text)
@example("")
@example("call_")
@example("call__")
def test_the_id_of_any_call_can_be_read(wild: str) -> None:
    assert len(read_wire_id(wild)) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, ""),
        ("a", "a"),
        ([], ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "image_url"}], [{"type": "image_url"}]),
        ([{"text": "a"}, {"text": 1}], [{"text": "a"}, {"text": 1}]),
        (["a"], ["a"]),
        (5, 5),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_content_is_text_where_it_is_text(content: Any, told: Any) -> None:
    assert text_of(content) == told


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, (0, 0)),
        ({}, (0, 0)),
        ({"input_tokens": 3, "output_tokens": 4}, (3, 4)),
        ({"prompt_tokens": 3, "completion_tokens": 4}, (3, 4)),
        ({"input_tokens": "3", "output_tokens": -1}, (0, 0)),
        ({"input_tokens": True, "output_tokens": 1.5}, (0, 0)),
    ],
)
def test_tokens_are_counted_by_any_name(usage: Any, counts: tuple[int, int]) -> None:
    assert tokens(usage) == counts


class Body(BaseModel):
    field: int


def test_an_operation_says_what_it_takes_and_gives() -> None:
    plain = operation("Plain")
    assert plain["summary"] == "Plain"
    assert "requestBody" not in plain
    assert list(plain["responses"]["200"]["content"]) == ["application/json"]
    streams = operation("Streams", Body, streams=True)
    assert "text/event-stream" in streams["responses"]["200"]["content"]
    schema = streams["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["field"]
