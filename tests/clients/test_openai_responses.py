"""OpenAI Responses, read by OpenAI's own clients and by Vercel's AI SDK."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import ResponseStreamEvent

from asgi_agent.dialects.exchange import to_sse
from asgi_agent.events import AgentEvent
from tests.clients.programs import run_javascript
from tests.dialects.responses_reader import text_of
from tests.dialects.responses_streams import CASES, HARD, starts, stream
from tests.dialects.speech import entries, runs
from tests.serving import HOSTS, Served, serve

APP = "tests.clients.obedient_app:app"
WEATHER = "It is 18 °C.\u2028"


@pytest.fixture(scope="module", params=HOSTS)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    with serve(APP, request.param) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{served.url}/v1", api_key="k", max_retries=0) as client:
        yield client


def ask(client: OpenAI, input: Any, **asked: Any) -> Any:
    return client.responses.create(model="any", input=input, **asked)


def read_for_ever(client: OpenAI, name: str) -> None:
    while True:
        client.responses.retrieve(name)


def numbers(events: list[ResponseStreamEvent]) -> list[int]:
    return [event.sequence_number for event in events]


# Python


def test_python_reads_text_reasoning_and_tools(client: OpenAI) -> None:
    with client.responses.stream(model="any", input="What's the weather?") as stream:
        events = list(stream)
        response = stream.get_final_response()

    assert response.output_text == WEATHER
    assert [item.type for item in response.output] == [
        "reasoning",
        "mcp_call",
        "mcp_call",
        "message",
    ]
    assert response.usage is not None
    assert response.usage.total_tokens == 18
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert client.responses.retrieve(response.id).output_text == WEATHER


def test_python_goes_on_where_it_was_cut_off(client: OpenAI) -> None:
    begun = ask(client, "Count.", stream=True)
    read = [next(begun) for _ in range(20)]
    begun.close()
    name = read[0].response.id

    read += client.responses.retrieve(name, stream=True, starting_after=19)

    assert numbers(read) == list(range(len(read)))
    words = [each.delta for each in read if each.type == "response.output_text.delta"]
    assert words == [f"{number} " for number in range(60)]
    with client.responses.stream(response_id=name, starting_after=19) as again:
        assert numbers(list(again)) == numbers(read)[20:]


def test_python_answers_for_a_tool(client: OpenAI) -> None:
    asked = ask(client, "Where am I?")
    call = asked.output[-1]
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "Bern"}

    by_name = ask(client, [output], previous_response_id=asked.id)
    whole = ask(client, [{"role": "user", "content": "Where am I?"}, *asked.output, output])

    assert json.loads(call.arguments) == {"accuracy": "city"}
    assert by_name.output_text == whole.output_text == "You are in Bern."


@pytest.mark.parametrize(("approve", "said"), [(True, "It is gone."), (False, "I left it.")])
def test_python_allows_a_tool_or_does_not(client: OpenAI, approve: bool, said: str) -> None:
    asked = ask(client, "Delete it.")
    [request] = asked.output
    answer = {
        "type": "mcp_approval_response",
        "approval_request_id": request.id,
        "approve": approve,
    }
    told = ask(client, [answer], previous_response_id=asked.id)
    assert (request.type, request.name) == ("mcp_approval_request", "delete")
    assert told.output_text == said


def test_python_holds_a_conversation(client: OpenAI) -> None:
    question = ask(client, "Ask me.")
    answered = ask(client, "Rome", previous_response_id=question.id)
    told = ask(client, "And now?", previous_response_id=answered.id)
    branch = ask(client, "Or now?", previous_response_id=answered.id)

    assert (question.output_text, answered.output_text) == ("Which city?", "You said Rome.")
    before = "user: Ask me. | assistant: You said Rome. | now:"
    assert (told.output_text, branch.output_text) == (f"{before} And now?", f"{before} Or now?")


def test_python_is_told_of_failures(client: OpenAI) -> None:
    failed = ask(client, "Fail.")
    assert (failed.status, failed.output_text) == ("failed", "So far, so good. ")
    assert failed.error.message == "The model is overloaded."
    brief = ask(client, "Be brief.")
    assert (brief.status, brief.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    with pytest.raises(openai.NotFoundError, match="not found"):
        client.responses.retrieve("resp_x")
    with pytest.raises(openai.BadRequestError, match="input"):
        ask(client, [])


def test_python_cancels_and_deletes(client: OpenAI) -> None:
    begun = ask(client, "Speak for ever.", background=True)
    assert client.responses.retrieve(begun.id).status == "in_progress"
    assert client.responses.cancel(begun.id).status == "cancelled"
    assert client.responses.retrieve(begun.id).status == "cancelled"
    client.responses.delete(begun.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(begun.id)


def test_python_raises_where_a_stream_cannot_be_told(client: OpenAI) -> None:
    told = ask(client, "Say too much.", background=True)
    with pytest.raises(openai.NotFoundError, match="kept no longer"):
        read_for_ever(client, told.id)  # it says more than the 8 MiB that are kept
    with pytest.raises(openai.APIError, match="kept no longer"):
        list(client.responses.retrieve(told.id, stream=True))


# The client calls a function of `websockets` in a way that newer ones deprecate.
@pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
def test_python_reads_responses_over_a_websocket(client: OpenAI) -> None:
    with client.responses.connect() as socket:
        for _ in range(2):
            socket.response.create(model="any", input="What's the weather?")
            told = [next(iter(socket))]
            while told[-1].type != "response.completed":
                told.append(next(iter(socket)))
            assert [each.sequence_number for each in told] == list(range(29))


def test_python_reads_many_at_once(served: Served) -> None:
    async def main() -> None:
        async with AsyncOpenAI(base_url=f"{served.url}/v1", api_key="k") as client:
            asked = [
                client.responses.create(model="any", input="What's the weather?") for _ in range(20)
            ]
            assert {told.output_text for told in await asyncio.gather(*asked)} == {WEATHER}

    asyncio.run(main())


# JavaScript


@pytest.mark.parametrize("package", ["openai", "openai-v6"])
def test_javascript_does_all_that_python_does(served: Served, package: str) -> None:
    ended = run_javascript(served, "openai_responses_talk.mjs", package)

    assert (ended.code, ended.stderr) == (0, "")
    read = json.loads(ended.stdout)
    events = read.pop("weather")
    assert events["text"] == read["retrieved"] == WEATHER
    assert events["items"] == ["reasoning", "mcp_call", "mcp_call", "message"]
    assert [number for _, number in events["events"]] == list(range(29))
    assert read["replayed"] == read["rest"] == events["events"][4:]
    assert read["socket"] == events["events"]
    assert read["usage"] == 18
    assert read["tool"] == ["get_location", {"accuracy": "city"}, "You are in Bern."]
    assert (read["approved"], read["denied"]) == ("It is gone.", "I left it.")
    assert read["question"] == ["Which city?", "You said Rome."]
    assert read["next"] == "user: Ask me. | assistant: You said Rome. | now: And now?"
    assert read["failed"] == ["failed", "The model is overloaded.", "So far, so good. "]
    assert read["unknown"][:2] == read["deleted"][:2] == ["NotFoundError", 404]
    assert read["invalid"][:2] == ["BadRequestError", 400]
    assert (read["cancelled"], read["gaps"]) == ("cancelled", [])
    assert read["last"] == ["response.incomplete", "cancelled"]


@pytest.mark.parametrize("served", ["uvicorn-httptools-websockets", "hypercorn"], indirect=True)
@pytest.mark.parametrize("sdk", [("ai", "@ai-sdk/openai"), ("ai-v6", "@ai-sdk/openai-v3")])
def test_the_ai_sdk_holds_a_conversation(served: Served, sdk: tuple[str, str]) -> None:
    ended = run_javascript(served, "openai_responses_ai_sdk.mjs", *sdk)

    assert (ended.code, ended.stderr) == (0, "")
    read = json.loads(ended.stdout)
    assert (read["text"], read["reasoning"], read["tokens"]) == (WEATHER, "Let me look.", 18)
    assert read["results"][0] == "18 °C"
    assert read["results"][1]["type"] == "mcp_tool_execution_error"
    next = f"user: What's the weather? | assistant: {WEATHER} | now: And now?"
    assert read["next"] == next
    before = next.replace("now: And", "user: And")
    assert read["afterNext"] == f"{before} | assistant: {next} | now: And then?"
    assert read["steps"] == ["Let me see. ", "You are in Bern."]
    assert (read["approved"], read["denied"]) == ("It is gone.", "I left it.")


# Any stream


def sample() -> list[tuple[str, dict[str, Any]]]:
    """Streams of all kinds, each with the response that it tells."""
    spoken: list[list[AgentEvent]] = [*CASES.values(), *HARD]

    @settings(max_examples=40, derandomize=True, database=None)
    @given(runs())
    def draw(run: list[AgentEvent]) -> None:
        spoken.append(run)

    draw()
    told = [stream(entries(*run), after=after)[0] for run in spoken for after in starts(run)]
    last = [json.loads(frames[-1].data)["response"] for frames in told]
    return [(to_sse(frames).decode(), end) for frames, end in zip(told, last, strict=True)]


def test_javascript_reads_what_any_agent_may_say(tmp_path: Path) -> None:
    told = sample()
    file = tmp_path / "streams.json"
    file.write_text(json.dumps([stream for stream, _ in told]))
    nowhere: Any = type("Nowhere", (), {"url": ""})

    ended = run_javascript(nowhere, "openai_responses_read.mjs", str(file))

    assert (ended.code, ended.stderr) == (0, "")
    read = json.loads(ended.stdout)
    for package in ("openai", "openai-v6"):
        for (_, end), theirs in zip(told, read[package], strict=True):
            assert without_parsed(theirs["output"]) == end["output"]
            assert theirs["status"] == end["status"]
    for package in ("@ai-sdk/openai", "@ai-sdk/openai-v3"):
        for (_, end), theirs in zip(told, read[package], strict=True):
            if "raised" in theirs:  # so the AI SDK tells a failure before any word
                assert (end["status"], end["output"]) == ("failed", [])
                continue
            items = end["output"]
            assert theirs["text"] == said(items, "message")
            assert theirs["reasoning"] == said(items, "reasoning")
            approvals = [item for item in items if item["type"] == "mcp_approval_request"]
            assert theirs["approvals"] == len(approvals)
            assert theirs["errors"] == (end["status"] == "failed")


def said(items: list[dict[str, Any]], kind: str) -> str:
    return "".join(text_of(item) for item in items if item["type"] == kind)


def without_parsed(value: Any) -> Any:
    """Without the fields in which the client offers what it has parsed."""
    if isinstance(value, dict):
        return {
            key: without_parsed(value[key])
            for key in value
            if key not in ("parsed", "parsed_arguments")
        }
    return [without_parsed(each) for each in value] if isinstance(value, list) else value
