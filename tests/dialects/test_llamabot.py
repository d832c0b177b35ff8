"""LlamaBot's stream of text."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given

from asgi_agent import ServerConfig, Turn, create_app
from asgi_agent.dialects.exchange import Frame, Received, StartTurn, to_sse
from asgi_agent.dialects.llamabot import LlamaBot, LlamaBotAnswer, Wishes
from asgi_agent.errors import InvalidInput
from asgi_agent.events import (
    AgentEvent,
    Approval,
    Cancelled,
    ClientTool,
    Complete,
    Error,
    Question,
    Text,
    Thinking,
    ToolExec,
    ToolResult,
    decode,
)
from asgi_agent.sse import EventStreamDecoder
from asgi_agent.testing import Server, run
from tests.dialects.speech import entries, runs
from tests.endpoints.serving_agents import asking, failing, parrot

GOLDEN = Path(__file__).parent / "golden" / "llamabot"


def told(*events: AgentEvent, **wishes: Any) -> list[Frame]:
    return LlamaBotAnswer(Wishes(**wishes)).encode(entries(*events))


def asked(body: Any, **query: str) -> StartTurn:
    received = Received(json.dumps(body).encode(), query, {}, "agent", "")
    action = LlamaBot().routes(["chat"])["POST"](received)
    assert isinstance(action, StartTurn)
    return action


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_a_golden_stream_is_told_as_it_was_reviewed(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    said = [decode(name, json.dumps(fields).encode()) for name, fields in golden["said"]]
    stream = to_sse(told(*said, **golden["query"])).decode()

    assert stream.split("\n") == golden["stream"]


def test_there_are_golden_streams() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {"weather", "json", "error"}


def test_an_answer_is_text_and_then_done() -> None:
    assert told(Text("a\nb"), Text(" "), Complete(None)) == [
        Frame("a\nb", "message"),
        Frame(" ", "message"),
        Frame("", "done"),
    ]


def test_the_events_may_have_other_names() -> None:
    assert told(Text("a"), Complete(None), event_type="content", done_event="complete") == [
        Frame("a", "content"),
        Frame("", "complete"),
    ]


def test_only_the_text_is_told() -> None:
    hidden = (Thinking("a"), ToolExec("1", "b", {}), ToolResult("1", "b", "c"))

    assert told(*hidden, Complete("d")) == [Frame("d", "message"), Frame("", "done")]


@pytest.mark.parametrize("end", [Error("It failed.", "a"), Cancelled("b")])
def test_an_end_that_is_no_success_is_an_error(end: AgentEvent) -> None:
    why = end.error if isinstance(end, Error) else "The run was cancelled."

    assert told(Text("a"), end) == [Frame("a", "message"), Frame(why, "error")]


def test_a_response_that_is_cut_off_is_an_error() -> None:
    assert LlamaBotAnswer(Wishes()).cut_off("a") == [Frame("a", "error")]


def test_an_approval_is_refused_once() -> None:
    answer = LlamaBotAnswer(Wishes())
    answer.encode(entries(Approval("a", "1", "b", {}, "")))

    assert (answer.refused(), answer.refused(), answer.pause()) == (["a"], [], None)


@pytest.mark.parametrize("event", [Question("a", "Who?"), ClientTool("a", "b", {})])
def test_what_nobody_can_answer_is_an_error(event: AgentEvent) -> None:
    answer = LlamaBotAnswer(Wishes())
    assert answer.encode(entries(event)) == []

    pause = answer.pause()
    assert pause is not None
    assert pause.is_final
    assert [frame.event for frame in pause.frames] == ["error"]


def test_the_last_message_is_the_prompt() -> None:
    action = asked({"messages": ["a", "b"]})

    assert (action.prompt, action.history) == ("b", [{"role": "user", "content": "a"}])
    assert not action.is_kept


def test_there_may_be_no_message() -> None:
    assert asked({"messages": []}).prompt == ""


@pytest.mark.parametrize(
    "body", [{}, [], {"messages": "a"}, {"messages": [1]}, {"messages": [None]}]
)
def test_what_is_no_list_of_texts_is_refused(body: Any) -> None:
    with pytest.raises(InvalidInput):
        asked(body)


@pytest.mark.parametrize(
    ("name", "value"),
    [("event_type", ""), ("event_type", "a\nb"), ("done_event", "\r"), ("data", "xml")],
)
def test_a_wish_that_cannot_be_fulfilled_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidInput):
        asked({"messages": []}, **{name: value})


def test_other_paths_are_not_its_own() -> None:
    assert LlamaBot().routes(["chat", "a"]) == {}
    assert LlamaBot().channel(["chat"]) is None
    assert list(LlamaBot().describe()) == ["/chat"]


@given(runs())
@example([Text("a\r"), Text("\nb"), Complete(None)])
@example([Text("a\r"), Thinking("c"), Text("\n"), Text("\n"), Complete(None)])
def test_l1_a_client_reads_each_line_end_once(said: list[AgentEvent]) -> None:
    events = EventStreamDecoder().feed(to_sse(told(*said)))
    text = "".join(each.content for each in said if isinstance(each, Text)) or only_answer(said)

    read = "".join(event.data for event in events[:-1])
    assert read == text.replace("\r\n", "\n").replace("\r", "\n")
    assert {event.event for event in events[:-1]} <= {"message"}
    assert events[-1].event == ("done" if isinstance(said[-1], Complete) else "error")


@given(runs())
@example([Text("a\r"), Text("\nb\u2028c\x85d\x0b\x1c"), Complete(None)])
def test_l1_all_of_a_text_is_in_its_json(said: list[AgentEvent]) -> None:
    stream = to_sse(told(*said, data="json"))
    # The lines as httpx has them, which are also ended by characters that end no line here.
    data = [line for line in stream.decode().splitlines() if line.startswith("data: ")]
    words: list[str] = [json.loads(line.removeprefix("data: ")) for line in data]

    text = "".join(each.content for each in said if isinstance(each, Text))
    assert "".join(words[:-1]) == (text or only_answer(said))


def only_answer(said: list[AgentEvent]) -> str:
    """What an agent that says nothing else has said at the end."""
    match said[-1]:
        case Complete(str(data)):
            return data
        case Complete(data) if data is not None:
            return json.dumps(data, separators=(",", ":"))
        case _:
            return ""


# ── defects of the original, over a server ───────────────────────────────────────────────────


async def post(agent: Any, query: str = "") -> str:
    async with Server(create_app(agent, ServerConfig())) as server:
        response = await server.request("POST", f"/chat{query}", json={"messages": ["hi"]})
        assert response.status == 200
        return response.text.removeprefix(":\n")  # a heartbeat


def test_a_message_has_its_answer_and_the_query_its_names() -> None:
    stream = run(post(parrot, "?event_type=content&done_event=complete"))

    assert stream == "event: content\ndata: hi\n\nevent: complete\ndata: \n\n"


def test_l2_a_client_that_trims_reads_all_of_the_json() -> None:
    async def spaced(_: Turn) -> Any:
        yield "chunk content"
        yield " more content\n"

    lines = run(post(spaced, "?data=json")).split("\n")
    data = [line[5:].strip() for line in lines if line.startswith("data:")]
    assert "".join(map(json.loads, data)) == "chunk content more content\n"


def test_l3_a_lone_surrogate_does_not_end_the_stream() -> None:
    async def broken(_: Turn) -> Any:
        yield "a\ud800b"

    assert run(post(broken)).startswith("event: message\ndata: a\ufffdb\n\nevent: done\n")


def test_l4_a_failure_tells_nothing_of_its_inside() -> None:
    assert run(post(failing)) == (
        "event: message\ndata: half\n\nevent: error\ndata: The agent failed.\n\n"
    )


def test_a_question_ends_the_run() -> None:
    async def main() -> None:
        app = create_app(asking, ServerConfig())
        async with Server(app) as server:
            response = await server.request("POST", "/chat", json={"messages": ["hi"]})
            assert response.events()[-1].event == "error"
            assert app.service.runs.active_count == 0

    run(main())


def test_bad_input_is_answered_as_fastapi_does() -> None:
    async def main() -> None:
        async with Server(create_app(parrot, ServerConfig())) as server:
            response = await server.request("POST", "/chat", json={})
            assert response.status == 422
            assert response.json()["detail"][0]["loc"] == ["messages"]
            response = await server.request("POST", "/chat", body=b"{}")
            assert (response.status, list(response.json())) == (415, ["detail"])

    run(main())
