"""OpenAI Responses: the events of a response, and its ID."""

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.dialects.exchange import Frame, to_sse
from asgi_agent.dialects.openai_responses_stream import (
    NOT_KEPT,
    ResponseId,
    ResponseStream,
    read_id,
)
from asgi_agent.dialects.parts import Call, Parts, Result, arguments, as_json
from asgi_agent.events import (
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
    encode,
    entry,
)
from tests.dialects import golden_streams, responses_reader
from tests.dialects.responses_streams import (
    ASKS,
    CASES,
    CREATED,
    HARD,
    SESSION,
    place,
    starts,
    stream,
)
from tests.dialects.speech import entries, runs


def told(*events: AgentEvent, after: int = 0) -> list[dict[str, Any]]:
    """The data of the frames, without those that every response begins with."""
    frames, _ = stream(entries(*events), after=after)
    return [json.loads(frame.data) for frame in frames][2:]


def output(*events: AgentEvent, after: int = 0) -> list[dict[str, Any]]:
    """The items of the response, as its last event has them."""
    frames, _ = stream(entries(*events), after=after)
    items: list[dict[str, Any]] = responses_reader.read(frames).items
    return items


# Golden streams: the entries of a run, and the bytes of each of its responses


@pytest.mark.parametrize("name", CASES)
def test_a_run_is_told_as_it_was_recorded(name: str) -> None:
    events = CASES[name]
    streams = {
        str(after): to_sse(stream(entries(*events), after=after)[0]) for after in starts(events)
    }
    golden_streams.check("openai_responses", name, events, streams)


def test_every_record_is_of_a_run() -> None:
    assert golden_streams.names("openai_responses") == sorted(CASES)


# What any run says, is what the client reads


def spoken(said: list[Entry], after: int) -> list[AgentEvent]:
    """What the agent says in the response that begins there."""
    events: list[AgentEvent] = []
    for each in said[after:]:
        events.append(each.event)
        if isinstance(each.event, ASKS):
            break
    return events


def returned(said: list[Entry], after: int) -> list[tuple[str, str | None, str | None]]:
    """Arguments, result and failure of the tools of ours that return in this response."""
    calls: dict[str, Call] = {}
    results: list[tuple[str, str | None, str | None]] = []
    parts = Parts()
    for each in said:
        for part in parts.feed(each):
            match part:
                case Call(id):
                    calls[id] = part
                case Result(id, _, result, is_error) if id in calls:
                    call = calls.pop(id)
                    told = result if isinstance(result, str) else as_json(result)
                    if call.actor != "client" and each.seq > after:
                        both = (None, told) if is_error else (told, None)
                        results.append((arguments(call.args), *both))
                case _:
                    pass
    return results


def texts(events: list[AgentEvent], items: list[dict[str, Any]]) -> tuple[str, str]:
    """What the agent has said in words, and what was read of it."""
    words = "".join(e.content for e in events if isinstance(e, Text))
    match events[-1]:
        case Question(_, prompt):
            words += prompt
        case _:
            pass
    read = "".join(map(responses_reader.text_of, (i for i in items if i["type"] == "message")))
    return words, read


@given(runs(), st.data())
@example(HARD[0], None)
@example(HARD[1], None)
@example(HARD[2], None)
@example(HARD[3], None)
@example(HARD[4], None)
@example(HARD[5], None)
@example(HARD[6], None)
@example(HARD[7], None)
@example(HARD[8], None)
@example(HARD[9], None)
@example(HARD[10], None)
@example(HARD[11], None)
@example(HARD[12], None)
@example(HARD[13], None)
@example(HARD[14], None)
@example(HARD[15], None)
def test_what_the_client_reads_is_what_the_agent_said(
    run: list[AgentEvent], data: st.DataObject | None
) -> None:
    said = entries(*run)
    for after in starts(run):
        frames, encoder = stream(said, after=after)
        read = responses_reader.read(frames)
        assert read.end is not None
        assert encoder.whole() == (200, read.end)
        events = spoken(said, after)
        words, told = texts(events, read.items)
        if words or not isinstance(events[-1], Complete):
            assert words == told
        thought = "".join(e.content for e in events if isinstance(e, Thinking))
        summaries = [i for i in read.items if i["type"] == "reasoning"]
        assert thought == "".join(map(responses_reader.text_of, summaries))
        results = [
            (i["arguments"], i["output"], i["error"] and i["error"]["content"][0]["text"])
            for i in read.items
            if i["type"] == "mcp_call" and i["status"] in ("completed", "failed")
        ]
        assert sorted(returned(said[: after + len(events)], after), key=str) == sorted(
            results, key=str
        )
        if data is not None:
            _tell_again(said, after, frames, data)


def _tell_again(said: list[Entry], after: int, frames: list[Frame], data: st.DataObject) -> None:
    """However the entries come, and wherever a client goes on, the frames are the same."""
    cuts = data.draw(st.lists(st.integers(0, len(said) - after), max_size=3))
    number = data.draw(st.integers(-1, len(frames)))
    again, _ = stream(said, after=after, pages=tuple(cuts))
    assert again == frames
    rest, _ = stream(said, after=after, starting_after=number)
    assert rest == frames[number + 1 :]


# The beginning, the items, and the ends


def test_a_response_begins_with_its_name_and_its_agent() -> None:
    frames, _ = stream([])
    created = json.loads(frames[0].data)
    assert [frame.event for frame in frames] == ["response.created", "response.in_progress"]
    assert created["response"]["id"] == f"resp_{SESSION}_1_0_6b015beb"
    assert created["response"]["created_at"] == CREATED
    assert created["response"]["model"] == "demo-agent"
    assert created["response"]["status"] == "in_progress"


def test_what_is_neither_said_nor_called_is_not_told() -> None:
    said = (Status("Busy"), Data("a", 1), Audio("audio/wav", b"1"), BlockStart("text"))
    assert told(*said, BlockEnd("text"), ToolDelta("1", "a", "{}")) == []


def test_a_call_for_the_client_ends_the_response_and_names_its_session() -> None:
    call, later = ClientTool("1", "where", {"a": 1}), Text("later")
    [item] = output(call, later, Complete(None))
    assert item["type"] == "function_call"
    assert item["call_id"] == f"call_{SESSION}_1"
    assert json.loads(item["arguments"]) == {"a": 1}
    assert [each["type"] for each in output(call, later, Complete(None), after=1)] == ["message"]


def test_a_tool_that_was_allowed_is_told_with_what_allowed_it() -> None:
    run = (Approval("q", "1", "delete", {}, ""), ToolExec("1", "delete", {}))
    [asked] = output(*run, Complete(None))
    running = told(*run, after=1)
    assert asked["type"] == "mcp_approval_request"
    assert running[0]["item"]["approval_request_id"] == asked["id"]
    assert running[1]["type"] == "response.mcp_call.in_progress"


def test_a_tool_that_still_runs_when_the_response_ends_returns_in_the_next() -> None:
    run = (ToolExec("1", "a", {}), ClientTool("2", "b", {}), ToolResult("1", "a", "done"))
    first = output(*run, Complete(None))
    second = output(*run, Complete(None), after=2)
    assert [(each["type"], each["status"]) for each in first] == [
        ("mcp_call", "incomplete"),
        ("function_call", "completed"),
    ]
    assert [(each["type"], each["output"]) for each in second] == [("mcp_call", "done")]


@pytest.mark.parametrize(
    ("end", "event", "status"),
    [
        (Complete(None), "response.completed", "completed"),
        (Complete(None, finish_reason="stop"), "response.completed", "completed"),
        (Complete(None, finish_reason="length"), "response.incomplete", "incomplete"),
        (Complete(None, finish_reason="content_filter"), "response.incomplete", "incomplete"),
        (Error("Oops.", "model_error"), "response.failed", "failed"),
        (Cancelled(), "response.incomplete", "cancelled"),
    ],
)
def test_a_run_ends_as_its_end_says(end: AgentEvent, event: str, status: str) -> None:
    [last] = told(end)
    assert (last["type"], last["response"]["status"]) == (event, status)


def test_a_failure_is_told_in_the_words_that_clients_know_and_in_ours() -> None:
    [last] = told(Error("Oops.", "model_error"))
    failure = {"code": "server_error", "message": "Oops.", "type": "model_error"}
    assert last["response"]["error"] == failure


def test_usage_is_counted_under_the_names_of_the_api() -> None:
    [last] = told(Complete(None, {"prompt_tokens": 3, "completion_tokens": 4}))
    usage = last["response"]["usage"]
    assert [usage[f"{each}_tokens"] for each in ("input", "output", "total")] == [3, 4, 7]


def test_a_response_can_be_read_before_it_ends() -> None:
    _, encoder = stream(entries(ToolExec("1", "a", {}), Text("so "), Text("far")))
    status, read = encoder.whole()
    assert (status, read["status"]) == (200, "in_progress")
    responses_reader.response(read)
    assert [item["status"] for item in read["output"]] == ["in_progress", "in_progress"]
    assert read["output"][1]["content"][0]["text"] == "so far"


def test_a_call_that_is_being_written_is_not_read() -> None:
    _, encoder = stream(entries(ToolDelta("1", "a", "{")))
    assert encoder.whole()[1]["output"] == []


def test_a_stream_that_is_cut_off_loses_nothing() -> None:
    said = entries(Text("one"), Text("two"))
    frames, encoder = stream(said[:1])
    [cut] = encoder.cut_off("Too slow.")
    failure = json.loads(cut.data)
    assert cut.event == failure["type"] == "error"
    assert failure["message"] == failure["error"]["message"] == "Too slow."
    last = json.loads(frames[-1].data)["sequence_number"]
    assert failure["sequence_number"] == last
    rest, _ = stream(said, starting_after=last)
    assert [json.loads(frame.data)["delta"] for frame in rest] == ["two"]


def test_a_response_that_was_cut_off_is_not_read_as_if_it_went_on() -> None:
    _, encoder = stream(entries(Text("one")))
    encoder.cut_off("Too slow.")
    status, told = encoder.whole()
    assert (status, told["error"]["message"]) == (500, "Too slow.")


def test_a_response_whose_beginning_is_gone_is_not_told_as_if_it_were_whole() -> None:
    gap = entry(0, encode(Data("gap", {})))
    late = entry(7, encode(Text("late")))
    encoder = ResponseStream(CREATED)
    encoder.begin(place())
    frames = encoder.encode([gap, late])
    assert [json.loads(frame.data)["message"] for frame in frames] == [NOT_KEPT]
    assert encoder.is_whole
    assert encoder.encode([late]) == []
    assert encoder.whole()[0] == 404


def test_an_error_before_any_event_has_the_first_number() -> None:
    [cut] = ResponseStream(CREATED).cut_off("Failed.")
    assert json.loads(cut.data)["sequence_number"] == 0


# The IDs


@given(st.integers(1, 99_999_999), st.integers(0, 99_999_999), st.integers(1, 2**33))
@example(1, 0, 1)
@example(99_999_999, 99_999_999, 2**33)
def test_an_id_says_where_its_response_is(turn: int, after: int, created: int) -> None:
    given = ResponseId(str(uuid4()), turn, after, created)
    assert read_id(given.name("resp")) == given
    assert read_id(f"{given.name('msg')}_12") == given
    if turn < 1000:
        assert len(given.name("resp")) <= 64 + 8


@pytest.mark.parametrize(
    "name",
    [
        "",
        "resp_1",
        f"resp_{SESSION}_0_0_1",
        f"resp_{SESSION}_01_0_1",
        f"resp_{SESSION}_1_00_1",
        f"resp_{SESSION}_1_0_0",
        f"resp_{SESSION}_1_0",
        f"resp_{SESSION}_1_0_1_",
        f"resp_{SESSION}_1_0_1\n",
        f"resp_{SESSION}_1_-1_1",
        f"resp_{SESSION[:-1]}_1_0_1",
        f"resp_{SESSION}_{'9' * 5000}_0_1",
        f"resp_{SESSION}_\u0661_0_1",
        f"call_{SESSION}_1",
    ],
)
def test_what_was_never_given_is_no_id(name: str) -> None:
    assert read_id(name) is None
