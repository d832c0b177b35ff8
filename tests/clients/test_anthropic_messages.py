"""Anthropic Messages, read by Anthropic's own clients."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from tests.clients.programs import run_javascript
from tests.serving import HOSTS, Served, serve

ASKED: dict[str, Any] = {"model": "any", "max_tokens": 1000}
WEATHER: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Let me look.", "signature": ""},
    {"type": "mcp_tool_use", "name": "get_weather", "input": {"city": "Paris"}},
    {"type": "mcp_tool_result", "is_error": False, "content": [{"type": "text", "text": "18 °C"}]},
    {"type": "mcp_tool_use", "name": "get_wind", "input": {"city": "Paris"}},
    {
        "type": "mcp_tool_result",
        "is_error": True,
        "content": [{"type": "text", "text": "no such sensor"}],
    },
    {"type": "text", "text": "It is 18 °C.\u2028"},
]


@pytest.fixture(scope="module", params=HOSTS)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    with serve("tests.clients.obedient_app:app", request.param) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Anthropic]:
    with Anthropic(base_url=served.url, api_key="k", max_retries=0) as client:
        yield client


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def told(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks, without the fields that only link them."""
    links = ("id", "tool_use_id", "server_name", "citations", "parsed_output")
    return [{key: each[key] for key in each if key not in links} for each in content]


def linked(content: list[dict[str, Any]]) -> bool:
    uses = [each["id"] for each in content if each["type"] == "mcp_tool_use"]
    return uses == [each["tool_use_id"] for each in content if each["type"] == "mcp_tool_result"]


@pytest.mark.parametrize("is_beta", [False, True])
def test_python_reads_text_reasoning_and_tools(client: Anthropic, is_beta: bool) -> None:
    messages: Any = client.beta.messages if is_beta else client.messages
    with messages.stream(**ASKED, messages=[user("What's the weather?")]) as stream:
        assert list(stream.text_stream) == ["It is ", "18 °C.\u2028"]
        # Only the beta client has types for the blocks of tools that run elsewhere.
        message = stream.get_final_message().to_dict(warnings=is_beta)

    assert told(message["content"]) == WEATHER
    assert linked(message["content"])
    assert (message["stop_reason"], message["model"]) == ("end_turn", "any")
    assert message["usage"]["input_tokens"] == 11
    assert message["usage"]["output_tokens"] == 7


def test_python_answers_for_a_tool_and_goes_on(client: Anthropic) -> None:
    talk: list[Any] = [user("Where am I?")]
    first = client.messages.create(**ASKED, messages=talk)
    call: Any = first.content[-1]
    talk.append({"role": "assistant", "content": first.content})
    talk.append(user([{"type": "tool_result", "tool_use_id": call.id, "content": "Bern"}]))
    with client.messages.stream(**ASKED, messages=talk) as stream:
        assert stream.get_final_text() == "You are in Bern."
    talk += [{"role": "assistant", "content": "You are in Bern."}, user("And now?")]
    last: Any = client.messages.create(**ASKED, messages=talk).content[0]

    assert (first.stop_reason, call.name, call.input) == (
        "tool_use",
        "get_location",
        {"accuracy": "city"},
    )
    assert last.text == (
        "user: Where am I? | assistant: Let me see.  | tool: Bern"
        " | assistant: You are in Bern. | now: And now?"
    )


def test_python_is_told_of_failures(client: Anthropic) -> None:
    with pytest.raises(anthropic.InternalServerError, match="overloaded"):
        client.messages.create(**ASKED, messages=[user("Fail.")])
    with (
        client.messages.stream(**ASKED, messages=[user("Fail.")]) as stream,
        pytest.raises(anthropic.APIStatusError, match="overloaded"),
    ):
        stream.until_done()
    with pytest.raises(anthropic.BadRequestError, match="messages"):
        client.messages.create(**ASKED, messages=[])


def test_python_may_leave_in_the_middle(client: Anthropic) -> None:
    with client.messages.stream(**ASKED, messages=[user("Speak for ever.")]) as stream:
        assert next(stream.text_stream) == "on "


@pytest.mark.parametrize("package", ["@anthropic-ai/sdk", "@anthropic-ai/sdk-1.12"])
def test_javascript_does_all_that_python_does(served: Served, package: str) -> None:
    ended = run_javascript(served, "anthropic_messages_talk.mjs", package)

    assert (ended.code, ended.stderr) == (0, "")
    read = json.loads(ended.stdout)
    for name in ("stable", "beta"):
        message = read[name]
        assert told(message["content"]) == WEATHER
        assert linked(message["content"])
        assert message["deltas"] == ["It is ", "18 °C.\u2028"]
        assert message["stop_reason"] == "end_turn"
        assert (message["usage"]["input_tokens"], message["usage"]["output_tokens"]) == (11, 7)
    assert read["whole"] == "max_tokens"
    assert read["tool"][:3] == ["tool_use", "get_location", {"accuracy": "city"}]
    assert [block["text"] for block in read["tool"][3]] == ["You are in Bern."]
    assert read["history"].endswith("| tool: Bern | assistant: You are in Bern. | now: And now?")
    assert [block["text"] for block in read["denied"]] == ["I left it."]
    assert "overloaded" in read["failedStream"][2]
    assert read["failed"][:2] == ["InternalServerError", 500]
    assert read["invalid"][:2] == ["BadRequestError", 400]
    assert read["aborted"] == "APIUserAbortError"
