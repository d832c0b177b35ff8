"""The UI message stream: golden streams, and what the client reads is what the agent has said."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.dialects.ai_sdk_stream import DONE, UIMessageStream, message_start
from asgi_agent.dialects.exchange import Frame, Place, to_sse
from asgi_agent.events import (
    AgentEvent,
    Approval,
    Audio,
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
    fields_of,
)
from tests.dialects.speech import WEATHER, entries, runs
from tests.dialects.ui_messages import Message, Reader

GOLDEN = sorted((Path(__file__).parent / "golden" / "ai_sdk").glob("*.json"))
PLACE = Place("s", 1, "r")
ASKS = (Question, Approval, ClientTool)

NOBODY = Approval("a", "c", "rm", {}, "")
ASKED_ABOUT_WHAT_RUNS: list[AgentEvent] = [ToolExec("c", "rm", {}), NOBODY, ToolResult("c", "", 1)]


def chunks(frames: Sequence[Frame]) -> list[Any]:
    """The chunks of these frames, which are no whole response."""
    return [json.loads(frame.data) for frame in frames if frame != DONE]


def encoder_of(*events: AgentEvent, version: int = 6) -> tuple[UIMessageStream, list[Frame]]:
    encoder = UIMessageStream(version)
    return encoder, encoder.encode(entries(*events))


def converse(events: Sequence[AgentEvent], version: int) -> list[Reader]:
    """Every message of a conversation in which the client answers whatever is asked, and goes on.

    As `endpoints.exchange` does it: a response ends at a question, and the next begins after it.
    """
    said = entries(*events)
    readers: list[Reader] = []
    after = 0
    is_same = False
    while True:
        reader = readers[-1] if is_same else Reader(version)
        readers += [] if is_same else [reader]
        frames, after_next = respond(said, after, reader.message, version)
        reader.read(frames)
        if after_next is None:
            return readers
        after = after_next
        is_same = not isinstance(said[after - 1].event, Question)


def respond(
    said: Sequence[Entry], after: int, message: Message, version: int
) -> tuple[list[Frame], int | None]:
    """The frames of one response, and after which entry the next begins, if there is one."""
    told = {
        (part["toolCallId"], part["type"] == "dynamic-tool")
        for part in message["parts"]
        if "toolCallId" in part
    }
    encoder = UIMessageStream(version, message["id"] or "", told=told)
    encoder.skip(said[:after])
    frames = encoder.begin(PLACE._replace(after=after))
    for entry in said[after:]:
        frames += encoder.encode([entry])
        pause = encoder.pause()
        if pause is not None:
            return [*frames, *pause.frames], entry.seq
    return frames, None


def parts(readers: Sequence[Reader], prefix: str) -> list[Message]:
    found = [part for reader in readers for part in reader.message["parts"]]
    return [part for part in found if part["type"].startswith(prefix)]


@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_the_stream_is_as_it_was_agreed(path: Path) -> None:
    golden = json.loads(path.read_text())
    encoder = UIMessageStream(golden["version"])
    told = [{"before": to_sse(encoder.begin(PLACE)).decode().splitlines()}]
    for seq, each in enumerate(golden["stream"][1:], 1):
        if "entry" in each:
            kind, fields = each["entry"]
            entry = Entry(seq, kind, json.dumps(fields).encode())
            frames = encoder.encode([entry])
            told.append({"entry": each["entry"], "bytes": to_sse(frames).decode().splitlines()})
        else:
            pause = encoder.pause()
            assert pause is not None
            told.append({"pause": to_sse(pause.frames).decode().splitlines()})
    assert told == golden["stream"]


@given(runs(), st.sampled_from([5, 6]))
@example(WEATHER, 5)
@example([*ASKED_ABOUT_WHAT_RUNS, Complete(None)], 5)
@example([*ASKED_ABOUT_WHAT_RUNS, Complete(None)], 6)
@example([ToolDelta("c", "rm", "{"), NOBODY, ToolResult("c", "rm", 1), Complete("a")], 5)
@example([ToolDelta("c", "rm", "{"), NOBODY, ToolResult("c", "rm", 1), Complete("a")], 6)
@example([ToolDelta("c", "x", "{"), Question("q", "?"), ClientTool("c", "x", 1), Complete(1)], 6)
@example([ToolExec("c", "x", 1), Question("q", ""), ToolResult("c", "x", 2), Complete(1)], 5)
@example([ToolExec("c", "x", 1), Question("q", ""), NOBODY, Complete(1)], 6)
@example([ClientTool("c", "x", 1), ToolResult("c", "x", 2), Complete("")], 5)
@example([Text("a"), Thinking("b"), Text("c"), Cancelled()], 6)
@example([ToolDelta("c", "x", "{"), Error("no", "code")], 6)
def test_the_client_reads_what_the_agent_has_said(events: list[AgentEvent], version: int) -> None:
    readers = converse(events, version)

    texts = [each for each in events if isinstance(each, Text)]
    said = "".join(
        each.content if isinstance(each, Text) else each.prompt
        for each in events
        if isinstance(each, Text | Question)
    )
    end = events[-1]
    if isinstance(end, Complete) and end.data is not None and not any(t.content for t in texts):
        data = fields_of(end)["data"]
        said += data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    assert "".join(part["text"] for part in parts(readers, "text")) == said
    thought = "".join(each.content for each in events if isinstance(each, Thinking))
    assert "".join(part["text"] for part in parts(readers, "reasoning")) == thought
    assert readers[-1].error == (end.error if isinstance(end, Error) else None)


@given(runs(), st.sampled_from([5, 6]))
@example(WEATHER, 5)
@example([*ASKED_ABOUT_WHAT_RUNS, Complete(None)], 5)
def test_the_client_has_every_result_of_a_tool(events: list[AgentEvent], version: int) -> None:
    readers = converse(events, version)
    calls = [*parts(readers, "tool-"), *parts(readers, "dynamic-tool")]

    about = {_id_of(each): each for each in events}  # what was said last of each call
    results = [each for each in about.values() if isinstance(each, ToolResult)]
    for each in results:
        result = fields_of(each)["result"]
        text = result if isinstance(result, str) else json.dumps(result, separators=(",", ":"))
        shown = {"errorText": text} if each.is_error else {"output": result}
        state = "output-error" if each.is_error else "output-available"
        told = {"toolCallId": each.id, "state": state, **shown}
        assert any(told.items() <= call.items() for call in calls), told


def _id_of(event: AgentEvent) -> str | None:
    match event:
        case ToolDelta() | ToolExec() | ToolResult() | ClientTool():
            return event.id
        case Approval():
            return event.tool_id
        case _:
            return None


def test_a_replay_gives_a_message_its_id_and_a_later_message_its_own() -> None:
    first, again = UIMessageStream(6).begin(PLACE), UIMessageStream(7).begin(PLACE)
    assert first == again
    assert chunks(first)[0] == {"type": "start", "messageId": "msg_r"}
    later = UIMessageStream(6).begin(PLACE._replace(after=4))
    assert chunks(later)[0]["messageId"] == "msg_r_4"
    continued = UIMessageStream(6, "theirs").begin(PLACE._replace(after=4))
    assert chunks(continued)[0]["messageId"] == "theirs"


def test_what_was_refused_is_told_to_those_who_know_the_word() -> None:
    refused = {"type": "tool-output-denied", "toolCallId": "c"}
    assert refused in chunks(UIMessageStream(6, "m", denied=["c"]).begin(PLACE))
    assert refused not in chunks(UIMessageStream(5, "m", denied=["c"]).begin(PLACE))


def test_what_was_answered_is_not_asked_again() -> None:
    asks = [NOBODY, ClientTool("d", "x", 1)]
    encoder = UIMessageStream(6)
    encoder.waiting([])
    told = chunks(encoder.encode(entries(*asks)))
    assert encoder.pause() is None
    assert [(each["type"], each["providerExecuted"]) for each in told] == [
        ("tool-input-available", True),
        ("tool-input-available", True),
    ]


def test_a_call_is_written_before_it_is_made() -> None:
    pieces = [ToolDelta("c", "x", '{"a":'), ToolDelta("c", "x", "1}"), ToolExec("c", "x", {"a": 1})]
    _, frames = encoder_of(*pieces)
    assert [each["type"].removeprefix("tool-input-") for each in chunks(frames)] == [
        *("start", "delta", "delta", "available"),
    ]


def test_an_id_that_is_used_again_is_a_call_of_its_own() -> None:
    again = Approval("b", "c", "rm", {"path": "/"}, "")
    _, frames = encoder_of(NOBODY, ToolResult("c", "rm", 1), again)
    told = chunks(frames)
    assert [each["input"] for each in told if each["type"] == "tool-input-available"] == [
        {},
        {"path": "/"},
    ]
    assert told[-1] == {"type": "tool-approval-request", "approvalId": "b", "toolCallId": "c"}


def test_an_answered_question_before_one_that_is_not_ends_no_response() -> None:
    encoder = UIMessageStream(6)
    encoder.waiting(["q2"])
    encoder.encode(entries(Question("q1", "?")))
    assert encoder.pause() is None
    encoder.encode(entries(Question("q2", "?")))
    pause = encoder.pause()
    assert pause is not None
    assert chunks(pause.frames)[-1] == {"type": "finish", "finishReason": "stop"}


def test_a_response_that_ends_at_a_question_ends_what_is_open() -> None:
    encoder, frames = encoder_of(ToolDelta("x", "tool", "{"), Text("a"), NOBODY)
    pause = encoder.pause()
    assert pause is not None
    told = chunks([*frames, *pause.frames])
    assert told[0]["type"] == "tool-input-start"
    assert [each["type"] for each in told[-3:]] == ["tool-input-error", "finish-step", "finish"]
    assert told[-1]["finishReason"] == "tool-calls"


def test_a_call_of_which_nothing_was_told_need_not_be_taken_back() -> None:
    _, frames = encoder_of(ToolDelta("x", "tool", ""), Complete(None))
    assert [each["type"] for each in chunks(frames)] == ["finish-step", "finish"]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (None, "stop"),
        ("length", "length"),
        ("tool_calls", "tool-calls"),
        ("content_filter", "content-filter"),
        ("end_turn", "other"),
    ],
)
def test_a_reason_to_finish_is_one_that_the_client_knows(reason: str | None, told: str) -> None:
    _, frames = encoder_of(Complete(None, None, reason))
    assert chunks(frames)[-1] == {"type": "finish", "finishReason": told}


def test_what_is_for_the_moment_is_no_part_of_the_message() -> None:
    _, frames = encoder_of(Status("Busy"), Audio("audio/pcm", b"ab"), Data("x", None, "i", True))
    assert chunks(frames) == [
        {"type": "data-status", "data": {"content": "Busy"}, "transient": True},
        {
            "type": "data-audio",
            "data": {"media_type": "audio/pcm", "bytes": "YWI="},
            "transient": True,
        },
        {"type": "data-x", "id": "i", "data": None, "transient": True},
    ]


def test_a_response_that_is_cut_off_is_an_error() -> None:
    told = UIMessageStream(6).cut_off("It broke.")
    assert (chunks(told), told[-1]) == ([{"type": "error", "errorText": "It broke."}], DONE)


def test_there_is_no_response_but_a_stream() -> None:
    assert UIMessageStream(6).whole()[0] == 406


def test_a_message_begins_after_the_last_question_that_has_its_answer() -> None:
    said = entries(Question("q1", "?"), NOBODY, Question("q2", "?"), Text("a"), Question("q3", "?"))
    assert message_start(said, ["q3"]) == 3
    assert message_start(said, []) == 5
    assert message_start(said, ["q1", "q2", "q3"]) == 0
    assert message_start([], []) == 0


def test_golden_entries_are_entries() -> None:
    for path in GOLDEN:
        for each in json.loads(path.read_text())["stream"]:
            if "entry" in each:
                kind, fields = each["entry"]
                assert decode(kind, json.dumps(fields).encode()).type == kind
