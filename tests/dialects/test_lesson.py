"""The lesson's dialect: unnamed events with a type, and as much on its WebSocket."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.dialects.lesson import (
    CUT_OFF,
    FAILURE,
    LessonEventStream,
    LessonWebSocket,
    error,
    translate,
)
from asgi_agent.errors import BadRequest, InvalidInput, SessionBusy
from asgi_agent.events import (
    AgentEvent,
    Approval,
    Audio,
    BlockStart,
    Cancelled,
    Complete,
    Data,
    Error,
    Question,
    Text,
    ToolDelta,
    ToolResult,
)
from asgi_agent.inputs import AnswerMessage, CancelMessage, PromptMessage, ResumeMessage
from asgi_agent.sse import EventStreamDecoder
from tests.dialects.speech import WEATHER, entries, kept, runs

GOLDEN = r"""data: {"type": "status", "content": "Thinking..."}

data: {"type": "thinking", "content": "hmm"}

data: {"type": "tool_call", "tool": "get_weather", "input": {"city": "Tokyo"}, "status": "running"}

data: {"type": "tool_result", "tool": "get_weather", "output": "sunny", "status": "complete"}

data: {"type": "status", "content": "Writing"}

data: {"type": "token", "content": "M\u00e9t\u00e9o: "}

data: {"type": "token", "content": "sunny.\n"}

data: {"type": "done", "content": ""}

"""


def streamed(*events: AgentEvent) -> list[dict[str, Any]]:
    stream = LessonEventStream().encode(1, 1, kept(*events))
    assert stream.isascii()
    read = EventStreamDecoder().feed(stream)
    assert {(each.event, each.id) for each in read} <= {("message", None)}
    return [json.loads(each.data) for each in read]


def told(*events: AgentEvent) -> list[Any]:
    socket = LessonWebSocket()
    messages = [message for each in entries(*events) for message in socket.messages(each)]
    return [json.loads(each) if isinstance(each, str) else each for each in messages]


def test_a_turn_is_these_bytes_on_an_event_stream() -> None:
    assert LessonEventStream().encode(1, 1, kept(*WEATHER)).decode("ascii") == GOLDEN


def test_the_same_bytes_come_out_however_they_are_cut_into_pages() -> None:
    stream = LessonEventStream()
    pages = [stream.encode(1, seq, [each]) for seq, each in enumerate(kept(*WEATHER), 1)]
    assert b"".join(pages).decode() == GOLDEN


def test_what_this_dialect_has_no_word_for_is_no_bytes() -> None:
    assert (
        LessonEventStream().encode(1, 2, kept(BlockStart("text"), ToolDelta("c", "f", "{"))) == b""
    )


def test_a_turn_on_a_websocket_ends_with_the_whole_answer() -> None:
    assert told(*WEATHER) == [
        {"type": "status", "content": "Thinking..."},
        {"type": "thinking", "content": "hmm"},
        {
            "type": "tool_call",
            "tool": "get_weather",
            "input": {"city": "Tokyo"},
            "status": "running",
        },
        {
            "type": "tool_result",
            "tool": "get_weather",
            "output": "sunny",
            "status": "complete",
        },
        {"type": "status", "content": "Writing"},
        {"type": "token", "content": "Météo: "},
        {"type": "token", "content": "sunny.\n"},
        {"type": "done", "content": "Météo: sunny.\n"},
    ]


def test_messages_on_a_websocket_are_compact_and_not_escaped() -> None:
    [status, token] = LessonWebSocket().messages(entries(Text("é"))[0])
    assert status == '{"type":"status","content":"Thinking..."}'
    assert token == '{"type":"token","content":"é"}'


@given(st.text())
@example('"\\ \n\t\x01\x7f')
@example("\\u0041 M\u00e9t\u00e9o")
def test_a_token_on_a_websocket_is_written_as_if_it_had_been_parsed(content: str) -> None:
    [_, token] = LessonWebSocket().messages(entries(Text(content))[0])
    written = json.dumps(content, ensure_ascii=False)
    assert token == f'{{"type":"token","content":{written}}}'


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Error("No.", "agent_error"), {"type": "error", "content": "No."}),
        (Cancelled("deleted"), {"type": "cancelled", "content": "Agent execution cancelled"}),
        (Question("q", "Why?"), {"type": "question", "id": "q", "prompt": "Why?"}),
        (
            Approval("q", "c", "rm", {}, "Really?"),
            {
                "type": "approval",
                "id": "q",
                "tool_id": "c",
                "name": "rm",
                "args": {},
                "message": "Really?",
            },
        ),
        (Data("chart", [1]), {"type": "data", "name": "chart", "value": [1]}),
        (
            ToolResult("c", "f", {"a": 1}, is_error=True),
            {"type": "tool_result", "tool": "f", "output": {"a": 1}, "status": "complete"},
        ),
    ],
)
def test_the_same_is_told_both_ways(event: AgentEvent, message: dict[str, Any]) -> None:
    assert streamed(event)[1:] == [message]
    assert told(event)[1:] == [message]


def test_an_outcome_that_is_no_text_is_done_all_the_same() -> None:
    for data in (None, {"a": 1}, 5):
        assert told(Complete(data))[-1] == streamed(Complete(data))[-1]
        assert told(Complete(data))[-1] == {"type": "done", "content": ""}


def test_sound_is_base64_on_an_event_stream_and_itself_on_a_websocket() -> None:
    sound = Audio("audio/pcm", b"\x00\xff")
    assert streamed(sound)[1:] == [{"type": "audio", "media_type": "audio/pcm", "bytes": "AP8="}]
    assert told(sound)[1:] == [{"type": "audio", "media_type": "audio/pcm"}, b"\x00\xff"]
    assert told(Audio("audio/pcm", b""))[1:] == []  # a message cannot be empty


def test_a_stream_that_ends_too_soon_does_not_look_like_success() -> None:
    for end in (CUT_OFF, FAILURE):
        assert json.loads(end.data)["type"] == "error"
        assert end.encode().startswith(b"data: ")


ENDS = {"complete": "done", "error": "error", "cancelled": "cancelled"}
UNTOLD = {"block_start", "block_end", "tool_delta"}


@given(runs())
@example([Cancelled()])
@example([Audio("x", b""), Complete("\u2028")])
@example([Data("d", {"type": "x"}), Error("\n\ndata: y", "z")])
def test_any_run_is_told_in_order_and_ends_once(events: list[AgentEvent]) -> None:
    messages = streamed(*events)
    assert messages[0] == {"type": "status", "content": "Thinking..."}
    assert messages[-1]["type"] == ENDS[events[-1].type]
    expected = [translate(event.type, event) for event in events if event.type not in UNTOLD]
    *middle, last = expected
    assert messages[1:-1] == middle
    assert last is not None
    # A text is told as it was said.
    said = "".join(event.content for event in events if isinstance(event, Text))
    assert "".join(each["content"] for each in messages if each["type"] == "token") == said
    # On a WebSocket the same, but for sound and the whole answer.
    others = [each for each in told(*events) if isinstance(each, dict) and each["type"] != "audio"]
    assert others[:-1] == [each for each in messages if each["type"] != "audio"][:-1]
    assert others[-1] == last


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"type": "message", "content": "hi"}', PromptMessage(prompt="hi")),
        (
            '{"type": "message", "content": "hi", "session_id": "s"}',
            PromptMessage(prompt="hi", session_id="s"),
        ),
        ('{"type": "cancel"}', CancelMessage(type="cancel")),
        (
            '{"type": "answer", "id": "q", "value": true}',
            AnswerMessage(type="answer", id="q", value=True),
        ),
        (
            '{"type": "resume", "session_id": "s", "last_event_id": "1-2"}',
            ResumeMessage(type="resume", session_id="s", last_event_id="1-2"),
        ),
    ],
)
def test_a_command_is_understood(text: str, command: Any) -> None:
    assert LessonWebSocket().parse(text) == command


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type": "zzz"}', "Unknown event type: zzz"),
        ('{"type": {"a": 1}}', 'Unknown event type: {"a": 1}'),
        ("{}", "Unknown event type: null"),
        ('{"type": "message"}', "Invalid request: content: Field required"),
        (
            '{"type": "message", "content": ""}',
            "Invalid request: content: String should have at least 1 character",
        ),
        ("[]", "Expected a JSON object"),
        ("nonsense", "Invalid JSON"),
    ],
)
def test_what_is_not_understood_is_refused_in_words(text: str, message: str) -> None:
    socket = LessonWebSocket()
    with pytest.raises(BadRequest) as refused:
        socket.parse(text)
    assert str(refused.value) == message
    assert json.loads(socket.refuse(refused.value)) == {"type": "error", "content": message}


def test_an_unknown_type_does_not_come_back_at_any_length() -> None:
    with pytest.raises(BadRequest) as refused:
        LessonWebSocket().parse(json.dumps({"type": "z" * 100_000}))
    assert len(str(refused.value)) < 200


def test_a_ping_is_a_heartbeat() -> None:
    assert json.loads(LessonWebSocket.ping) == {"type": "heartbeat"}


def test_input_that_does_not_fit_is_422_and_everything_else_as_it_is() -> None:
    problems = [{"loc": ("message",), "msg": "Field required", "type": "missing"}]
    assert error(400, InvalidInput(problems)) == (422, {"detail": problems})
    assert error(409, SessionBusy("busy")) == (409, {"detail": "busy"})
    assert error(404, "Not Found") == (404, {"detail": "Not Found"})
