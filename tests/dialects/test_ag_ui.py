"""What is made of an AG-UI request, and what a client is answered."""

import asyncio
import json
from typing import Any, cast

import pytest
from ag_ui.core import RunAgentInput

from asgi_agent import ServerConfig, Turn, create_app
from asgi_agent.dialects.ag_ui import AgUi
from asgi_agent.dialects.exchange import (
    Action,
    Answer,
    CancelTurn,
    FollowTurn,
    Place,
    Received,
    StartTurn,
    last_answered,
)
from asgi_agent.errors import BadRequest, InvalidInput
from asgi_agent.events import ClientTool
from asgi_agent.testing import Server, run, settle
from tests.dialects.ag_ui_client import Told, events_of, read, verify
from tests.endpoints.serving_agents import asking, failing, parrot, silent

USER: Told = {"id": "1", "role": "user", "content": "hello"}
CALLS: Told = {
    "id": "2",
    "role": "assistant",
    "toolCalls": [
        {
            "id": f"run:call:{name}",
            "type": "function",
            "function": {"name": name, "arguments": "{}"},
        }
        for name in ("a", "b")
    ],
}


def returned(name: str, content: Any = "x", id: str = "3") -> Told:
    return {"id": id, "role": "tool", "toolCallId": f"run:call:{name}", "content": content}


def received(body: bytes = b"", **query: str) -> Received:
    return Received(body, query, {}, "agent", "")


def input_of(*messages: Told, **fields: Any) -> Told:
    """A run's input, which the protocol's own model takes."""
    asked = {"threadId": "t", "runId": "r", "messages": [*messages], **fields}
    RunAgentInput.model_validate(asked)
    return asked


def asked(*messages: Told, **fields: Any) -> StartTurn:
    body = json.dumps(input_of(*messages, **fields)).encode()
    action = AgUi().routes(["ag-ui"])["POST"](received(body))
    assert isinstance(action, StartTurn)
    return action


def resume(*entries: tuple[str, str, Any]) -> list[Told]:
    return [
        {"interruptId": id, "status": status, "payload": payload} for id, status, payload in entries
    ]


# ── requests ─────────────────────────────────────────────────────────────────────────────────


def test_the_last_message_of_a_user_is_the_prompt() -> None:
    action = asked(
        USER, {"id": "2", "role": "assistant", "content": "hi"}, {**USER, "content": "b"}
    )

    assert (action.session_id, action.prompt, action.answers) == ("t", "b", [])
    assert action.history == [
        {"id": "1", "role": "user", "content": "hello"},
        {"id": "2", "role": "assistant", "content": "hi"},
    ]


def test_text_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

    assert asked({**USER, "content": parts}).prompt == "ab"


def test_a_prompt_that_is_not_text_is_refused() -> None:
    source = {"type": "url", "value": "https://example.org/a.png"}
    image = {**USER, "content": [{"type": "image", "source": source}]}

    with pytest.raises(BadRequest, match="has to be text"):
        asked(image)
    assert asked(image, USER).history == [image]  # the agent may know what to do with it


def test_a_conversation_may_be_empty() -> None:
    action = asked()

    assert (action.prompt, action.history) == ("", [])


def test_a_conversation_that_ends_with_the_agent_is_all_history() -> None:
    action = asked(USER, {"id": "2", "role": "assistant", "content": "hi"})

    assert (action.prompt, len(action.history or ())) == ("", 2)


def test_an_agent_sees_its_own_ids_and_the_names_that_it_knows() -> None:
    action = asked(USER, CALLS, {**returned("a"), "error": "no"}, returned("b"))

    _, calls, result, _ = cast(list[Told], action.history)
    assert [call["id"] for call in calls["tool_calls"]] == ["a", "b"]
    assert calls["content"] == ""
    assert result == {
        "id": "3",
        "role": "tool",
        "tool_call_id": "a",
        "content": "x",
        "error": "no",
    }


def test_the_results_of_client_tools_are_answers_to_the_run_that_asked() -> None:
    action = asked(USER, CALLS, returned("a"), returned("b", [{"type": "text", "text": "y"}]))

    assert action.answers == [Answer("t", "b", "y", "run"), Answer("t", "a", "x", "run")]
    assert action.prompt == ""


def test_a_result_that_we_have_told_is_no_answer() -> None:
    action = asked(USER, CALLS, returned("a", id="run:result:1"), returned("b"))

    assert action.answers == [Answer("t", "b", "x", "run")]


def test_results_before_the_last_prompt_are_no_answers() -> None:
    assert asked(USER, CALLS, returned("a"), USER).answers == []


def test_a_result_may_stand_before_what_the_agent_has_said_after_its_call() -> None:
    text = {"id": "run:message:4", "role": "assistant", "content": "Wait."}

    assert asked(USER, CALLS, returned("a"), text).answers == [Answer("t", "a", "x", "run")]


@pytest.mark.parametrize(
    ("kind", "status", "payload", "value"),
    [
        ("approval", "resolved", True, True),
        ("approval", "resolved", {"approved": True}, True),
        ("approval", "resolved", {"approved": False}, False),
        ("approval", "resolved", {}, None),
        ("approval", "cancelled", True, None),
        ("question", "resolved", {"approved": True}, {"approved": True}),
        ("question", "resolved", None, None),
        ("question", "cancelled", "a", None),
    ],
)
def test_a_resume_entry_is_an_answer(kind: str, status: str, payload: Any, value: Any) -> None:
    action = asked(USER, resume=resume((f"run:{kind}:q", status, payload)))

    assert action.answers == [Answer("t", "q", value, "run")]


def test_an_answer_that_is_lost_is_an_error_and_not_another_turn() -> None:
    action = asked(USER, resume=resume(("run:question:q", "resolved", "a")))

    assert (action.prompt, action.history) == ("", None)


def test_an_interrupt_that_is_abandoned_leaves_the_prompt_beside_it() -> None:
    action = asked(
        USER, {**USER, "content": "b"}, resume=resume(("run:question:q", "cancelled", 0))
    )

    assert (action.prompt, action.history) == ("b", [USER])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"threadId": 1, "runId": "r", "messages": []}',
        b'{"threadId": "t", "messages": []}',
        b'{"threadId": "..", "runId": "r", "messages": []}',
        b'{"threadId": "t", "runId": "r", "messages": null}',
        b'{"threadId": "t", "runId": "r", "messages": [{}]}',
        b'{"threadId": "t", "runId": "r", "messages": [{"role": "tool", "toolCallId": 1}]}',
        b'{"threadId": "t", "runId": "r", "messages": [{"role": "a", "toolCalls": [1]}]}',
        b'{"threadId": "t", "runId": "r", "messages": [], "resume": [{"interruptId": "a"}]}',
        b'{"threadId": "t", "runId": "r", "messages": [], "resume": [{}]}',
        b'{"threadId": "t", "runId": "r", "messages": []} ' + b"[" * 100_000,
    ],
)
def test_what_is_no_input_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        AgUi().routes(["ag-ui"])["POST"](received(body))


def test_ids_of_any_kind_are_taken() -> None:
    strange = {"role": "assistant", "toolCalls": [{}, {"id": 1}, {"id": "a:b"}]}
    body = {"threadId": "", "runId": "", "messages": [strange, {"role": "tool"}]}
    action = AgUi().routes(["ag-ui"])["POST"](received(json.dumps(body).encode()))

    assert isinstance(action, StartTurn)
    assert action.answers == [Answer("", "", "", None)]


def test_a_thread_is_cancelled() -> None:
    action = AgUi().routes(["ag-ui", "t", "cancel"])["POST"](received())

    assert action == CancelTurn(session_id="t")


def test_what_is_live_is_told_again() -> None:
    def follow(**query: str) -> tuple[FollowTurn, Told]:
        action: Action = AgUi().routes(["ag-ui", "t", "stream"])["GET"](received(**query))
        assert isinstance(action, FollowTurn)
        [started] = events_of(action.encoder.begin(Place("t", 1, "run")))
        return action, started

    action, started = follow(runId="r", protocolVersion="1.0")
    assert (action.session_id, action.after, action.only_active) == ("t", last_answered, True)
    assert (started["runId"], started["protocolVersion"]) == ("r", "1.0")
    assert follow()[1] == {"type": "RUN_STARTED", "threadId": "t", "runId": "run"}


@pytest.mark.parametrize(
    "path", [[], ["ag-ui", "t"], ["ag-ui", "t", "else"], ["ag-ui", "", "", ""]]
)
def test_other_paths_are_not_its_own(path: list[str]) -> None:
    assert AgUi().routes(path) == {}


def test_there_is_no_websocket() -> None:
    assert AgUi().channel(["ag-ui"]) is None


def test_it_describes_the_paths_that_it_serves() -> None:
    paths = {"/ag-ui", "/ag-ui/{threadId}/cancel", "/ag-ui/{threadId}/stream"}
    assert AgUi().describe().keys() == paths
    for path, operations in AgUi().describe().items():
        segments = path.replace("{threadId}", "t").split("/")[1:]
        assert {name.upper() for name in operations} == AgUi().routes(segments).keys()


# ── responses ────────────────────────────────────────────────────────────────────────────────


async def post(server: Server, *messages: Told, **fields: Any) -> list[Told]:
    response = await server.request("POST", "/ag-ui", json=input_of(*messages, **fields))
    assert response.status == 200, response.text
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    return told(response.text)


def told(stream: str) -> list[Told]:
    """The events, byte by byte as the client splits them: at empty lines only."""
    blocks = stream.replace(":\n", "").split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
    events = [json.loads(block.removeprefix("data: ")) for block in blocks]
    verify(events, is_1_0="protocolVersion" in events[0])
    return events


def serving(agent: Any, **settings: Any) -> Server:
    return Server(create_app(agent, ServerConfig(**settings)))


def test_the_history_is_what_the_client_sends() -> None:
    async def main() -> None:
        async with serving(parrot) as server:
            for _ in range(2):
                events = await post(server, USER, {**USER, "id": "2", "content": "again"})
                assert read(events)[-1]["content"] == "[user: hello] again"

    run(main())


@pytest.mark.parametrize("version", [{"protocolVersion": "1.0"}, {}])
def test_a_person_is_asked_twice(version: Told) -> None:
    async def main() -> None:
        async with serving(asking) as server:
            [interrupt] = (await post(server, USER, **version))[-1]["outcome"]["interrupts"]
            answer = resume((interrupt["id"], "resolved", "Rome"))
            events = await post(server, USER, resume=answer, **version)
            [interrupt] = events[-1]["outcome"]["interrupts"]
            assert interrupt["message"] == "May I?"

            allowed = resume((interrupt["id"], "resolved", {"approved": True}))
            ends = [await post(server, USER, resume=allowed, **version) for _ in range(2)]
            assert ends[0] == ends[1]  # a request that is sent again has the same answer
            assert read(ends[0], read(events))[-1]["content"] == "sunny in Rome"

    run(main())


def test_a_person_may_say_something_else() -> None:
    async def main() -> None:
        async with serving(asking) as server:
            [first] = (await post(server, USER))[-1]["outcome"]["interrupts"]
            [again] = (await post(server, {**USER, "content": "b"}))[-1]["outcome"]["interrupts"]
            assert first["id"] != again["id"]

            late = input_of(USER, resume=resume((first["id"], "resolved", "a")))
            response = await server.request("POST", "/ag-ui", json=late)
            assert (response.status, response.json()) == (
                404,
                {
                    "type": "RUN_ERROR",
                    "message": "Nobody has asked this question.",
                    "code": "http_404",
                },
            )

    run(main())


def test_a_tool_message_goes_on_with_the_run() -> None:
    async def lost(turn: Turn) -> Any:
        yield ClientTool("c", "locate", {})
        yield (await anext(aiter(turn.inbox)))["value"]

    async def main() -> None:
        async with serving(lost) as server:
            messages = [USER, *read(await post(server, USER))]
            result = {"id": "3", "role": "tool", "toolCallId": messages[1]["id"], "content": "Oslo"}
            events = await post(server, *messages, result)
            assert [each["content"] for each in read(events)] == ["Oslo"]

    run(main())


def test_another_reader_sees_that_the_run_is_cancelled() -> None:
    async def main() -> None:
        async with serving(silent) as server:
            asked = input_of(USER, protocolVersion="1.0")
            async with (
                server.stream("POST", "/ag-ui", json=asked) as first,
                server.stream("GET", "/ag-ui/t/stream") as second,
            ):
                await settle()
                assert (await server.request("POST", "/ag-ui/t/cancel")).status == 204
                ends = [told((await each.rest()).text)[-1] for each in (first, second)]
            assert ends[0]["outcome"] == {"type": "cancelled"}
            assert (ends[1]["type"], ends[1]["code"]) == ("RUN_ERROR", "cancelled")
            assert (await server.request("POST", "/ag-ui/t/cancel")).status == 204

    run(main())


def test_nothing_is_live_when_the_run_has_ended() -> None:
    async def main() -> None:
        async with serving(parrot) as server:
            await post(server, USER)
            response = await server.request("GET", "/ag-ui/t/stream")
            assert (response.status, response.body) == (204, b"")

    run(main())


def test_a_thread_that_never_was_has_no_live_run_and_cannot_be_cancelled() -> None:
    async def main() -> None:
        async with serving(parrot) as server:
            assert (await server.request("GET", "/ag-ui/unknown/stream")).status == 204
            response = await server.request("POST", "/ag-ui/unknown/cancel")
            assert (response.status, response.json()["type"]) == (404, "RUN_ERROR")

    run(main())


def test_the_failure_of_an_agent_leaks_nothing() -> None:
    async def main() -> None:
        async with serving(failing) as server:
            events = await post(server, USER)
            assert events[-1] == {
                "type": "RUN_ERROR",
                "message": "The agent failed.",
                "code": "agent_error",
            }

    run(main())


def test_bad_input_is_answered_in_the_words_of_the_protocol() -> None:
    async def main() -> None:
        async with serving(parrot) as server:
            response = await server.request("POST", "/ag-ui", json={})
            assert response.status == 400
            assert response.json()["message"].startswith(
                "Invalid request: threadId: Field required"
            )

    run(main())


def test_what_is_live_begins_after_the_last_answer_also_before_the_agent_has_gone_on() -> None:
    async def slow(turn: Turn) -> Any:
        yield "Well. "
        answer = await turn.approve("c", "delete", {}, "May I?")
        await asyncio.sleep(60)
        yield "Yes." if answer else "No."

    async def main() -> None:
        async with serving(slow) as server:
            *_, interrupted = await post(server, USER)
            [interrupt] = interrupted["outcome"]["interrupts"]
            again = told((await server.request("GET", "/ag-ui/t/stream")).text)
            assert again[-1]["outcome"] == interrupted["outcome"]
            answer = {
                "interruptId": interrupt["id"],
                "status": "resolved",
                "payload": {"approved": True},
            }
            asked = input_of(USER, resume=[answer])
            async with (
                server.stream("POST", "/ag-ui", json=asked) as first,
                server.stream("GET", "/ag-ui/t/stream") as second,
            ):
                ends = [told((await each.rest()).text) for each in (first, second)]
            assert ends[1][-1]["outcome"] == {"type": "success"}
            assert ends[0][1:-1] == ends[1][1:-1]

    run(main())
