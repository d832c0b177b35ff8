"""What OpenJarvis' own clients read is told where it is asked for, and only there."""

import json
from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest

from asgi_agent.dialects.exchange import Frame, Place, Received, StartTurn, to_sse
from asgi_agent.dialects.openai_chat import OpenAIChat
from asgi_agent.dialects.openai_completion import ChatCompletion
from asgi_agent.dialects.openjarvis import (
    EXTRAS,
    TOO_LONG,
    OpenJarvisCompletion,
    estimated_tokens,
    extras_of,
)
from asgi_agent.errors import BadRequest
from asgi_agent.events import (
    AgentEvent,
    Approval,
    Complete,
    Data,
    Error,
    Question,
    Text,
    ToolExec,
    ToolResult,
)
from asgi_agent.sse import EventStreamDecoder
from tests.dialects.speech import entries

TOOLS: tuple[AgentEvent, ...] = (
    ToolExec("1", "calc", {"x": 1}),
    ToolResult("1", "calc", "2"),
    Text("The answer is 2"),
)


def told(*events: AgentEvent, extras: frozenset[str] = EXTRAS) -> list[Frame]:
    ticks = count()
    encoder = OpenJarvisCompletion(
        "m",
        extras,
        agent="fake",
        prompt="what is 1+1",
        prompt_tokens=4,
        created=1,
        clock=lambda: next(ticks) / 8,
    )
    return [*encoder.begin(Place("s", 1, "run1")), *encoder.encode(entries(*events))]


def named(frames: list[Frame]) -> list[tuple[str, Any]]:
    return [(frame.event, json.loads(frame.data)) for frame in frames if frame.event]


def test_the_events_of_a_turn_have_the_names_and_keys_that_its_clients_know() -> None:
    assert named(told(*TOOLS, Complete(None))) == [
        ("agent_turn_start", {"agent": "fake", "input": "what is 1+1"}),
        ("tool_call_start", {"tool": "calc", "arguments": '{"x":1}', "agent": "fake"}),
        (
            "tool_call_end",
            {
                "tool": "calc",
                "success": True,
                "latency": 0.125,
                "result": "2",
                "metadata": {},
                "agent": "fake",
            },
        ),
        (
            "tool_results",
            {
                "results": [
                    {"tool_name": "calc", "success": True, "output": "2", "latency_ms": 125.0}
                ]
            },
        ),
    ]


def test_a_tool_that_failed_and_a_result_that_is_no_text_are_told() -> None:
    events = named(told(ToolResult("1", "calc", {"a": 1}, is_error=True), Complete("")))
    end = dict(events)["tool_call_end"]
    assert (end["success"], end["result"]) == (False, '{"a":1}')


def test_the_agent_s_own_events_are_told_by_their_names() -> None:
    started = Data("inference_start", {"model": "m", "message_count": 2})
    events = named(told(started, Data("no name\n", 1), Complete("")))
    assert events[1:] == [("inference_start", {"model": "m", "message_count": 2})]


def test_o10_o11_every_event_is_json_on_one_line_of_ascii() -> None:
    stream = to_sse(told(Data("d", "a\u2028b"), Text("a\u2028b"), Complete("")))
    assert stream.isascii()
    *events, done = EventStreamDecoder().feed(stream)
    assert len(events) > 2
    assert all(json.loads(event.data) for event in events)
    assert done.data == "[DONE]"
    assert stream.endswith(b"data: [DONE]\n\n")


def test_usage_is_on_the_stop_chunk_and_estimated_where_it_is_unknown() -> None:
    def stop(*events: AgentEvent) -> Any:
        *_, stop, done = told(*events, extras=frozenset({"usage"}))
        assert done.data == "[DONE]"
        chunk = json.loads(stop.data)
        assert chunk["choices"][0]["finish_reason"] == "stop"
        return chunk["usage"]

    counts = {"input_tokens": 11, "output_tokens": 7}
    known = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    assert stop(Complete("hi", counts)) == known
    estimated = {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}
    assert stop(Text("The answer is 2"), Complete(None)) == estimated
    assert stop(Complete(None))["completion_tokens"] == 1


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Error("It broke.", "agent_error"), "Sorry, an error occurred: It broke."),
        (Error("Over the maximum context of 8k", "x"), TOO_LONG),
        (Error("No.", "context_length_exceeded"), TOO_LONG),
    ],
)
def test_an_error_is_text_where_it_is_asked_for(error: Error, text: str) -> None:
    *_, last, done = told(Text("half"), error, extras=frozenset({"errors"}))
    choice = json.loads(last.data)["choices"][0]
    assert (choice["delta"], choice["finish_reason"]) == ({"content": text}, "stop")
    assert done.data == "[DONE]"


def test_o4_o5_no_event_and_no_error_as_text_is_told_that_was_not_asked_for() -> None:
    frames = told(*TOOLS, Error("It broke.", "c"), extras=frozenset({"usage"}))
    assert named(frames) == []
    assert "error" in json.loads(frames[-1].data)


def test_without_extras_it_is_a_chat_completion() -> None:
    plain = ChatCompletion("m", created=1)
    frames = [*plain.begin(Place("s", 1, "run1")), *plain.encode(entries(*TOOLS, Complete("")))]
    assert told(*TOOLS, Complete(""), extras=frozenset()) == frames


def test_a_question_and_a_call_that_a_person_has_to_allow_are_told_as_ever() -> None:
    frames = told(Approval("q", "1", "calc", {}, "May I?"), Question("r", "Which?"))
    assert [name for name, _ in named(frames)] == ["agent_turn_start", "tool_call_start"]
    assert "Which?" in frames[-1].data


# How it is asked for


@pytest.mark.parametrize(
    ("query", "headers", "extras"),
    [
        ({}, {}, set[str]()),
        ({"openjarvis": "events"}, {}, {"events"}),
        ({}, {"x-openjarvis": "usage, errors"}, {"usage", "errors"}),
        ({"openjarvis": "all"}, {}, EXTRAS),
        ({"openjarvis": "events"}, {"x-openjarvis": "all"}, EXTRAS),
    ],
)
def test_extras_are_asked_for_by_query_or_header(
    query: Mapping[str, str], headers: Mapping[str, str], extras: set[str]
) -> None:
    assert extras_of(query, headers) == extras


def test_what_there_is_not_cannot_be_asked_for() -> None:
    with pytest.raises(BadRequest, match="evil"):
        extras_of({"openjarvis": "evil"}, {})


def test_the_request_tells_the_encoder_what_it_has_to_know() -> None:
    body = {"messages": [{"role": "user", "content": "12345678"}], "stream": True}
    parse = OpenAIChat().routes(["v1", "chat", "completions"])["POST"]
    asked = Received(json.dumps(body).encode(), {"openjarvis": "all"}, {}, "agent", "")
    action = parse(asked)
    assert isinstance(action, StartTurn)
    encoder = action.encoder
    frames = [*encoder.begin(Place("s", 1, "r")), *encoder.encode(entries(Complete("1234")))]
    assert named(frames) == [("agent_turn_start", {"agent": "agent", "input": "12345678"})]
    usage = json.loads(frames[-2].data)["usage"]
    assert usage == {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        ({"content": "12345678"}, 2),
        ({"content": None}, 1),
        ({"content": "", "tool_calls": [{"function": {"arguments": "12345678"}}]}, 3),
        ({"content": "", "tool_calls": [{"function": "x"}, {}]}, 3),
    ],
)
def test_tokens_are_estimated_whatever_the_client_sends(
    message: dict[str, Any], tokens: int
) -> None:
    assert estimated_tokens([message]) == tokens
