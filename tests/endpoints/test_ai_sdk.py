"""The AI SDK's routes: a chat's turn is told, told again, stopped and replaced."""

import asyncio
import json
from typing import Any

import pytest

from asgi_agent import Turn
from asgi_agent.events import ClientTool, ToolDelta
from asgi_agent.testing import Response, Server, Stream, WebSocketSession, run
from tests.endpoints.serving_agents import app_of, asking, counter, parrot, serving, silent


def user(text: str) -> dict[str, Any]:
    return {"id": "u", "role": "user", "parts": [{"type": "text", "text": text}]}


def assistant(*parts: dict[str, Any], id: str = "m") -> dict[str, Any]:
    return {"id": id, "role": "assistant", "parts": [{"type": "step-start"}, *parts]}


def body_of(*messages: dict[str, Any], id: str = "s", **fields: Any) -> dict[str, Any]:
    return {"id": id, "messages": messages, "trigger": "submit-message", **fields}


async def chat(server: Server, *messages: dict[str, Any], **fields: Any) -> Response:
    return await server.request("POST", "/api/chat", json=body_of(*messages, **fields))


async def resume(server: Server, session_id: str = "s") -> Response:
    return await server.request("GET", f"/api/chat/{session_id}/stream")


def chunks(response: Response) -> list[Any]:
    """The chunks of a stream that ends as it has to."""
    assert response.status == 200, response.text
    assert response.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert b"event:" not in response.body
    *told, done = (event.data for event in response.events())
    assert done == "[DONE]"
    return [json.loads(each) for each in told]


def text(told: list[Any]) -> str:
    return "".join(each["delta"] for each in told if each["type"] == "text-delta")


def only(told: list[Any], kind: str) -> Any:
    [found] = [each for each in told if each["type"] == kind]
    return found


async def heard(stream: Stream, words: str) -> None:
    """Read until this was said."""
    said = ""
    async for event in stream.events():
        said += json.loads(event.data).get("delta", "")
        if words in said:
            return
    pytest.fail(f"never said: {words}")


def test_one_path_serves_two_dialects_and_the_body_tells_which() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            assert text(chunks(await chat(server, user("hi")))) == "hi"
            theirs = {"messages": [{"role": "user", "content": "hi"}]}
            lesson = await server.request("POST", "/api/chat", json=theirs)
            assert lesson.json()["reply"] == "hi"
            refused = await chat(server, {"role": "user", "parts": "x"})
            assert refused.status == 400
            assert refused.json()["error"].startswith("Invalid request: messages.0.parts")
            neither = await server.request("POST", "/api/chat", json={"messages": [{}]})
            assert neither.status == 422
            odd = await server.request("POST", "/api/chat", body=b"a=b")
            assert (odd.status, list(odd.json())) == (415, ["detail"])

    run(main())


def test_a_chat_that_is_not_live_has_no_stream() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            assert (await resume(server)).status == 204
            await chat(server, user("hi"))
            assert (await resume(server)).status == 204
            stop = await server.request("POST", "/api/chat/s/stop")
            assert (stop.status, stop.body) == (204, b"")
            unknown = await server.request("POST", "/api/chat/x/stop")
            assert (unknown.status, list(unknown.json())) == (404, ["error"])

    run(main())


def test_a_replay_is_the_response_from_its_beginning() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server:
            first = asyncio.create_task(chat(server, user("4")))
            await asyncio.sleep(2.5)
            again = await resume(server)
            assert chunks(again) == chunks(await first)

    run(main())


def test_a_message_to_a_chat_that_is_live_takes_its_place() -> None:
    async def main() -> None:
        async with serving(app_of(silent)) as server:
            first = asyncio.create_task(chat(server, user("1")))
            await asyncio.sleep(1)
            async with server.stream("POST", "/api/chat", json=body_of(user("2"))) as second:
                await heard(second, "...")
                assert chunks(await first)[-1] == {"type": "abort"}
                await server.request("POST", "/api/chat/s/stop")

    run(main())


def test_a_bond_client_still_finds_such_a_session_busy() -> None:
    async def main() -> None:
        async with serving(app_of(silent)) as server:
            first = asyncio.create_task(chat(server, user("1")))
            await asyncio.sleep(1)
            asked = await server.request("POST", "/ask", json={"prompt": "x", "session_id": "s"})
            assert asked.status == 409
            await server.request("POST", "/api/chat/s/stop")
            await first

    run(main())


def test_a_question_and_an_approval_are_one_turn_of_two_messages() -> None:
    async def main() -> None:
        async with serving(app_of(asking)) as server:
            asked = chunks(await chat(server, user("go")))
            question = only(asked, "data-question")
            assert (text(asked), question["data"]) == ("Which city?", {"prompt": "Which city?"})
            first = assistant(question, id=asked[0]["messageId"])

            told = chunks(await chat(server, user("go"), first, user("Oslo")))
            assert told[0]["messageId"] != asked[0]["messageId"]
            request = only(told, "tool-approval-request")
            assert only(told, "tool-input-available")["input"] == {"city": "Oslo"}
            assert chunks(await resume(server)) == told

            approved = {"id": request["approvalId"], "approved": True}
            part = {
                "type": "dynamic-tool",
                "toolCallId": request["toolCallId"],
                "state": "approval-responded",
                "approval": approved,
            }
            second = assistant(part, id=told[0]["messageId"])
            messages = (user("go"), first, user("Oslo"), second)
            end = chunks(await chat(server, *messages, messageId=second["id"]))
            assert end[0] == {"type": "start", "messageId": second["id"]}
            assert text(end) == "sunny in Oslo"

    run(main())


def test_an_answer_that_comes_again_is_told_the_same() -> None:
    async def main() -> None:
        async with serving(app_of(asking)) as server:
            asked = chunks(await chat(server, user("go")))
            messages = (user("go"), assistant(only(asked, "data-question")), user("Oslo"))
            first = chunks(await chat(server, *messages))
            assert chunks(await chat(server, *messages)) == first

    run(main())


def test_an_answer_for_which_nobody_waits_any_more_is_a_prompt() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            question = {"type": "data-question", "id": "gone", "data": {"prompt": "?"}}
            told = chunks(await chat(server, user("go"), assistant(question), user("Oslo")))
            assert text(told).endswith("Oslo")

    run(main())


def test_a_replay_asks_nothing_that_has_its_answer() -> None:
    async def fetching(turn: Turn) -> Any:
        yield ToolDelta("c", "fetch", "{")
        yield ClientTool("c", "fetch", {})
        async for answer in turn.inbox:
            await asyncio.sleep(10)
            yield f"got {answer['value']}"
            return

    async def main() -> None:
        async with serving(app_of(fetching)) as server:
            asked = chunks(await chat(server, user("go")))
            assert "providerExecuted" not in only(asked, "tool-input-available")
            output = {
                "type": "tool-fetch",
                "toolCallId": "c",
                "state": "output-available",
                "output": "x",
            }
            message = assistant(output, id=asked[0]["messageId"])
            first = asyncio.create_task(chat(server, user("go"), message))
            await asyncio.sleep(1)
            again = chunks(await resume(server))
            assert only(again, "tool-input-available")["providerExecuted"]
            assert again[0] == {"type": "start", "messageId": message["id"]}
            assert (text(again), text(chunks(await first))) == ("got x", "got x")

    run(main())


def test_a_stream_in_silence_is_kept_alive_by_a_comment() -> None:
    async def main() -> None:
        async with (
            serving(app_of(silent)) as server,
            server.stream("POST", "/api/chat", json=body_of(user("x"))) as stream,
        ):
            await heard(stream, "...")
            assert await stream.read() == b":\n"
            await server.request("POST", "/api/chat/s/stop")

    run(main())


async def frame(socket: WebSocketSession) -> Any:
    return await socket.receive_json()


async def until(socket: WebSocketSession, kind: str) -> list[Any]:
    told = [await frame(socket)]
    while told[-1]["type"] != kind:
        told.append(await frame(socket))
    return told


def request(type: str, key: str, **fields: Any) -> str:
    return json.dumps({"type": type, "requestId": key, "headers": {}, "body": {}, **fields})


def test_a_web_socket_carries_requests_and_their_chunks() -> None:
    async def main() -> None:
        async with (
            serving(app_of(parrot)) as server,
            server.websocket("/api/chat/ws") as socket,
        ):
            await socket.send_text(request("resume", "r", id="s"))
            assert await frame(socket) == {"type": "no-active", "requestId": "r"}
            await socket.send_text(request("send", "k", **body_of(user("hi"))))
            begin, *told, end = await until(socket, "end")
            assert (begin["type"], end) == ("start", {"type": "end", "requestId": "k"})
            assert [each["sequence"] for each in told] == list(range(len(told)))
            assert text([each["chunk"] for each in told]) == "hi"
            await socket.send_text(request("send", "k", id="s", messages=[]))
            assert (await frame(socket))["type"] == "error"
            await socket.send_text("?")
            assert (await frame(socket))["requestId"] == ""

    run(main())


def test_an_aborted_response_goes_on_and_can_be_resumed() -> None:
    async def main() -> None:
        async with (
            serving(app_of(counter)) as server,
            server.websocket("/api/chat/ws") as socket,
        ):
            await socket.send_text(request("send", "a", **body_of(user("3"))))
            await asyncio.sleep(1.5)
            await socket.send_text(request("abort", "a"))
            await asyncio.sleep(0.1)
            await socket.send_text(request("resume", "b", id="s"))
            frames = await until(socket, "end")
            told = [
                each["chunk"] for each in frames if each.get("requestId") == "b" and "chunk" in each
            ]
            assert text(told) == "0 1 2 "

    run(main())


def test_a_silent_web_socket_is_pinged() -> None:
    async def main() -> None:
        async with (
            serving(app_of(silent)) as server,
            server.websocket("/api/chat/ws") as socket,
        ):
            assert await frame(socket) == {"type": "ping", "requestId": ""}

    run(main())
