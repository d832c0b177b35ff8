"""What is made of a call of A2A, and what a client is answered."""

import asyncio
import json
from typing import Any

import pytest
from a2a.types import AgentCard
from google.protobuf import json_format

from asgi_agent import ServerConfig, Turn, create_app
from asgi_agent.dialects.a2a import A2A
from asgi_agent.dialects.exchange import (
    Action,
    Answer,
    CancelTurn,
    FollowTurn,
    Received,
    Reply,
    StartTurn,
)
from asgi_agent.errors import BadRequest, InvalidInput, SessionBusy, UnknownQuestion, UnknownSession
from asgi_agent.testing import Server, run, settle
from tests.endpoints.serving_agents import asking, parrot, silent

TASK = "run.2.context"


def called(body: bytes, **headers: str) -> Action:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return A2A().routes(["a2a"])["POST"](Received(body, {}, names, "agent", ""))


def call(method: str, params: Any = ..., **headers: str) -> Action:
    asked = {"jsonrpc": "2.0", "id": 7, "method": method}
    return called(
        json.dumps(asked if params is ... else {**asked, "params": params}).encode(), **headers
    )


def sent(*parts: Any, method: str = "SendStreamingMessage", **fields: Any) -> StartTurn:
    message = {"messageId": "m", "role": "ROLE_USER", "parts": list(parts), **fields}
    action = call(method, {"message": message})
    assert isinstance(action, StartTurn)
    return action


def code(action: Action) -> tuple[int, Any]:
    assert isinstance(action, Reply)
    assert (action.status, action.content["jsonrpc"]) == (200, "2.0")
    return action.content["error"]["code"], action.content["id"]


def test_a_message_begins_a_turn_of_its_context() -> None:
    action = sent({"text": "a"}, {"data": {"b": 1}}, contextId="c")

    assert (action.prompt, action.session_id, action.history) == ('a{"b":1}', "c", None)
    assert action.is_streamed


def test_a_message_without_a_context_begins_one() -> None:
    action = sent({"text": "a"}, method="SendMessage")

    assert (action.session_id, action.is_streamed) == (None, False)


@pytest.mark.parametrize(
    ("part", "id", "value"),
    [
        ({"text": "a"}, "", "a"),
        ({"data": {"approved": True}}, "", True),
        ({"data": {"id": "q", "value": None}}, "q", None),
        ({"data": {"city": "Rome"}}, "", {"city": "Rome"}),
        ({"data": [1]}, "", [1]),
    ],
)
def test_a_message_that_names_its_task_answers(part: Any, id: str, value: Any) -> None:
    assert sent(part, taskId=TASK).answers == [Answer("context", id, value, "run")]


@pytest.mark.parametrize("part", [{"url": "https://example.org"}, {"raw": "AA=="}, {}])
def test_files_are_not_understood(part: Any) -> None:
    params = {"message": {"parts": [part]}}

    assert code(call("SendMessage", params)) == (-32005, 7)


def test_a_task_is_followed_told_and_cancelled() -> None:
    told, followed, cancelled = (
        call(method, {"id": TASK}) for method in ("GetTask", "SubscribeToTask", "CancelTask")
    )
    assert isinstance(told, FollowTurn)
    assert (told.session_id, told.turn, told.is_streamed) == ("context", 2, False)
    assert isinstance(followed, FollowTurn)
    assert (followed.session_id, followed.turn, followed.is_streamed) == ("context", 2, True)
    assert isinstance(cancelled, CancelTurn)
    assert (cancelled.session_id, cancelled.turn) == ("context", 2)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_told_so(body: bytes) -> None:
    assert code(called(body)) == (-32700, None)


@pytest.mark.parametrize("body", [b"1", b"[]", b"{}", b'{"jsonrpc": "1.0", "method": "GetTask"}'])
def test_what_is_no_call_is_told_so(body: bytes) -> None:
    assert code(called(body)) == (-32600, None)


@pytest.mark.parametrize("method", ["SendMessage", "GetTask", "SubscribeToTask", "CancelTask"])
@pytest.mark.parametrize("params", [..., {}, {"id": 1}, {"message": {"parts": []}}])
def test_parameters_that_do_not_fit_are_told(method: str, params: Any) -> None:
    assert code(call(method, params)) == (-32602, 7)


def test_an_unknown_method_is_told_so() -> None:
    assert code(call("ListTasks")) == (-32601, 7)


def test_another_version_is_not_spoken() -> None:
    assert code(call("GetTask", {"id": TASK}, a2a_version="0.3")) == (-32009, 7)
    assert isinstance(call("GetTask", {"id": TASK}, a2a_version="1.0"), FollowTurn)


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (404, UnknownSession("a"), (200, -32001)),
        (404, UnknownQuestion("a"), (200, -32001)),
        (409, SessionBusy("a"), (200, -32004)),
        (400, InvalidInput([]), (200, -32602)),
        (415, BadRequest("a"), (415, -32600)),
        (405, "a", (405, -32600)),
        (503, "a", (503, -32603)),
    ],
)
def test_an_error_has_a_code(status: int, error: Exception | str, told: tuple[int, int]) -> None:
    status, body = A2A().tell_error(status, error)

    assert (status, body["error"]["code"]) == told


@pytest.mark.parametrize(
    ("prefix", "scheme", "url"),
    [
        ("", "http", "http://example.org/a2a"),
        ("/agent", "https", "https://example.org/agent/a2a"),
        ("https://other.example", "http", "https://other.example/a2a"),
    ],
)
def test_the_card_tells_where_the_agent_is(prefix: str, scheme: str, url: str) -> None:
    got = Received(b"", {}, {"host": "example.org"}, "agent", prefix, scheme)
    reply = A2A().routes([".well-known", "agent-card.json"])["GET"](got)

    assert isinstance(reply, Reply)
    card = json_format.ParseDict(reply.content, AgentCard())
    assert (card.name, card.supported_interfaces[0].url) == ("agent", url)


def test_other_paths_are_not_its_own() -> None:
    assert A2A().routes(["a2a", "b"]) == {}
    assert A2A().channel(["a2a"]) is None
    assert A2A().describe().keys() == {"/.well-known/agent-card.json", "/a2a"}
    for path, operations in A2A().describe().items():
        assert {name.upper() for name in operations} == A2A().routes(path.split("/")[1:]).keys()


# ── over a server ────────────────────────────────────────────────────────────────────────────


async def rpc(server: Server, method: str, **params: Any) -> Any:
    asked = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    response = await server.request("POST", "/a2a", json=asked)
    assert response.status == 200
    told = response.json()
    assert told["id"] == 7
    return told.get("result") or told["error"]


def text(content: str, **fields: Any) -> Any:
    return {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": content}], **fields}


def serving(agent: Any) -> Server:
    return Server(create_app(agent, ServerConfig()))


def test_a_task_goes_on_with_each_message_that_names_it() -> None:
    async def main() -> None:
        async with serving(asking) as server:
            task = (await rpc(server, "SendMessage", message=text("hi")))["task"]
            assert task["status"]["message"]["parts"][0] == {"text": "Which city?"}
            city = text("Rome", taskId=task["id"])
            task = (await rpc(server, "SendMessage", message=city))["task"]
            assert task["status"]["message"]["parts"][0] == {"text": "May I?"}
            stands = (await rpc(server, "GetTask", id=task["id"]))["status"]
            assert stands["state"] == "TASK_STATE_INPUT_REQUIRED"
            assert stands["message"]["parts"][-1] == task["status"]["message"]["parts"][-1]
            yes = {**text("", taskId=task["id"]), "parts": [{"data": {"approved": True}}]}
            task = (await rpc(server, "SendMessage", message=yes))["task"]
            assert task["status"] == {"state": "TASK_STATE_COMPLETED"}
            assert task["artifacts"][0]["parts"] == [{"text": "sunny in Rome"}]

            late = await rpc(server, "SendMessage", message=text("a", taskId=f"b{task['id']}"))
            assert late["code"] == -32001

    run(main())


def test_an_answer_to_an_agent_that_has_asked_nothing_is_an_error() -> None:
    async def main() -> None:
        async with serving(parrot) as server:
            task = (await rpc(server, "SendMessage", message=text("hi")))["task"]
            told = await rpc(server, "SendMessage", message=text("a", taskId=task["id"]))
            assert told["code"] == -32001

    run(main())


def test_who_does_not_wait_is_told_how_the_task_stands() -> None:
    async def main() -> None:
        async with serving(silent) as server:
            configuration = {"returnImmediately": True}
            sent = await rpc(server, "SendMessage", message=text("hi"), configuration=configuration)
            assert sent["task"]["status"]["state"] == "TASK_STATE_WORKING"
            cancelled = await rpc(server, "CancelTask", id=sent["task"]["id"])
            assert cancelled["status"] == {"state": "TASK_STATE_CANCELED"}

    run(main())


def test_who_does_not_wait_does_not_wait_for_the_first_word_either() -> None:
    async def main() -> None:
        async with serving(slow_to_begin) as server:
            configuration = {"returnImmediately": True}
            began = asyncio.get_running_loop().time()
            sent = await rpc(server, "SendMessage", message=text("hi"), configuration=configuration)
            assert sent["task"]["status"]["state"] == "TASK_STATE_WORKING"
            assert asyncio.get_running_loop().time() - began < 1

    run(main())


def test_a_context_remembers_and_has_one_task_at_a_time() -> None:
    async def main() -> None:
        async with serving(parrot) as server:
            await rpc(server, "SendMessage", message=text("a", contextId="c"))
            task = (await rpc(server, "SendMessage", message=text("b", contextId="c")))["task"]
            assert task["artifacts"][0]["parts"] == [{"text": "[user: a] [assistant: a] b"}]

        async with serving(silent) as server:
            asked = {"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage"}
            params = {"message": text("a", contextId="c")}
            async with server.stream("POST", "/a2a", json={**asked, "params": params}):
                await settle()
                told = await rpc(server, "SendMessage", message=text("b", contextId="c"))
            assert told["code"] == -32004

    run(main())


def test_an_agent_that_fails_leaks_nothing() -> None:
    async def broken(_: Turn) -> Any:
        yield "a"
        raise ValueError("hunter2")

    async def main() -> None:
        async with serving(broken) as server:
            task = (await rpc(server, "SendMessage", message=text("hi")))["task"]
            assert task["status"]["state"] == "TASK_STATE_FAILED"
            assert task["status"]["message"]["parts"] == [{"text": "The agent failed."}]

    run(main())


async def slow_to_begin(_: Turn) -> Any:
    await asyncio.sleep(60)
    yield "hi"


async def slow_to_go_on(turn: Turn) -> Any:
    yield "Well. "
    answer = await turn.approve("c", "delete", {}, "May I?")
    await asyncio.sleep(60)
    yield "Yes." if answer else "No."


def test_a_task_that_has_its_answer_needs_no_input() -> None:
    async def main() -> None:
        async with serving(slow_to_go_on) as server:
            task = (await rpc(server, "SendMessage", message=text("go")))["task"]
            assert task["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
            yes = {"parts": [{"data": {"approved": True}}], "taskId": task["id"]}
            configuration = {"returnImmediately": True}
            sent = await rpc(server, "SendMessage", message=yes, configuration=configuration)
            assert sent["task"]["status"]["state"] == "TASK_STATE_WORKING"

            seen = await rpc(server, "GetTask", id=task["id"])
            assert seen["status"]["state"] == "TASK_STATE_WORKING"
            call = {"jsonrpc": "2.0", "id": 7, "method": "SubscribeToTask"}
            asked = {**call, "params": {"id": task["id"]}}
            followed = await server.request("POST", "/a2a", json=asked)
            told = [json.loads(each.data)["result"] for each in followed.events()]
            states = [
                each["statusUpdate"]["status"]["state"] for each in told if "statusUpdate" in each
            ]
            assert states == ["TASK_STATE_WORKING", "TASK_STATE_COMPLETED"]

    run(main())
