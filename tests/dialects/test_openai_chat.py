"""Chat Completions: what a client's SDK reads back is what the agent has said."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from openai.types.chat import ChatCompletion as WholeCompletion
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessage

from asgi_agent.dialects.exchange import Answer, Frame, Place, Received, Reply, StartTurn
from asgi_agent.dialects.openai_chat import OpenAIChat
from asgi_agent.dialects.openai_completion import ChatCompletion
from asgi_agent.errors import BadRequest, InvalidInput, UnknownSession
from asgi_agent.events import (
    AgentEvent,
    Approval,
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
from tests.dialects.speech import WEATHER, entries, runs

GOLDEN = Path(__file__).parent / "golden" / "openai_chat"
PLACE = Place("5e55", 1, "run1")
DIALECT = OpenAIChat()


def completion(**options: Any) -> ChatCompletion:
    return ChatCompletion("m", created=1_795_251_179, **options)


def answer(encoder: ChatCompletion, told: Sequence[Entry]) -> list[Frame]:
    """The frames of a response to its end or pause."""
    frames = [*encoder.begin(PLACE), *encoder.encode(told)]
    pause = None if told and told[-1].is_terminal else encoder.pause()
    return [*frames, *(pause.frames if pause else [])]


def chunks(*events: AgentEvent, **options: Any) -> list[dict[str, Any]]:
    frames = answer(completion(**options), entries(*events))
    return [json.loads(frame.data) for frame in frames if frame.data != "[DONE]"]


def deltas(*events: AgentEvent) -> list[dict[str, Any]]:
    """What the chunks after the first say, without the last."""
    return [chunk["choices"][0]["delta"] for chunk in chunks(*events)[1:-1]]


def whole(*events: AgentEvent) -> tuple[int, Any]:
    encoder = completion()
    answer(encoder, entries(*events))
    return encoder.whole()


# Streams


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_a_stream_is_as_the_golden_file_has_it(path: Path) -> None:
    golden = json.loads(path.read_text())
    told = [
        entry(seq, b"%b\ndata: %b" % (kind.encode(), json.dumps(fields).encode()))
        for seq, (kind, fields) in enumerate(golden["entries"], 1)
    ]
    encoder = completion(**golden["options"])
    frames = answer(encoder, told)
    assert [json.loads(f.data) if f.data != "[DONE]" else f.data for f in frames] == golden[
        "frames"
    ]
    status, body = encoder.whole()
    assert [status, body] == golden["whole"]
    assert {frame.event for frame in frames} == {""}
    assert all(frame.data.isascii() and "\n" not in frame.data for frame in frames)


def read_back(frames: Sequence[Frame]) -> tuple[str, str, list[tuple[str, str]], str | None]:
    """What the SDK's own types make of a stream: text, reasoning, calls, the finish reason."""
    text, reasoning, reason = "", "", None
    calls: dict[int, list[str]] = {}
    for frame in frames:
        if frame.data == "[DONE]" or "error" in json.loads(frame.data):
            continue
        chunk = ChatCompletionChunk.model_validate_json(frame.data)
        choice = chunk.choices[0]
        assert (choice.index, len(chunk.choices)) == (0, 1)
        text += choice.delta.content or ""
        reasoning += (choice.delta.model_extra or {}).get("reasoning_content", "")
        for call in choice.delta.tool_calls or []:
            told = calls.setdefault(call.index, ["", ""])
            assert call.function is not None
            told[0] += call.function.name or ""
            told[1] += call.function.arguments or ""
        assert reason is None
        reason = choice.finish_reason
    return text, reasoning, [(name, args) for name, args in calls.values()], reason


@given(runs())
@example([Complete(None)])
@example([Complete({"a": 1})])
@example([Text("a"), Question("q", "Which?"), Complete(None)])
@example([ClientTool("1", "a", None), ClientTool("1", "a", [1]), Complete(None)])
@example([ToolDelta("1", "a", ""), ClientTool("1", "", None), Complete(None)])
@example([Thinking("\u2028"), Text("\u2028"), Cancelled()])
@example([Text("a"), Error("e", "c")])
def test_what_the_sdk_reads_back_is_what_the_agent_said(events: list[AgentEvent]) -> None:
    kept = [entry(seq, encode(event)) for seq, event in enumerate(events, 1)]
    said = [each.event for each in kept]
    encoder = completion()
    frames = answer(encoder, kept)
    text, reasoning, calls, reason = read_back(frames)
    thought = "".join(event.content for event in said if isinstance(event, Thinking))
    tools = _tools(said)
    assert reasoning == thought
    assert [name for name, _ in calls] == tools
    assert all(isinstance(json.loads(args), dict) for _, args in calls)
    assert all(word in text for word in _texts(said))
    end = said[-1]
    if isinstance(end, Complete):
        assert frames[-1].data == "[DONE]"
        assert (reason == "tool_calls") is bool(tools) or end.finish_reason == "tool_calls"
        status, body = encoder.whole()
        message = WholeCompletion.model_validate(body, strict=True).choices[0].message
        assert (status, message.content or "") == (200, text)
        assert len(message.tool_calls or []) == len(tools)
    else:
        assert reason is None
        assert json.loads(frames[-1].data)["error"]["type"] == "server_error"
        assert encoder.whole()[0] == 500


def _tools(said: Sequence[AgentEvent]) -> list[str]:
    """The names of the client's tools; one that is called without a name was begun with it."""
    begun: dict[str, str] = {}
    names: list[str] = []
    for event in said:
        match event:
            case ToolDelta(call_id, name):
                begun.setdefault(call_id, name)
            case ClientTool(call_id, name):
                names.append(name or begun.get(call_id, ""))
                begun.pop(call_id, None)
            case ToolExec(call_id) | ToolResult(call_id) | Approval(_, call_id):
                begun.pop(call_id, None)
            case _:
                pass
    return names


def _texts(said: Sequence[AgentEvent]) -> list[str]:
    """What the client has to read as text, in pieces."""
    texts = [event.content for event in said if isinstance(event, Text)]
    return [*texts, *(event.prompt for event in said if isinstance(event, Question))]


def test_the_first_chunk_has_the_role_and_all_have_the_same_head() -> None:
    told = chunks(Text("a"), Complete(None))
    assert told[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    heads = [{key: chunk[key] for key in ("id", "object", "created", "model")} for chunk in told]
    assert (
        heads
        == [
            {
                "id": "chatcmpl-run1",
                "object": "chat.completion.chunk",
                "created": 1_795_251_179,
                "model": "m",
            }
        ]
        * 3
    )


def test_the_second_response_of_a_run_has_an_id_of_its_own() -> None:
    [frame] = completion().begin(PLACE._replace(after=7))
    assert json.loads(frame.data)["id"] == "chatcmpl-run1-7"


def test_what_is_not_for_the_client_is_not_told() -> None:
    assert (
        deltas(
            ToolDelta("1", "a", "{"),
            ToolExec("1", "a", {}),
            ToolResult("1", "a", "r"),
            Status("s"),
            Data("n", 1),
            Complete(None),
        )
        == []
    )


def test_usage_comes_in_a_chunk_of_its_own_where_it_is_asked_for() -> None:
    end = Complete(None, {"input_tokens": 11, "output_tokens": 7}, "length")
    told = chunks(Text("a"), end, include_usage=True)
    assert [chunk["usage"] for chunk in told[:-1]] == [None, None, None]
    assert told[-1]["choices"] == []
    assert told[-1]["usage"] == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    assert told[-2]["choices"][0]["finish_reason"] == "length"
    assert all("usage" not in chunk for chunk in chunks(Text("a"), end))


@pytest.mark.parametrize(
    ("given", "told"), [(None, "stop"), ("end_turn", "stop"), ("content_filter", "content_filter")]
)
def test_a_finish_reason_is_one_that_clients_know(given: str | None, told: str) -> None:
    [*_, last] = chunks(Text("a"), Complete(None, None, given))
    assert last["choices"][0]["finish_reason"] == told


def test_an_agent_that_waits_for_no_answer_still_wants_its_tools_run() -> None:
    told = chunks(ClientTool("1", "a", {"x": 1}), Complete(None, None, "stop"))
    assert told[-1]["choices"][0]["finish_reason"] == "tool_calls"
    status, body = whole(ClientTool("1", "a", {"x": 1}), Complete(None))
    assert status == 200
    assert body["choices"][0]["message"]["content"] is None


def test_a_question_is_text_and_the_end() -> None:
    encoder = completion()
    encoder.begin(PLACE)
    frames = encoder.encode(entries(Text("Hm."), Question("q", "Which city?")))
    assert [json.loads(f.data)["choices"][0]["delta"]["content"] for f in frames] == [
        "Hm.",
        "\n\nWhich city?",
    ]
    pause = encoder.pause()
    assert pause is not None
    assert pause.is_final
    assert pause.frames[-1].data == "[DONE]"
    assert deltas(Question("q", "Which city?"), Complete(None)) == [{"content": "Which city?"}]


def test_an_approval_is_refused_once() -> None:
    encoder = completion()
    encoder.encode(entries(Approval("q", "1", "a", {}, "")))
    assert encoder.refused() == ["q"]
    assert encoder.refused() == []
    assert encoder.pause() is None


def test_a_response_that_is_cut_off_is_an_error() -> None:
    encoder = completion()
    encoder.begin(PLACE)
    [frame] = encoder.cut_off("why")
    error = {"message": "why", "type": "server_error", "param": None, "code": "stream_failed"}
    assert json.loads(frame.data) == {"error": error}
    assert encoder.whole() == (500, {"error": error})


def test_the_sdks_are_told_not_to_begin_a_failed_run_again() -> None:
    assert (b"x-should-retry", b"false") in completion().headers


def test_a_little_of_everything_is_read_as_one_message() -> None:
    status, body = whole(*WEATHER)
    assert status == 200
    message = ChatCompletionMessage.model_validate(body["choices"][0]["message"])
    assert message.content == "Météo: sunny.\n"
    assert body["choices"][0]["message"]["reasoning_content"] == "hmm"


# Requests


def received(body: object, query: dict[str, str] | None = None, **headers: str) -> Received:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Received(raw, query or {}, headers, "agent", "")


def asked(*messages: object, **more: Any) -> StartTurn:
    parse = DIALECT.routes(["v1", "chat", "completions"])["POST"]
    action = parse(received({"messages": messages, **more}))
    assert isinstance(action, StartTurn)
    return action


def user(content: object) -> dict[str, Any]:
    return {"role": "user", "content": content}


def test_the_last_message_is_the_prompt_and_all_before_it_the_history() -> None:
    action = asked({"role": "system", "content": "Be brief."}, user("hi"), model="x", n=3, seed=1)
    assert action.prompt == "hi"
    assert action.history == [{"role": "system", "content": "Be brief."}]
    assert (action.answers, action.is_streamed, action.is_kept) == ([], False, False)
    assert asked(user("hi"), stream=True).is_streamed


@pytest.mark.parametrize(
    ("content", "prompt"),
    [
        (None, ""),
        ("", ""),
        ([], ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
    ],
)
def test_o12_content_may_be_null_or_parts(content: object, prompt: str) -> None:
    assert asked(user(content)).prompt == prompt
    assert asked(user(content), user("x")).history == [user(prompt)]


@pytest.mark.parametrize("content", [[{"type": "image_url", "image_url": {"url": "x"}}], 5, {}])
def test_a_prompt_is_text(content: object) -> None:
    with pytest.raises(BadRequest, match="has to be text"):
        asked(user(content))
    assert asked(user(content), user("x")).history == [user(content)]


def test_what_a_client_has_put_into_a_message_the_agent_may_read() -> None:
    action = asked({"role": "assistant", "content": "a", "name": "n", "refusal": None}, user("hi"))
    assert action.history == [{"role": "assistant", "content": "a", "name": "n"}]


def test_a_conversation_that_ends_with_the_assistant_has_no_prompt() -> None:
    action = asked(user("hi"), {"role": "assistant", "content": "ho"})
    assert (action.prompt, len(action.history or ())) == ("", 2)


CALLS = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_s_1", "type": "function"}, {"id": "call_s_2"}],
}


def result(call_id: str | None, content: object = "r") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def test_the_results_of_client_tools_are_answers() -> None:
    action = asked(user("hi"), CALLS, result("call_s_1"), result("call_s_2", [{"text": "b"}]))
    assert set(action.answers) == {Answer("s", "1", "r"), Answer("s", "2", "b")}
    assert action.prompt == ""
    assert len(action.history or ()) == 4


def test_every_tool_call_has_to_be_answered() -> None:
    with pytest.raises(BadRequest, match="call_s_2"):
        asked(user("hi"), CALLS, result("call_s_1"))
    with pytest.raises(BadRequest, match="call_s_1, call_s_2"):
        asked(user("hi"), CALLS, result(None))


def test_results_of_tools_that_nobody_called_answer_nobody() -> None:
    assert asked(result("x")).answers == [Answer("x", "", "r")]
    assert asked(user("hi"), result(None)).answers == [Answer("", "", "r")]
    assert asked(CALLS, user("hi")).answers == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"[" * 100_000, None),
        (b'{"messages": [{"role": "user", "content": NaN}]}', None),
        (b"\xff", None),
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{}]}, "messages.0.role"),
        ({"messages": [user("a")], "stream": "x"}, "stream"),
        ({"messages": [{"role": "tool", "tool_call_id": 5}]}, "messages.0.tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": ["x"]}]}, "messages.0.tool_calls.0"),
    ],
    ids=str,
)
def test_what_is_no_request_is_an_error_that_names_the_field(
    body: object, param: str | None
) -> None:
    parse = DIALECT.routes(["v1", "chat", "completions"])["POST"]
    with pytest.raises(InvalidInput) as refused:
        parse(received(body))
    status, told = DIALECT.tell_error(400, refused.value)
    assert (status, told["error"]["type"]) == (400, "invalid_request_error")
    assert told["error"]["param"] == param
    assert "pydantic" not in told["error"]["message"]


def test_an_error_is_told_as_the_sdks_raise_it() -> None:
    assert DIALECT.tell_error(404, UnknownSession("gone")) == (
        404,
        {
            "error": {
                "message": "gone",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        },
    )
    assert DIALECT.tell_error(503, "full")[1]["error"]["type"] == "server_error"


# Routes


def test_there_is_one_model_by_any_name() -> None:
    model = {"id": "agent", "object": "model", "created": 0, "owned_by": "asgi_agent"}
    routes = DIALECT.routes(["v1", "models"])
    assert routes["GET"](received(b"")) == Reply({"object": "list", "data": [model]})
    for path in (["gpt-4o"], ["org", "model"]):
        one = DIALECT.routes(["v1", "models", *path])
        assert one["GET"](received(b"")) == Reply(model)


def test_every_route_is_described_and_no_other_is_its_own() -> None:
    paths = {"/v1/chat/completions", "/v1/models", "/v1/models/{model}"}
    assert DIALECT.describe().keys() == paths
    for path, methods in DIALECT.describe().items():
        segments = path.strip("/").replace("{model}", "m").split("/")
        assert [method.lower() for method in DIALECT.routes(segments)] == list(methods)
    assert DIALECT.routes(["v1", "completions"]) == {}
    assert DIALECT.channel(["v1", "chat", "completions"]) is None
