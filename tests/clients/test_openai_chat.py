"""Chat Completions, with the official SDKs of Python and JavaScript, and with the AI SDK."""

import json
from collections.abc import Iterator, Sequence
from time import monotonic, sleep
from typing import Any

import httpx
import openai
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from openai import OpenAI
from openai.types.chat import ChatCompletionChunk

from asgi_agent.dialects.exchange import Place, to_sse
from asgi_agent.dialects.openai_completion import ChatCompletion
from asgi_agent.events import AgentEvent, ClientTool, Complete, Text, Thinking, encode, entry
from tests.clients.conftest import Witness
from tests.clients.programs import run_javascript
from tests.dialects.speech import runs
from tests.serving import HOSTS, Served, serve

PACKAGES = ("openai", "openai-v6")
SAID = "You said\u2028: hi After 0."


@pytest.fixture(scope="module", params=HOSTS)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    with serve("tests.clients.openai_chat_app:app", request.param) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{served.url}/v1", api_key="x") as client:
        yield client


def ask(client: OpenAI, *messages: Any, **more: Any) -> Any:
    asked = [
        {"role": "user", "content": each} if isinstance(each, str) else each for each in messages
    ]
    return client.chat.completions.create(model="any", messages=asked, **more)


def streamed(client: OpenAI, *messages: Any, **more: Any) -> list[ChatCompletionChunk]:
    with ask(client, *messages, stream=True, **more) as stream:
        return list(stream)


def text_of(chunks: Sequence[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def reason_of(chunks: Sequence[ChatCompletionChunk]) -> str | None:
    [reason] = [each.choices[0].finish_reason for each in chunks if each.choices][-1:]
    return reason


# The Python SDK


def test_python_reads_text_and_thinking_and_usage_as_they_come(client: OpenAI) -> None:
    chunks = streamed(client, "hi", stream_options={"include_usage": True})
    assert text_of(chunks) == SAID
    extras = [chunk.choices[0].delta.model_extra or {} for chunk in chunks if chunk.choices]
    assert "".join(each.get("reasoning_content", "") for each in extras) == "Let me see."
    assert reason_of(chunks) == "length"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 18
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert not any(chunk.choices[0].delta.tool_calls for chunk in chunks[:-1])


def test_python_reads_a_whole_answer(client: OpenAI) -> None:
    whole = ask(client, "hi")
    assert whole.choices[0].message.content == SAID
    assert whole.choices[0].message.reasoning_content == "Let me see."
    assert (whole.model, whole.usage.total_tokens) == ("any", 18)


def test_python_s_stream_helper_accumulates_the_same(client: OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Delete it."}]
    with client.chat.completions.stream(model="any", messages=messages) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "Not deleted."


def test_python_sends_the_whole_conversation_each_time(client: OpenAI, witness: Witness) -> None:
    said = ask(client, "hi").choices[0].message
    parts = [{"type": "text", "text": "h"}, {"type": "text", "text": "o"}]
    chunks = streamed(client, "hi", said, {"role": "user", "content": parts})
    assert text_of(chunks) == "You said\u2028: ho After 2."
    assert witness()["begun"] == ["hi", "ho"]


@pytest.mark.parametrize("is_streamed", [True, False])
def test_python_runs_the_client_s_tools_and_the_same_run_goes_on(
    client: OpenAI, witness: Witness, is_streamed: bool
) -> None:
    if is_streamed:
        chunks = streamed(client, "Where am I?")
        assert (text_of(chunks), reason_of(chunks)) == ("One moment. ", "tool_calls")
        told = [call for each in chunks for call in each.choices[0].delta.tool_calls or []]
        calls = [each.model_dump(exclude={"index"}) for each in told]
    else:
        choice = ask(client, "Where am I?").choices[0]
        assert choice.finish_reason == "tool_calls"
        calls = [each.model_dump() for each in choice.message.tool_calls]
    assert [each["function"] for each in calls] == [
        {"name": "get_location", "arguments": '{"accuracy":"high"}'},
        {"name": "get_time", "arguments": "{}"},
    ]
    results = [
        {"role": "tool", "tool_call_id": calls[1]["id"], "content": "noon"},
        {
            "role": "tool",
            "tool_call_id": calls[0]["id"],
            "content": [{"type": "text", "text": "Rome"}],
        },
    ]
    called = {"role": "assistant", "content": None, "tool_calls": calls}
    answered = streamed(client, "Where am I?", called, *results)
    assert text_of(answered) == "You are in Rome at noon."
    assert witness()["begun"] == ["Where am I?"]


def test_python_is_told_which_tool_call_has_no_result(client: OpenAI) -> None:
    message = ask(client, "Where am I?").choices[0].message
    one = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "Rome"}
    with pytest.raises(openai.BadRequestError, match=message.tool_calls[1].id):
        ask(client, "Where am I?", message, one)


def test_python_cannot_be_asked_for_consent_and_so_there_is_none(client: OpenAI) -> None:
    assert text_of(streamed(client, "Delete it.")) == "Not deleted."


def test_python_reads_a_question_as_text(client: OpenAI, witness: Witness) -> None:
    chunks = streamed(client, "How is the weather?")
    assert text_of(chunks) == "Let me see.\n\nIn which city?"
    assert reason_of(chunks) == "stop"
    assert witness()["ended"] == ["How is the weather?"]


def test_python_raises_what_fails_in_a_stream(client: OpenAI) -> None:
    with pytest.raises(openai.APIError, match=r"^The agent failed\.$") as raised:
        streamed(client, "Fail.")
    assert raised.value.code == "agent_error"


@pytest.mark.parametrize("is_streamed", [True, False])
def test_python_does_not_repeat_a_run_that_has_failed(
    client: OpenAI, witness: Witness, is_streamed: bool
) -> None:
    with pytest.raises(openai.APIError, match=r"The model is overloaded\.") as raised:
        streamed(client, "Fail at once.") if is_streamed else ask(client, "Fail at once.")
    assert raised.value.code == "overloaded"
    assert witness()["begun"] == ["Fail at once."]


def test_python_raises_what_is_wrong_with_a_request(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        ask(client)
    assert (raised.value.type, raised.value.param) == ("invalid_request_error", "messages")
    with pytest.raises(openai.NotFoundError):
        client.completions.create(model="any", prompt="hi")


def test_python_lists_the_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["demo"]
    assert client.models.retrieve("org/any").id == "demo"


def test_python_leaves_and_the_run_is_cancelled(
    served: Served, client: OpenAI, witness: Witness
) -> None:
    with ask(client, "Speak for ever.", stream=True) as stream:
        assert any(chunk.choices[0].delta.content for chunk in stream)
    ended: list[str] = []
    deadline = monotonic() + 5
    while not ended and monotonic() < deadline:
        sleep(0.05)
        ended += witness()["ended"]
    assert ended == ["Speak for ever."]


# The JavaScript SDK


@pytest.mark.parametrize("package", PACKAGES)
def test_javascript_reads_all_of_it(served: Served, witness: Witness, package: str) -> None:
    ended = run_javascript(served, "openai_chat.mjs", package)
    assert (ended.code, ended.stderr) == (0, "")
    told = json.loads(ended.stdout)
    assert told["text"]["text"] == told["whole"]["message"]["content"] == told["final"] == SAID
    assert told["text"]["reasoning"] == "Let me see."
    assert (told["text"]["reason"], told["text"]["usage"]["total_tokens"]) == ("length", 18)
    assert told["text"]["ids"] == 1
    assert told["parts"]["text"] == "You said\u2028: ho After 0."
    calls = [each["function"]["name"] for each in told["clientTools"]["calls"]]
    assert (calls, told["clientTools"]["reason"]) == (["get_location", "get_time"], "tool_calls")
    assert told["answered"]["text"] == "You are in Rome at noon."
    assert told["approval"]["text"] == "Not deleted."
    assert told["question"]["text"] == "Let me see.\n\nIn which city?"
    assert told["failure"]["text"] == "So far, so good. "
    assert told["failure"]["error"]["kind"] == "APIError"
    assert told["failure"]["error"]["code"] == "agent_error"
    assert told["wholeFailure"]["kind"] == "InternalServerError"
    assert told["wholeFailure"]["message"] == "500 The model is overloaded."
    assert told["badRequest"]["kind"] == "BadRequestError"
    assert told["models"] == [told["model"]] == ["demo"]
    begun = witness()["begun"]
    assert begun.count("Fail at once.") == 1
    assert begun.count("Where am I?") == 2  # streamed, and not; and answered by the same run


@settings(max_examples=3, derandomize=True, deadline=None, phases=[Phase.generate])
@given(speeches=st.lists(runs(), min_size=20, max_size=20))
@pytest.mark.parametrize("package", PACKAGES)
def test_javascript_reads_back_whatever_an_agent_says(
    tmp_path_factory: pytest.TempPathFactory, package: str, speeches: list[list[AgentEvent]]
) -> None:
    kept = [[entry(seq, encode(each)) for seq, each in enumerate(run, 1)] for run in speeches]
    streams: list[str] = []
    for run in kept:
        encoder = ChatCompletion("m")
        frames = [*encoder.begin(Place("s", 1, "r")), *encoder.encode(run)]
        streams.append(to_sse(frames).decode())
    file = tmp_path_factory.mktemp("streams") / "streams.json"
    file.write_text(json.dumps(streams))
    ended = run_javascript(None, "openai_chat.mjs", package, str(file))
    assert (ended.code, ended.stderr) == (0, "")
    for run, read in zip(kept, json.loads(ended.stdout), strict=True):
        said = [each.event for each in run]
        thought = "".join(each.content for each in said if isinstance(each, Thinking))
        assert read["reasoning"] == thought
        assert all(each.content in read["text"] for each in said if isinstance(each, Text))
        names = [each.name for each in said if isinstance(each, ClientTool)]
        assert [each["function"]["name"] for each in read["calls"]] == names
        assert ("error" in read) is not isinstance(said[-1], Complete)


# The AI SDK


def test_the_ai_sdk_reads_all_of_it(served: Served, witness: Witness) -> None:
    ended = run_javascript(served, "openai_chat_ai_sdk.mjs")
    assert (ended.code, ended.stderr) == (0, "")
    told = json.loads(ended.stdout)
    assert told["text"]["text"] == told["whole"]["text"] == SAID
    assert told["text"]["reasoning"] == told["whole"]["reasoningText"] == "Let me see."
    assert told["text"]["reason"] == told["whole"]["finishReason"] == "length"
    assert told["text"]["usage"]["totalTokens"] == told["whole"]["usage"]["totalTokens"] == 18
    assert told["text"]["calls"] == []
    assert told["clientTools"]["calls"] == [
        ["get_location", {"accuracy": "high"}],
        ["get_time", {}],
    ]
    assert told["clientTools"]["text"] == "One moment. You are in Rome at noon."
    assert told["approval"]["text"] == "Not deleted."
    assert told["failure"]["text"] == "So far, so good. "
    assert told["failure"]["errors"] == ["The agent failed."]
    assert told["wholeFailure"] == {"message": "The model is overloaded.", "status": 500}
    assert witness()["begun"].count("Where am I?") == 1


# Browsers, and OpenJarvis' own clients


def test_a_browser_may_send_the_headers_of_the_sdk(served: Served) -> None:
    preflight = httpx.options(
        f"{served.url}/v1/chat/completions",
        headers={
            "origin": "https://example.com",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,x-stainless-os",
        },
    )
    assert preflight.status_code < 300
    assert "x-stainless-os" in preflight.headers["access-control-allow-headers"]


def test_openjarvis_events_come_where_they_are_asked_for(served: Served) -> None:
    url = f"{served.url}/v1/chat/completions"
    body = {"model": "any", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    extra = httpx.post(url, params={"openjarvis": "all"}, json=body).text
    names = [line[7:] for line in extra.split("\n") if line.startswith("event: ")]
    assert names == ["agent_turn_start", "tool_call_start", "tool_call_end", "tool_results"]
    assert "event:" not in httpx.post(url, json=body).text
    refused = httpx.post(url, headers={"x-openjarvis": "evil"}, json=body)
    assert (refused.status_code, "error" in refused.json()) == (400, True)
