"""What an agent can say, and the JSON that it is kept as: strict, in ASCII, read back the same."""

import datetime as dt
import json
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from asgi_agent import events
from asgi_agent.errors import UsageError
from asgi_agent.events import (
    TERMINAL,
    AgentEvent,
    Approval,
    Audio,
    BlockEnd,
    BlockStart,
    Cancelled,
    ClientTool,
    Complete,
    Data,
    Entry,
    Error,
    Question,
    Status,
    Text,
    Thinking,
    ToolDelta,
    ToolExec,
    ToolResult,
    decode,
    encode,
    entry,
    fields_of,
    scrub,
    to_json,
)
from tests.strategies import wild_text

# Each event as the native wire has it: these bytes are what clients have been written against.
GOLDEN: list[tuple[AgentEvent, bytes]] = [
    (Text("Hello "), b'text\ndata: {"content": "Hello "}'),
    (Text("é\n\u2028"), b'text\ndata: {"content": "\\u00e9\\n\\u2028"}'),
    (Thinking('"hmm"'), b'thinking\ndata: {"content": "\\"hmm\\""}'),
    (BlockStart("tool-call", 2), b'block_start\ndata: {"kind": "tool-call", "idx": 2}'),
    (BlockEnd("text", 0), b'block_end\ndata: {"kind": "text", "idx": 0}'),
    (ToolDelta("c", "", '{"a'), b'tool_delta\ndata: {"id": "c", "name": "", "args": "{\\"a"}'),
    (ToolExec("c", "f", {"a": 1}), b'tool_exec\ndata: {"id": "c", "name": "f", "args": {"a": 1}}'),
    (ToolResult("c", "f", "3"), b'tool_result\ndata: {"id": "c", "name": "f", "result": "3"}'),
    (ToolResult("c", "f", None), b'tool_result\ndata: {"id": "c", "name": "f", "result": null}'),
    (
        ToolResult("c", "f", "no", is_error=True),
        b'tool_result\ndata: {"id": "c", "name": "f", "result": "no", "is_error": true}',
    ),
    (ClientTool("c", "f", []), b'client_tool\ndata: {"id": "c", "name": "f", "args": []}'),
    (Question("q", "Why?"), b'question\ndata: {"id": "q", "prompt": "Why?"}'),
    (
        Question("q", "Why?", {"type": "string"}),
        b'question\ndata: {"id": "q", "prompt": "Why?", "schema": {"type": "string"}}',
    ),
    (
        Approval("q", "c", "rm", {"x": 1}, "Really?"),
        b'approval\ndata: {"id": "q", "tool_id": "c", "name": "rm", "args": {"x": 1},'
        b' "message": "Really?"}',
    ),
    (Status("busy"), b'status\ndata: {"content": "busy"}'),
    (Data("chart", None), b'data\ndata: {"name": "chart", "value": null}'),
    (
        Data("chart", [1], id="d", transient=False),
        b'data\ndata: {"name": "chart", "value": [1], "id": "d", "transient": false}',
    ),
    (Audio("audio/pcm", b"\x00\xff"), b'audio\ndata: {"media_type": "audio/pcm", "bytes": "AP8="}'),
    (Complete("ok"), b'complete\ndata: {"data": "ok"}'),
    (Complete(None), b'complete\ndata: {"data": null}'),
    (
        Complete("ok", {"total_tokens": 3}, "stop"),
        b'complete\ndata: {"data": "ok", "usage": {"total_tokens": 3}, "finish_reason": "stop"}',
    ),
    (
        Error("It failed.", "agent_error"),
        b'error\ndata: {"error": "It failed.", "code": "agent_error"}',
    ),
    (Cancelled(), b"cancelled\ndata: {}"),
    (Cancelled("deleted"), b'cancelled\ndata: {"reason": "deleted"}'),
]

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # `text` too: what wild_text has, but paired, as JSON must have it.
    | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3)
    ),
    max_leaves=5,
)
short = st.text(max_size=8)
optional = st.none() | short
schemas = st.none() | st.dictionaries(short, json_values, max_size=2)
all_events: st.SearchStrategy[AgentEvent] = st.one_of(
    st.builds(Text, short),
    st.builds(Thinking, short),
    st.builds(BlockStart, short, st.integers()),
    st.builds(BlockEnd, short, st.integers()),
    st.builds(ToolDelta, short, short, short),
    st.builds(ToolExec, short, short, json_values),
    st.builds(ToolResult, short, short, json_values, st.none() | st.booleans()),
    st.builds(ClientTool, short, short, json_values),
    st.builds(Question, short, short, schemas),
    st.builds(Approval, short, short, short, json_values, short),
    st.builds(Status, short),
    st.builds(Data, short, json_values, optional, st.none() | st.booleans()),
    st.builds(Audio, short, st.binary(max_size=5)),
    st.builds(Complete, json_values, schemas, optional),
    st.builds(Error, short, short),
    st.builds(Cancelled, optional),
)


@pytest.mark.parametrize(("event", "kept"), GOLDEN, ids=[kept.decode()[:40] for _, kept in GOLDEN])
def test_an_event_is_written_as_the_native_wire_has_it(event: AgentEvent, kept: bytes) -> None:
    assert encode(event) == kept
    assert entry(7, kept).event == event


def test_the_golden_bytes_show_every_event_there_is() -> None:
    every = {each for each in get_args(AgentEvent) if hasattr(each, "type")}
    assert {type(event) for event, _ in GOLDEN} == every
    assert len({each.type for each in every}) == len(every)


@given(all_events)
@example(Text("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")))
@example(Data("a b", {"": [None, {}]}))
def test_what_was_written_is_read_back_the_same(event: AgentEvent) -> None:
    kept = encode(event)
    assert kept.isascii()
    assert kept.count(b"\n") == 1  # what comes before it is the type
    read = entry(3, kept)
    assert (read.seq, read.type, read.event) == (3, event.type, event)
    assert decode(read.type, read.json) == event
    assert read.is_terminal == (event.type in TERMINAL)
    assert fields_of(event) == json.loads(read.json)


def test_the_terminal_events_are_three() -> None:
    assert {"complete", "error", "cancelled"} == TERMINAL
    assert Entry(1, "error", b"{}").is_terminal
    assert not Entry(1, "text", b"{}").is_terminal


@given(wild_text)
@example("\ud800")
@example("\ud83d\ude00")
@example("\ude00\ud83d")
@example('\ud800"\udc00')
def test_any_text_leaves_as_ascii_without_lone_surrogates(text: str) -> None:
    for event in (Text(text), Thinking(text)):
        kept = encode(event)
        assert kept.isascii()
        read = json.loads(entry(1, kept).json)["content"]
        assert read == scrub(text)
        read.encode("utf-8")  # raises if a surrogate is left


@given(wild_text)
@example("a\ud800\udc00b")
def test_scrubbed_text_has_no_lone_surrogates_and_is_otherwise_the_same(text: str) -> None:
    scrubbed = scrub(text)
    scrubbed.encode("utf-8")
    assert scrub(scrubbed) == scrubbed
    units = text.encode("utf-16-le", "surrogatepass")
    assert len(scrubbed.encode("utf-16-le")) == len(units)


def test_half_a_character_at_the_end_becomes_the_replacement_character() -> None:
    assert scrub("a\ud83d") == "a\ufffd"
    assert to_json({"\ud800": ["\ude00x\ud83d"]}) == b'{"\\ufffd": ["\\ufffdx\\ufffd"]}'


def test_a_character_beyond_the_first_plane_stays_whole() -> None:
    assert to_json("😀") == b'"\\ud83d\\ude00"'
    assert to_json(["\ud83d\ude00"]) == b'["\\ud83d\\ude00"]'


def test_a_backslash_and_the_letters_ud_are_no_surrogate() -> None:
    assert to_json("\\ud800") == b'"\\\\ud800"'


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@given(st.recursive(st.floats(), lambda inner: st.lists(inner) | st.dictionaries(short, inner)))
@example([math.nan, {"a": math.inf}])
def test_numbers_that_json_has_not_become_null(value: Any) -> None:
    json.loads(to_json(value), parse_constant=refuse_constant)


class Model(BaseModel):
    when: dt.date
    ratio: float


@dataclass
class Point:
    x: int
    y: set[int]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        ({"a": -math.inf}, {"a": None}),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02T00:00:00Z"),
        (
            Model(when=dt.date(2026, 1, 2), ratio=math.nan),
            {"when": "2026-01-02", "ratio": None},
        ),
        (Point(1, {2}), {"x": 1, "y": [2]}),
        (b"\xff\x00", "_wA="),
        ((1, 2), [1, 2]),
        ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
        ({(1, 2): "a"}, {"1,2": "a"}),
        (Decimal("1.10"), "1.10"),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (1 + 2j, "1+2j"),
        (ValueError("why"), "why"),
    ],
    ids=repr,
)
def test_what_is_no_json_becomes_what_pydantic_makes_of_it(value: Any, expected: Any) -> None:
    assert json.loads(to_json(value)) == expected


def test_an_object_that_nobody_knows_becomes_its_str() -> None:
    class Weather:
        def __str__(self) -> str:
            return "sunny"

    assert fields_of(ToolResult("c", "f", [Weather()])) == {
        "id": "c",
        "name": "f",
        "result": ["sunny"],
    }


def circle() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


@pytest.mark.parametrize("value", [circle(), 10**5000], ids=["circle", "huge"])
def test_what_nobody_can_write_is_refused_at_once(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's words, or Python's
        encode(Complete(value))


def test_only_events_can_be_said() -> None:
    for thing in (None, {"type": "text"}, object()):
        nothing: Any = thing
        with pytest.raises(UsageError, match="an agent says str or events, not "):
            encode(nothing)


def test_every_class_of_the_module_with_a_type_is_one_that_an_agent_can_say() -> None:
    said = {
        each for each in vars(events).values() if hasattr(each, "type") and isinstance(each, type)
    }
    assert said - {Entry} == set(get_args(AgentEvent))
