"""Anthropic Messages: what is asked, and the events of a message."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from anthropic.lib.streaming._beta_messages import accumulate_event
from anthropic.types.beta import BetaMessage, BetaRawMessageStreamEvent
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from asgi_agent.dialects.anthropic_messages import AnthropicMessages, MessageStream
from asgi_agent.dialects.exchange import Frame, Place, Received, StartTurn, to_sse
from asgi_agent.dialects.parts import Call, Delta, Parts, Result, arguments, as_json
from asgi_agent.errors import InvalidInput
from asgi_agent.events import (
    AgentEvent,
    Approval,
    Cancelled,
    ClientTool,
    Complete,
    Entry,
    Error,
    Question,
    Status,
    Text,
    Thinking,
    ToolDelta,
    ToolExec,
    ToolResult,
)
from tests.dialects import golden_streams
from tests.dialects.speech import WEATHER, entries, runs

SESSION = "00000000-0000-4000-8000-000000000000"
PLACE = Place(SESSION, 1, "run", 0, "demo-agent")
EVENTS: TypeAdapter[Any] = TypeAdapter(BetaRawMessageStreamEvent)

dialect = AnthropicMessages()


def stream(said: Sequence[Entry], after: int = 0) -> tuple[list[Frame], MessageStream]:
    """The frames of a message of which the agent has said so much."""
    encoder = MessageStream("demo-agent")
    encoder.skip([each for each in said if each.seq <= after])
    frames = encoder.begin(PLACE._replace(after=after))
    frames += encoder.encode([each for each in said if each.seq > after])
    pause = None if said and said[-1].is_terminal else encoder.pause()
    return [*frames, *(pause.frames if pause else [])], encoder


def told(*events: AgentEvent) -> list[dict[str, Any]]:
    """The data of the frames."""
    return [json.loads(frame.data) for frame in stream(entries(*events))[0]]


def read(frames: Sequence[Frame]) -> Any:
    """The message that Anthropic's client accumulates, or the error that it raises."""
    message: Any = None
    open_block = None
    written: dict[int, bytes] = {}
    headers: Any = {}
    for frame in frames:
        if frame.event == "error":
            error = json.loads(frame.data)
            assert set(error) == {"type", "error"}
            return error["error"]
        event = EVENTS.validate_json(frame.data)
        assert event.type == frame.event
        if event.type == "content_block_start":
            assert open_block is None
            assert event.index == len(message.content)
            open_block = event.index
        elif event.type.startswith("content_block"):
            assert event.index == open_block
            open_block = None if event.type == "content_block_stop" else open_block
        message = accumulate_event(
            event=event, current_snapshot=message, json_bufs=written, request_headers=headers
        )
    assert open_block is None
    assert frames[-1].event == "message_stop"
    return message


# Golden streams

CASES: dict[str, list[AgentEvent]] = {
    "weather": WEATHER,
    "client_tool": [
        Text("Let me see. "),
        ToolDelta("1", "get_location", '{"accuracy": '),
        ClientTool("1", "get_location", {"accuracy": "city"}),
    ],
    "failed_tool": [
        ToolExec("1", "get_wind", {}),
        ToolResult("1", "get_wind", {"reason": "no sensor"}, is_error=True),
        Complete(None, {"input_tokens": 11, "output_tokens": 7}, "length"),
    ],
    "failure": [Text("So far, "), Error("The model is overloaded.", "model_error")],
}


@pytest.mark.parametrize("name", CASES)
def test_a_run_is_told_as_it_was_recorded(name: str) -> None:
    streams = {"0": to_sse(stream(entries(*CASES[name]))[0])}
    golden_streams.check("anthropic_messages", name, CASES[name], streams)


def test_every_record_is_of_a_run() -> None:
    assert golden_streams.names("anthropic_messages") == sorted(CASES)


# What any run says, is what the client reads


def expected(said: Sequence[Entry]) -> list[tuple[str, Any]]:
    """What the agent says that there are words for."""
    parts = Parts()
    items: list[tuple[str, Any]] = []
    calls: set[str] = set()
    for each in said:
        for part in parts.feed(each):
            match part:
                case Delta(kind, _, content):
                    _add(items, kind, content)
                case Call(id, name, args, "client"):
                    items.append(("tool_use", (name, json.loads(arguments(args)))))
                case Call(id, name, args, "server"):
                    calls.add(id)
                    items.append(("mcp_tool_use", (name, json.loads(arguments(args)))))
                case Result(id, _, result, is_error) if id in calls:
                    calls.remove(id)
                    text = result if isinstance(result, str) else as_json(result)
                    items.append(("mcp_tool_result", (text, is_error)))
                case _:
                    pass
        if isinstance(each.event, Question):
            _add(items, "text", each.event.prompt)
    return items


def _add(items: list[tuple[str, Any]], kind: str, content: str) -> None:
    if items and items[-1][0] == kind:
        items[-1] = (kind, items[-1][1] + content)
    else:
        items.append((kind, content))


def told_in(message: BetaMessage) -> list[tuple[str, Any]]:
    items: list[tuple[str, Any]] = []
    for block in message.content:
        match block.type:
            case "text":
                _add(items, "text", block.text)
            case "thinking":
                _add(items, "thinking", block.thinking)
            case "tool_use" | "mcp_tool_use":
                items.append((block.type, (block.name, block.input)))
            case "mcp_tool_result":
                content: Any = block.content
                items.append((block.type, (content[0].text, block.is_error)))
            case _:
                raise AssertionError(block.type)
    return items


@given(runs())
@example(WEATHER)
@example([Complete("only at the end")])
@example([Text("a"), ToolExec("1", "a", {}), Text("b"), ToolResult("1", "a", 1), Complete(None)])
@example([ToolExec("1", "a", 2), Text("b"), ToolResult("1", "a", 1), Text("c"), Complete(None)])
@example([ToolResult("1", "a", 1), ToolResult("1", "a", 2), Complete(None)])
@example([ClientTool("1", "a", {}), ToolResult("1", "a", 1), Complete(None)])
@example([Approval("q", "1", "a", {}, ""), ToolExec("1", "a", {}), Cancelled()])
@example([Thinking("a"), Text("b"), Thinking("c"), Question("q", ""), Error("", "")])
def test_what_the_client_reads_is_what_the_agent_said(run: list[AgentEvent]) -> None:
    said = entries(*run)
    frames, encoder = stream(said)
    message = read(frames)
    match run[-1]:
        case Complete():
            assert told_in(message) == expected(said)
            status, whole = encoder.whole()
            assert status == 200
            same = BetaMessage.model_validate(whole)
            assert told_in(same) == told_in(message)
            assert (same.id, same.stop_reason) == (message.id, message.stop_reason)
            assert same.usage == message.usage
        case Error(error):
            assert message == {"type": "api_error", "message": error}
        case _:
            assert message["message"] == "The run was cancelled."


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("")
@example("call_1")
@example("é/+?=")
def test_the_id_of_a_call_is_one_that_clients_take_and_comes_back(call_id: str) -> None:
    frames, _ = stream(entries(ClientTool(call_id, "a", {})))
    [block] = read(frames).content
    assert block.id.replace("_", "").replace("-", "").isalnum()
    assert block.id.isascii()
    result = {"type": "tool_result", "tool_use_id": block.id, "content": "x"}
    asked = start([{"role": "user", "content": [result]}])
    [answer] = asked.answers
    assert (answer.session_id, answer.id, answer.value) == (SESSION, call_id, "x")


# Ends


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (Complete(None), "end_turn"),
        (Complete(None, finish_reason="stop"), "end_turn"),
        (Complete(None, finish_reason="length"), "max_tokens"),
        (Complete(None, finish_reason="content_filter"), "refusal"),
    ],
)
def test_a_message_stops_for_a_reason(end: AgentEvent, reason: str) -> None:
    assert told(Text("a"), end)[-2]["delta"]["stop_reason"] == reason


def test_a_message_stops_for_a_tool_and_for_good_for_a_question() -> None:
    _, tool = stream(entries(ClientTool("1", "a", {})))
    _, question = stream(entries(Question("q", "Which?")))
    _, nothing = stream(entries(Text("a"), Status("b")))
    pauses = [each.pause() for each in (tool, question, nothing)]
    assert [pause and pause.is_final for pause in pauses] == [False, True, None]
    assert tool.whole()[1]["stop_reason"] == "tool_use"
    assert question.whole()[1]["stop_reason"] == "end_turn"


def test_usage_is_counted() -> None:
    last = told(Complete(None, {"prompt_tokens": 3, "completion_tokens": 4}))[-2]
    assert last["usage"] == {"input_tokens": 3, "output_tokens": 4}


def test_an_approval_is_refused_once() -> None:
    _, encoder = stream(entries(Approval("q", "1", "a", {}, "")))
    assert (encoder.refused(), encoder.refused()) == (["q"], [])


def test_a_message_that_is_cut_off_is_an_error() -> None:
    _, encoder = stream(entries(Text("a")))
    [frame] = encoder.cut_off("Too slow.")
    assert frame.event == "error"
    assert encoder.whole() == (500, json.loads(frame.data))


# Requests


def start(messages: Any, **asked: Any) -> StartTurn:
    body = json.dumps({"messages": messages, "max_tokens": 1, **asked}).encode()
    action = dialect.routes(["v1", "messages"])["POST"](Received(body, {}, {}, "demo", ""))
    assert isinstance(action, StartTurn)
    return action


def test_a_prompt_is_the_last_message_and_the_others_are_history() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "http://x"}}
    shown = {"type": "text", "text": "See?"}
    call = {"type": "tool_use", "id": "t", "name": "a", "input": {"b": 1}}
    mine = [{"type": "thinking", "thinking": "hm", "signature": ""}, call]
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "c"}]}
    asked = start(
        [
            {"role": "user", "content": [shown, image]},
            {"role": "assistant", "content": mine},
            {"role": "user", "content": [result, {"type": "text", "text": "and "}]},
            {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]},
            {"role": "user", "content": "now?"},
        ],
        system=[{"type": "text", "text": "Be nice."}],
    )
    function = {"name": "a", "arguments": '{"b":1}'}
    assert asked.prompt == "now?"
    assert asked.history == [
        {"role": "system", "content": "Be nice."},
        {"role": "user", "content": [shown, image]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "t", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "t", "content": "c"},
        {"role": "user", "content": "and "},
    ]
    assert not asked.is_kept
    assert not asked.is_streamed


def test_instructions_may_be_text() -> None:
    asked = start([{"role": "user", "content": "hi"}], system="Be nice.", stream=True)
    assert asked.history == [{"role": "system", "content": "Be nice."}]
    assert asked.is_streamed


def test_a_result_with_words_beside_it_is_history_and_the_words_are_a_prompt() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": None}
    asked = start([{"role": "user", "content": [result, {"type": "text", "text": "go"}]}])
    assert asked.prompt == "go"
    assert asked.history == [{"role": "tool", "tool_call_id": "t", "content": ""}]
    assert len(asked.answers) == 1


@pytest.mark.parametrize("name", ["", "t", "toolu_x", "toolu_x_A", "toolu_x_é", "toolu_x__w"])
def test_the_result_of_a_call_that_is_not_ours_answers_nobody(name: str) -> None:
    result = {"type": "tool_result", "tool_use_id": name, "content": "x"}
    [answer] = start([{"role": "user", "content": [result]}]).answers
    assert answer.session_id != SESSION


@pytest.mark.parametrize(
    "body", [b"{}", b'{"messages": []}', b'{"messages": [{"role": "user"}]}', b"[]", b"\xff"]
)
def test_a_request_that_is_not_understood_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        dialect.routes(["v1", "messages"])["POST"](Received(body, {}, {}, "demo", ""))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (500, "api_error"),
        (503, "overloaded_error"),
    ],
)
def test_an_error_has_the_type_that_its_status_has(status: int, kind: str) -> None:
    error = {"type": "error", "error": {"type": kind, "message": "no"}}
    assert dialect.tell_error(status, "no") == (status, error)


def test_there_is_one_route() -> None:
    assert set(dialect.describe()) == {"/v1/messages"}
    assert dialect.routes(["v1", "messages", "count_tokens"]) == {}
    assert dialect.channel(["v1", "messages"]) is None
