"""The application in the hands of asgiref's ApplicationCommunicator: a harness that is not ours."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from asgi_agent import ServerConfig, create_app
from asgi_agent.asgi import ASGIApp, Message, Scope
from asgi_agent.sse import Event
from tests.hosts import talk
from tests.hosts.apps import agent

Test = Callable[[ASGIApp], Awaitable[None]]
SECONDS = 2.0

ANSWER = [
    ("block_start", {"kind": "text", "idx": 0}),
    ("text", {"content": "You said: "}),
    ("text", {"content": "Hello!"}),
    ("block_end", {"kind": "text", "idx": 0}),
    ("complete", {"data": "You said: Hello!"}),
]


def run(test: Test, **settings: Any) -> None:
    """Run the test with an application of its own, and see that it leaves no task behind."""

    async def alone() -> None:
        app = create_app(agent, ServerConfig(**settings))
        await test(app)
        await app.drain(0)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(alone())


def test_a_turn_is_asked_for_and_streamed() -> None:
    async def test(app: ASGIApp) -> None:
        status, headers, body = await fetch(app, "POST", "/ask", {"prompt": "Hello!"})
        assert (status, headers[b"content-type"]) == (200, b"application/json")
        url = json.loads(body)["stream_url"]

        status, headers, body = await fetch(app, "GET", url)
        assert (status, headers[b"content-type"]) == (200, b"text/event-stream; charset=utf-8")
        assert said(talk.decode(body)) == ANSWER

    run(test)


def test_a_stream_resumes_and_ends_with_204() -> None:
    async def test(app: ASGIApp) -> None:
        await fetch(app, "POST", "/ask", {"prompt": "Hello!", "session_id": "s"})
        _, _, body = await fetch(app, "GET", "/stream/s", last_event_id="1-3")
        rest = talk.decode(body)
        assert said(rest) == ANSWER[3:]

        status, headers, body = await fetch(app, "GET", "/stream/s", last_event_id=rest[-1].id)
        assert (status, body) == (204, b"")
        assert b"content-length" not in headers

    run(test)


def test_the_headers_and_the_first_words_do_not_wait_for_the_rest() -> None:
    async def test(app: ASGIApp) -> None:
        await fetch(app, "POST", "/ask", {"prompt": "wait", "session_id": "s"})
        stream = ApplicationCommunicator(app, scope("GET", "/stream/s"))
        await stream.send_input({"type": "http.request", "body": b"", "more_body": False})

        start = await stream.receive_output(SECONDS)
        assert (start["type"], start["status"]) == ("http.response.start", 200)
        first = await stream.receive_output(SECONDS)
        assert b"Wait. " in first["body"]
        assert first["more_body"]
        assert await stream.receive_nothing(0.05)

        await fetch(app, "POST", "/sessions/s/cancel")
        rest = await rest_of(stream)
        assert said(talk.decode(rest))[-1] == ("cancelled", {})
        await stream.wait(SECONDS)

    run(test)


def test_a_silence_is_filled_with_comments() -> None:
    async def test(app: ASGIApp) -> None:
        await fetch(app, "POST", "/ask", {"prompt": "wait", "session_id": "s"})
        stream = ApplicationCommunicator(app, scope("GET", "/stream/s"))
        await stream.send_input({"type": "http.request", "body": b"", "more_body": False})
        for _ in range(2):  # the start, and the words
            await stream.receive_output(SECONDS)
        for _ in range(3):
            assert (await stream.receive_output(SECONDS))["body"] == b":\n"
        await stream.send_input({"type": "http.disconnect"})
        await stream.wait(SECONDS)

    run(test, heartbeat_seconds=0.02)


def test_a_disconnect_ends_the_response_and_by_default_nothing_else() -> None:
    async def test(app: ASGIApp) -> None:
        await fetch(app, "POST", "/ask", {"prompt": "tick", "session_id": "s"})
        stream = ApplicationCommunicator(app, scope("GET", "/stream/s"))
        await stream.send_input({"type": "http.request", "body": b"", "more_body": False})
        await stream.receive_output(SECONDS)
        await stream.send_input({"type": "http.disconnect"})
        await stream.wait(SECONDS)

        _, _, body = await fetch(app, "GET", "/sessions/s")
        assert json.loads(body)["status"] == "streaming"

    run(test)


@pytest.mark.parametrize("body", [None, {"prompt": 5}, {"prompt": "x" * 2000}])
def test_what_is_refused_leaves_nothing_behind(body: Any) -> None:
    async def test(app: ASGIApp) -> None:
        status, headers, answer = await fetch(app, "POST", "/ask", body)
        assert status in (400, 413)
        assert headers[b"content-length"] == b"%d" % len(answer)
        assert set(json.loads(answer)) == {"error"}

    run(test, max_body_bytes=1000)


def test_a_body_may_come_in_pieces_and_its_client_may_leave_between_them() -> None:
    async def test(app: ASGIApp) -> None:
        for last in (
            {"type": "http.request", "body": b'lo!"}', "more_body": False},
            {"type": "http.disconnect"},
        ):
            asked = ApplicationCommunicator(app, scope("POST", "/ask"))
            piece = {"type": "http.request", "body": b'{"prompt": "Hel', "more_body": True}
            await asked.send_input(piece)
            assert await asked.receive_nothing(0.02)
            await asked.send_input(last)
            start = await asked.receive_output(SECONDS)
            assert start["status"] == (200 if last["type"] == "http.request" else 400)
            await asked.wait(SECONDS)

    run(test)


def test_a_websocket_has_turns_and_a_cancel() -> None:
    async def test(app: ASGIApp) -> None:
        socket = await connected(app, "/ws")
        await say(socket, prompt="Hello!")
        expected = ["block_start", "text", "text", "block_end", "complete", "done"]
        assert [(await heard(socket))["t"] for _ in expected] == expected

        await say(socket, prompt="wait")
        assert (await heard(socket))["t"] == "block_start"
        assert await heard(socket) == {"t": "text", "c": "Wait. "}
        await say(socket, type="cancel")
        ended = [(await heard(socket))["t"] for _ in range(3)]
        assert ended == ["block_end", "cancelled", "done"]

        await socket.send_input({"type": "websocket.receive", "bytes": b"\x00", "text": None})
        assert await heard(socket) == {"t": "error", "error": "Expected a text message"}

        await socket.send_input({"type": "websocket.disconnect", "code": 1001})
        await socket.wait(SECONDS)

    run(test)


def test_a_websocket_from_another_site_is_denied() -> None:
    async def test(app: ASGIApp) -> None:
        origin = (b"origin", b"https://evil.example")
        for extensions, denial in (
            ({}, "websocket.close"),
            ({"websocket.http.response": {}}, "websocket.http.response.start"),
        ):
            asked = {**scope("GET", "/ws", origin), "type": "websocket", "extensions": extensions}
            socket = ApplicationCommunicator(app, asked)
            await socket.send_input({"type": "websocket.connect"})
            denied = await socket.receive_output(SECONDS)
            assert denied["type"] == denial
            assert denied.get("status", 403) == 403
            await socket.wait(SECONDS)

    run(test)


def test_the_lifespan_is_answered() -> None:
    async def test(app: ASGIApp) -> None:
        lifespan = ApplicationCommunicator(app, {"type": "lifespan", "asgi": {"version": "3.0"}})
        for step in ("startup", "shutdown"):
            await lifespan.send_input({"type": f"lifespan.{step}"})
            assert await lifespan.receive_output(SECONDS) == {"type": f"lifespan.{step}.complete"}
        await lifespan.wait(SECONDS)

        status, headers, _ = await fetch(app, "POST", "/ask", {"prompt": "Hello!"})
        assert (status, b"retry-after" in headers) == (503, True)  # it has shut down

    run(test)


# ── what the tests share ─────────────────────────────────────────────────────────────────────


def scope(method: str, path: str, *headers: tuple[bytes, bytes]) -> Scope:
    """The least that a host program gives: no `raw_path`, `root_path`, `client` or `state`."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"x"), (b"content-type", b"application/json"), *headers],
    }


async def fetch(
    app: ASGIApp, method: str, path: str, content: Any = None, last_event_id: str | None = None
) -> tuple[int, dict[bytes, bytes], bytes]:
    """The whole response: its status, headers and body."""
    resuming = [] if last_event_id is None else [(b"last-event-id", last_event_id.encode())]
    communicator = ApplicationCommunicator(app, scope(method, path, *resuming))
    body = b"" if content is None else json.dumps(content).encode()
    await communicator.send_input({"type": "http.request", "body": body, "more_body": False})
    start = await communicator.receive_output(SECONDS)
    assert start["type"] == "http.response.start"
    answer = await rest_of(communicator)
    await communicator.wait(SECONDS)
    return start["status"], dict(start["headers"]), answer


async def rest_of(communicator: ApplicationCommunicator) -> bytes:
    """The body of the response from here on."""
    body = b""
    while True:
        message: Message = await communicator.receive_output(SECONDS)
        assert message["type"] == "http.response.body"
        body += message["body"]
        if not message["more_body"]:
            return body


def said(events: Sequence[Event]) -> list[tuple[str, Any]]:
    """The names of the events, and their fields."""
    return [(event.event, json.loads(event.data)) for event in events]


async def connected(app: ASGIApp, path: str) -> ApplicationCommunicator:
    """A WebSocket that has been accepted."""
    socket = ApplicationCommunicator(app, {**scope("GET", path), "type": "websocket"})
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(SECONDS))["type"] == "websocket.accept"
    return socket


async def say(socket: ApplicationCommunicator, **message: Any) -> None:
    await socket.send_input({"type": "websocket.receive", "text": json.dumps(message)})


async def heard(socket: ApplicationCommunicator) -> dict[str, Any]:
    """The next message."""
    sent = await socket.receive_output(SECONDS)
    assert sent["type"] == "websocket.send"
    message: dict[str, Any] = json.loads(sent["text"])
    return message
