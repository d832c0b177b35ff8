"""How a run is told in AG-UI."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.dialects.ag_ui_run import AgUiRun, read_id
from asgi_agent.dialects.exchange import Place, to_sse
from asgi_agent.dialects.parts import (
    Call,
    CallDelta,
    CallOpened,
    Parts,
    arguments,
    as_json,
)
from asgi_agent.events import (
    AgentEvent,
    Approval,
    Audio,
    Cancelled,
    ClientTool,
    Complete,
    Data,
    Error,
    Question,
    Status,
    Text,
    Thinking,
    ToolDelta,
    ToolExec,
    ToolResult,
    decode,
)
from tests.dialects.ag_ui_client import Told, calls_in, events_of, read, verify
from tests.dialects.ag_ui_responses import PLACE, new_run, respond, responses
from tests.dialects.speech import entries, runs

GOLDEN = Path(__file__).parent / "golden" / "ag_ui"


def told(*events: AgentEvent, is_1_0: bool = True) -> list[Told]:
    """The whole response that tells these events, without its first event."""
    found = events_of(respond([], entries(*events), is_1_0=is_1_0))
    verify(found, is_1_0=is_1_0)
    return found[1:]


# ── the golden streams ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_a_golden_stream_is_told_as_it_was_reviewed(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    run = AgUiRun(golden["runId"], golden["protocolVersion"])
    said = entries(*(decode(name, json.dumps(fields).encode()) for name, fields in golden["said"]))
    skipped = golden["skipped"]
    run.skip(said[:skipped])
    frames = [
        *run.begin(Place(golden["threadId"], 1, "0d9f", skipped)),
        *run.encode(said[skipped:]),
    ]
    pause = None if said[-1].is_terminal else run.pause()
    stream = to_sse([*frames, *(pause.frames if pause else [])]).decode()
    assert stream == "".join(f"data: {as_json(event)}\n\n" for event in golden["stream"])


def test_there_are_golden_streams() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} >= {"weather", "interrupt", "resume"}


# ── each part ────────────────────────────────────────────────────────────────────────────────


def test_a_run_begins_with_the_ids_of_the_client() -> None:
    [started] = events_of(new_run().begin(PLACE))

    assert started == {
        "type": "RUN_STARTED",
        "threadId": "thread",
        "runId": "theirs",
        "protocolVersion": "1.0",
    }


def test_a_client_without_a_version_is_told_none() -> None:
    [started] = events_of(new_run(is_1_0=False).begin(PLACE))

    assert started == {"type": "RUN_STARTED", "threadId": "thread", "runId": "theirs"}


def test_a_run_that_nobody_has_named_has_our_id() -> None:
    [started] = events_of(AgUiRun(None, None).begin(PLACE))

    assert started["runId"] == "run"


def test_text_is_a_message() -> None:
    assert told(Text("a"), Text("b"), Complete(None)) == [
        {"type": "TEXT_MESSAGE_START", "messageId": "run:message:1", "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "run:message:1", "delta": "a"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "run:message:1", "delta": "b"},
        {"type": "TEXT_MESSAGE_END", "messageId": "run:message:1"},
        finished({"type": "success"}),
    ]


def test_thinking_is_a_reasoning_message_in_a_span_of_its_own() -> None:
    assert [each["type"] for each in told(Thinking("a"), Text("b"), Complete(None))][:6] == [
        "REASONING_START",
        "REASONING_MESSAGE_START",
        "REASONING_MESSAGE_CONTENT",
        "REASONING_MESSAGE_END",
        "REASONING_END",
        "TEXT_MESSAGE_START",
    ]


def test_a_tool_of_the_server_is_a_call_with_a_result() -> None:
    call = {"toolCallId": "run:call:1"}

    assert told(ToolExec("1", "sum", {"x": 1}), ToolResult("1", "sum", 2), Complete(3))[:4] == [
        {"type": "TOOL_CALL_START", **call, "toolCallName": "sum"},
        {"type": "TOOL_CALL_ARGS", **call, "delta": '{"x":1}'},
        {"type": "TOOL_CALL_END", **call},
        {
            "type": "TOOL_CALL_RESULT",
            "messageId": "run:result:2:call:1",
            **call,
            "content": "2",
            "role": "tool",
        },
    ]


def test_a_call_that_was_told_in_pieces_is_not_told_again() -> None:
    pieces = (ToolDelta("1", "sum", '{"x":'), ToolDelta("1", "", " 1}"))
    found = told(*pieces, ToolExec("1", "sum", {"x": 1}), ToolResult("1", "sum", 2), Complete(3))

    assert [each["delta"] for each in found if each["type"] == "TOOL_CALL_ARGS"] == [
        '{"x":',
        " 1}",
    ]


def test_an_error_of_a_tool_is_in_the_metadata_of_its_result() -> None:
    [result] = results(told(ToolResult("1", "sum", "no", is_error=True), Complete("a")))

    assert (result["content"], result["metadata"]) == ("no", {"isError": True})


def test_an_id_that_is_used_again_is_another_call() -> None:
    twice = [ToolExec("1", "sum", {}), ToolResult("1", "sum", "a")] * 2
    found = results(told(*twice, Complete("b")))

    assert [each["toolCallId"] for each in found] == ["run:call:1", "run:call3:1"]
    assert [each["messageId"] for each in found] == ["run:result:2:call:1", "run:result:4:call3:1"]


@pytest.mark.parametrize("end", [Complete("a"), Error("b", "c"), Cancelled()])
def test_a_call_without_a_result_gets_one_in_the_end(end: AgentEvent) -> None:
    found = told(ToolExec("1", "sum", {}), ToolDelta("2", "sum", "{"), end)

    # Else the client would take it for its own to make.
    assert [(each["toolCallId"], each["content"]) for each in results(found)] == [
        ("run:call:2", ""),
        ("run:call:1", ""),
    ]


def test_a_client_tool_ends_the_run_without_a_result() -> None:
    *found, last = told(ClientTool("1", "locate", None))

    assert [each["type"] for each in found] == [
        "TOOL_CALL_START",
        "TOOL_CALL_ARGS",
        "TOOL_CALL_END",
    ]
    assert last == finished({"type": "success", "pendingToolCallIds": ["run:call:1"]})


def test_pending_calls_are_not_named_to_a_client_without_a_version() -> None:
    assert told(ClientTool("1", "locate", {}), is_1_0=False)[-1] == finished({"type": "success"})


def test_a_client_tool_that_the_agent_does_not_wait_for_is_pending_in_the_end() -> None:
    [*_, last] = told(ClientTool("1", "locate", {}), Text("a"), Complete(None))

    assert last["outcome"] == {"type": "success", "pendingToolCallIds": ["run:call:1"]}


def test_an_approval_is_an_interrupt_about_its_call() -> None:
    *_, end, last = told(Approval("a", "1", "clear", {}, "Really?"))

    assert end == {"type": "TOOL_CALL_END", "toolCallId": "run:call:1"}
    assert last["outcome"] == {
        "type": "interrupt",
        "interrupts": [
            {
                "id": "run:approval:a",
                "reason": "tool_call",
                "message": "Really?",
                "toolCallId": "run:call:1",
                "responseSchema": {
                    "type": "object",
                    "properties": {"approved": {"type": "boolean"}},
                    "required": ["approved"],
                },
            }
        ],
    }


def test_questions_are_interrupts() -> None:
    [last] = told(Question("a", "Who?"), Question("b", "When?", {"type": "string"}))

    assert last["outcome"]["interrupts"] == [
        {"id": "run:question:a", "reason": "input_required", "message": "Who?"},
        {
            "id": "run:question:b",
            "reason": "input_required",
            "message": "When?",
            "responseSchema": {"type": "string"},
        },
    ]


def test_what_is_open_is_ended_before_an_interrupt() -> None:
    found = told(ToolDelta("1", "sum", "{"), Question("a", "Who?"))

    assert [each["type"] for each in found][2:] == [
        "TOOL_CALL_END",
        "TOOL_CALL_RESULT",
        "RUN_FINISHED",
    ]


def test_a_question_that_was_answered_elsewhere_does_not_interrupt_the_end() -> None:
    [*_, last] = told(Question("a", "Who?"), Text("b"), Complete(None))

    assert last["outcome"] == {"type": "success"}


def test_a_run_that_asks_nothing_does_not_pause() -> None:
    run = new_run()
    run.encode(entries(Text("a")))

    assert run.pause() is None


def test_what_belongs_to_the_application_is_custom() -> None:
    found = told(
        Status("Writing"),
        Data("chart", None),
        Data("chart", 1, id="a", transient=True),
        Audio("audio/wav", b"\xff"),
        Complete("b"),
    )
    assert found[:4] == [
        {"type": "CUSTOM", "name": "status", "value": "Writing"},
        {"type": "CUSTOM", "name": "chart", "value": None},
        {
            "type": "CUSTOM",
            "name": "chart",
            "value": 1,
            "metadata": {"id": "a", "transient": True},
        },
        {
            "type": "CUSTOM",
            "name": "audio",
            "value": {"media_type": "audio/wav", "bytes": "/w=="},
        },
    ]


def test_a_result_and_its_tokens_are_told_at_the_end() -> None:
    [*_, last] = told(Text("a"), Complete({"b": None}, {"input_tokens": 1, "output_tokens": 2}))

    assert last == {
        **finished({"type": "success"}),
        "result": {"b": None},
        "usage": [{"inputTokens": 1, "outputTokens": 2}],
    }


def test_a_failure_is_told_as_an_error() -> None:
    [last] = told(Error("a", "b"))

    assert last == {"type": "RUN_ERROR", "message": "a", "code": "b"}


def test_a_cancelled_run_has_an_outcome_of_its_own() -> None:
    assert told(Cancelled()) == [finished({"type": "cancelled"})]


def test_a_cancelled_run_is_an_error_to_a_client_without_a_version() -> None:
    [last] = told(Cancelled(), is_1_0=False)

    assert (last["type"], last["code"]) == ("RUN_ERROR", "cancelled")


def test_a_response_that_is_cut_off_ends_with_an_error() -> None:
    [last] = events_of(new_run().cut_off("a"))

    assert last == {"type": "RUN_ERROR", "message": "a", "code": "stream_failed"}


@pytest.mark.parametrize("name", ["call_1", "a:b", "", ":"])
def test_an_id_of_ours_is_read_as_it_was_made(name: str) -> None:
    assert read_id(f"run:call:{name}") == ("run", "call", name)


@pytest.mark.parametrize("name", ["call_1", "a:b", ""])
def test_any_other_id_is_but_a_name(name: str) -> None:
    assert read_id(name) == (None, "", name)


# ── any run ──────────────────────────────────────────────────────────────────────────────────


@given(said=runs(), is_1_0=st.booleans())
@example([ToolDelta("", "", "a"), ToolResult("", "", 1), ToolResult("", "", 2), Complete("")], True)
@example([ClientTool("a", "b", 1), ClientTool("a", "b", 2), Complete(None)], False)
@example([Approval("a", "1", "b", 1, ""), ClientTool("1", "b", 2), Complete(None)], True)
@example([Complete({"only": "data"})], True)
def test_a_client_reads_what_the_agent_has_said(said: list[AgentEvent], is_1_0: bool) -> None:
    run = new_run(is_1_0=is_1_0)
    found = events_of([*run.begin(PLACE), *run.encode(entries(*said))])
    verify(found, is_1_0=is_1_0)

    same(read(found), said)


@given(said=runs(), is_1_0=st.booleans(), cuts=st.sets(st.integers(0, 8)))
@example(
    [ToolDelta("1", "a", "x"), Question("2", "?"), ToolExec("1", "a", 1), Complete(0)], True, {1}
)
@example(
    [ToolDelta("1", "a", "x"), Question("2", "?"), ToolResult("1", "a", 1), Complete(0)], True, {1}
)
@example([ToolExec("1", "a", 1), Question("2", "?"), Text("a"), Complete(0)], False, {1})
@example(
    [
        *(ToolDelta("1", "a", ""), ClientTool("2", "b", None)),
        *(ToolDelta("1", "a", ""), ClientTool("2", "b", None)),
        *(ToolDelta("1", "a", ""), Error("e", "c")),
    ],
    False,
    {1, 3},
)
def test_a_client_reads_the_same_when_the_agent_has_waited(
    said: list[AgentEvent], is_1_0: bool, cuts: set[int]
) -> None:
    messages: list[Told] = []
    for frames in responses(said, cuts, is_1_0=is_1_0):
        found = events_of(frames)
        verify(found, is_1_0=is_1_0)
        messages = read(found, messages)

    ids = [message["id"] for message in messages]
    assert len(ids) == len(set(ids))
    same(messages, said)


def same(messages: list[Told], said: Sequence[AgentEvent]) -> None:
    """What a client has read is what the agent has said, in its words, calls and results."""
    thoughts = [each["content"] for each in messages if each["role"] == "reasoning"]
    texts = [
        each["content"] for each in messages if each["role"] == "assistant" and "content" in each
    ]
    assert "".join(thoughts) == "".join(e.content for e in said if isinstance(e, Thinking))
    text = "".join(each.content for each in said if isinstance(each, Text))
    match said[-1]:
        case Complete(data) if not text and data is not None:
            assert (
                "".join(texts) == data
                if isinstance(data, str)
                else json.loads("".join(texts)) == data
            )
        case _:
            assert "".join(texts) == text
    returned = [each for each in messages if each["role"] == "tool"]
    contents = [(read_id(each["toolCallId"])[2], each["content"]) for each in returned]
    for each in said:
        if isinstance(each, ToolResult):
            is_text = isinstance(each.result, str)
            contents.remove((each.id, each.result if is_text else as_json(each.result)))
    assert all(content == "" for _, content in contents)  # of calls that nobody made
    same_calls(calls_in(messages), said)


def same_calls(found: list[Told], said: Sequence[AgentEvent]) -> None:
    """Every call that the agent has made is there, beside those that it has only begun."""
    parts = Parts()
    pieces: dict[str, str] = {}
    for part in (part for entry in entries(*said) for part in parts.feed(entry)):
        match part:
            case CallOpened(call_id):
                pieces[call_id] = ""
            case CallDelta(call_id, content):
                pieces[call_id] += content
            case Call(call_id, _, args):
                told_so = (pieces[call_id], arguments(args))  # whole again after a pause
                found.remove(
                    next(
                        each
                        for each in found
                        if read_id(each["id"])[2] == call_id
                        and each["function"]["arguments"] in told_so
                    )
                )
            case _:
                pass


def finished(outcome: Told) -> Told:
    return {"type": "RUN_FINISHED", "threadId": "thread", "runId": "theirs", "outcome": outcome}


def results(events: list[Told]) -> list[Told]:
    return [each for each in events if each["type"] == "TOOL_CALL_RESULT"]
