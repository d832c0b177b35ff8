"""Two servers on one log: a client may speak to either, and come back to the other."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from asgi_agent import AgentApp, Turn
from asgi_agent.testing import Response, Server, WebSocketClosed, run, settle
from tests.endpoints.serving_agents import (
    app_of,
    ask,
    asking,
    counter,
    ids,
    kinds,
    parrot,
    read,
    silent,
)
from tests.runs.shared_log import Line, SharedLog, now
from tests.runs.workers import steadfast

LEASE = 10.0


class Pair:
    """Two servers, each with its line to the one store."""

    def __init__(self, agent: Any, **settings: Any) -> None:
        self.store = SharedLog()
        self.lines = [Line(self.store), Line(self.store)]
        self.apps: list[AgentApp] = [app_of(agent, log=line, **settings) for line in self.lines]


@asynccontextmanager
async def two(agent: Any, **settings: Any) -> AsyncIterator[tuple[Server, Server, Pair]]:
    pair = Pair(agent, **settings)
    async with Server(pair.apps[0]) as one, Server(pair.apps[1]) as other:
        yield one, other, pair


async def post(server: Server, path: str, key: str | None = None, **body: Any) -> Response:
    headers = {} if key is None else {"idempotency-key": key}
    return await server.request("POST", path, headers=headers, json=body)


def test_a_turn_is_asked_for_here_and_read_there_with_the_same_ids() -> None:
    async def main() -> None:
        async with two(counter) as (one, other, _):
            await ask(one, "3")
            there, here = await asyncio.gather(read(other), read(one))
            assert there == here
            await ask(other, "1")
            assert ids(await read(one, last=there[-1].id))[0] == "2-1"

    run(main())


def test_a_client_whose_server_is_gone_goes_on_at_another_one() -> None:
    async def main() -> None:
        async with two(steadfast) as (one, other, pair):
            await ask(one, "20")
            seen: list[Any] = []
            async with one.stream("GET", "/stream/s") as stream:
                async for event in stream.events():
                    seen.append(event)
                    if len(seen) == 5:
                        break
            pair.lines[0].cut()
            seen += await read(other, last=seen[-1].id)
            pair.lines[0].mend()
            assert ids(seen) == [f"1-{seq}" for seq in range(1, len(seen) + 1)]
            said = "".join(
                json.loads(each.data)["content"] for each in seen if each.event == "text"
            )
            assert said == "".join(f"{number} " for number in range(20))
            assert kinds(seen)[-1] == "complete"
            await asyncio.sleep(LEASE)

    run(main())


def test_a_run_that_cannot_go_on_is_told_to_be_lost_once_and_heartbeats_go_on_till_then() -> None:
    async def main() -> None:
        async with two(silent) as (one, other, pair):
            await ask(one, "x")
            await settle()
            pair.lines[0].cut()
            response = await other.request("GET", "/stream/s")
            events = response.events()
            assert kinds(events) == ["block_start", "text", "block_end", "error"]
            assert json.loads(events[-1].data)["code"] == "run_lost"
            assert response.body.count(b":\n") == 2
            assert now() == pytest.approx(LEASE, abs=0.1)
            pair.lines[0].mend()
            await asyncio.sleep(LEASE)
            assert await read(one) == events

    run(main())


def test_a_question_is_answered_and_a_turn_cancelled_at_the_other_server() -> None:
    async def main() -> None:
        async with two(asking) as (one, other, _):
            await ask(one, "x")
            await settle()
            shown = (await other.request("GET", "/sessions/s")).json()
            assert shown["status"] == "streaming"
            [question] = shown["questions"]
            answers = [
                (await post(server, "/sessions/s/answer", id=name, value="Tokyo")).status
                for server, name in (
                    (other, "nobody's"),
                    (other, question["id"]),
                    (other, question["id"]),
                    (one, question["id"]),
                )
            ]
            assert answers == [404, 202, 409, 409]
            await settle()
            assert len((await one.request("GET", "/sessions/s")).json()["questions"]) == 1
            statuses = [
                (await server.request("POST", "/sessions/s/cancel")).status
                for server in (other, other, one)
            ]
            assert statuses == [202, 409, 409]
            assert kinds(await read(one))[-1] == "cancelled"
            assert (await other.request("DELETE", "/sessions/s")).status == 204
            assert (await one.request("GET", "/sessions/s")).status == 404

    run(main())


def test_a_websocket_speaks_to_a_turn_of_the_other_server() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            async for message in turn.inbox:
                yield f"{message} "

        async with two(agent) as (one, other, pair), other.websocket("/ws") as socket:
            await ask(one, "x")
            await settle()
            await socket.send_json({"type": "resume", "session_id": "s"})
            await settle()
            await socket.send_bytes(b"sound")
            assert (await socket.receive_json())["t"] == "block_start"
            assert (await socket.receive_json())["c"] == "b'sound' "
            pair.lines[1].is_down = True
            await socket.send_json({"type": "cancel"})
            refusal = {"t": "error", "error": "The event log cannot be reached."}
            assert await socket.receive_json() == refusal
            pair.lines[1].is_down = False
            await socket.send_json({"type": "cancel"})
            assert [(await socket.receive_json())["t"] for _ in range(3)] == [
                *("block_end", "cancelled", "done")
            ]

    run(main())


def test_a_server_that_drains_sends_its_clients_to_another_one() -> None:
    async def main() -> None:
        async with two(steadfast) as (one, other, pair), one.websocket("/ws") as socket:
            await ask(one, "10")
            await socket.send_json({"type": "resume", "session_id": "s"})
            reading = asyncio.create_task(read(one))
            await asyncio.sleep(3.5)
            await pair.apps[0].drain(0)
            first = await reading
            assert "complete" not in kinds(first)
            rest = await read(other, last=first[-1].id)
            assert ids(first + rest) == [f"1-{seq}" for seq in range(1, 14)]
            for _ in range(4):
                await socket.receive()
            with pytest.raises(WebSocketClosed, match="shutting down") as closed:
                await socket.receive()
            assert closed.value.code == 4503

    run(main())


def test_a_whole_answer_of_a_turn_that_went_on_elsewhere_is_told() -> None:
    async def main() -> None:
        async with two(steadfast) as (one, other, pair):
            asked = asyncio.create_task(post(one, "/api/chat", message="10", session_id="s"))
            await asyncio.sleep(2.5)
            follower = asyncio.create_task(read(other))
            pair.lines[0].cut()
            await asyncio.sleep(LEASE + 1)
            pair.lines[0].mend()
            assert (await asked).json()["reply"] == "".join(f"{number} " for number in range(10))
            await follower
            asked = asyncio.create_task(post(one, "/api/chat", message="10", session_id="s"))
            await asyncio.sleep(2.5)
            await pair.apps[0].drain(0)
            response = await asked
            assert (response.status, response.json()["detail"]) == (
                503,
                "The server is shutting down.",
            )
            pair.apps[0].service.runs.reopen()
            await read(other)

    run(main())


# Requests that are repeated


@pytest.mark.parametrize("key", ['"8e03978e-40d5"', "8e03978e-40d5"])
def test_a_request_with_the_same_key_is_answered_the_same_by_both_and_starts_one_turn(
    key: str,
) -> None:
    async def main() -> None:
        async with two(counter) as (one, other, pair):
            answers = await asyncio.gather(
                *(post(server, "/ask", key, prompt="2") for server in (one, other, one, other))
            )
            bodies = [answer.json() for answer in answers]
            assert bodies == bodies[:1] * 4
            assert sum(app.service.runs.active_count for app in pair.apps) == 1
            same = await post(other, "/ask", "8e03978e-40d5", prompt="2")
            assert same.json() == bodies[0]
            reused = await post(other, "/ask", key, prompt="3")
            assert (reused.status, list(reused.json())) == (422, ["error"])
            assert kinds(await read(other, bodies[0]["stream_url"]))[-1] == "complete"
            assert (await post(one, "/ask", key, prompt="2")).json() == bodies[0]
            another = await post(other, "/ask", '"another"', prompt="2")
            assert another.json() != bodies[0]

    run(main())


def test_the_lesson_s_requests_may_be_repeated_too() -> None:
    async def main() -> None:
        async with two(counter) as (one, other, _):
            answers = await asyncio.gather(
                *(post(server, "/api/chat", "k", message="2") for server in (one, other))
            )
            assert answers[0].json() == answers[1].json()
            assert answers[0].json()["reply"] == "0 1 "
            stream = await post(other, "/api/agent/stream", "k", message="2")
            assert [json.loads(each.data)["type"] for each in stream.events()][-1] == "done"
            reused = await post(other, "/api/chat", "k", message="3")
            assert (reused.status, list(reused.json())) == (422, ["detail"])

    run(main())


@pytest.mark.parametrize(
    "key", ["", '""', '"', '"a', 'a"b', "a b", "a,b", "é", '"\\a"', "x" * 256, f'"{"x" * 256}"']
)
def test_a_key_that_is_no_string_is_400(key: str) -> None:
    async def main() -> None:
        async with Server(app_of(counter)) as server:
            response = await post(server, "/ask", key.encode().decode("latin-1"), prompt="1")
            assert response.status == 400
            assert "Idempotency-Key" in response.json()["error"]

    run(main())


def test_keys_are_compared_as_what_they_say() -> None:
    async def main() -> None:
        async with Server(app_of(counter)) as server:
            bodies = [
                (await post(server, "/ask", key, prompt="1")).json()
                for key in ('"a\\\\b"', "a\\b", f'"{"x" * 255}"', "x" * 255, ' "x y"', '"\\""')
            ]
            assert bodies[0] == bodies[1]
            assert bodies[2] == bodies[3]
            assert len({body["session_id"] for body in bodies}) == 4

    run(main())


async def a2a(server: Server, method: str, key: str | None = None, **params: Any) -> Any:
    told = await post(server, "/a2a", key, jsonrpc="2.0", id=1, method=method, params=params)
    return told.json().get("result", told.json())


def said(text: str) -> dict[str, Any]:
    return {"messageId": "m", "role": "ROLE_USER", "contextId": "c", "parts": [{"text": text}]}


def test_a_request_that_is_repeated_after_the_next_one_is_answered_as_it_was() -> None:
    async def main() -> None:
        async with two(parrot) as (one, other, _):
            first = await a2a(one, "SendMessage", "first", message=said("a"))
            second = await a2a(other, "SendMessage", "second", message=said("b"))
            assert await a2a(other, "SendMessage", "first", message=said("a")) == first
            assert await a2a(one, "SendMessage", "second", message=said("b")) == second

    run(main())


def test_a_response_that_continues_another_is_asked_for_once_with_one_key() -> None:
    async def main() -> None:
        async with two(parrot) as (one, other, _):
            first = (await post(one, "/v1/responses", "first", input="a")).json()
            more = {"input": "b", "previous_response_id": first["id"]}
            second = (await post(one, "/v1/responses", "second", **more)).json()
            again = await post(other, "/v1/responses", "second", **more)
            assert (again.status, again.json()["id"]) == (200, second["id"])
            reused = await post(other, "/v1/responses", "second", input="b")
            assert reused.status == 422

    run(main())


def test_a_task_of_a_context_that_was_deleted_is_not_the_one_that_has_its_name() -> None:
    async def main() -> None:
        async with two(parrot) as (one, other, _):
            old = (await a2a(one, "SendMessage", message=said("a")))["task"]["id"]
            await one.request("DELETE", "/sessions/c")
            new = (await a2a(other, "SendMessage", message=said("b")))["task"]["id"]
            assert new.partition(".")[2] == old.partition(".")[2] == "1.c"
            for method in ("GetTask", "CancelTask", "SubscribeToTask"):
                assert (await a2a(other, method, id=old))["error"]["code"] == -32001
            assert (await a2a(other, "GetTask", id=new))["id"] == new

    run(main())


def test_two_keys_are_none() -> None:
    async def main() -> None:
        app = app_of(counter)
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b'{"prompt": "1"}'}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json"), *[(b"idempotency-key", b"k")] * 2]
        scope = {"type": "http", "method": "POST", "path": "/ask", "headers": headers}
        await app(scope, receive, send)
        assert sent[0]["status"] == 400

    run(main())
