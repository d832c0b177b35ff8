"""WebSockets through the server in memory."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from asgi_agent.asgi.types import ASGIApp, Message, Receive, Scope, Send
from asgi_agent.testing import (
    HOSTS,
    Behaviour,
    ProtocolViolation,
    Response,
    Server,
    WebSocketClosed,
    run,
)

CONNECT: Message = {"type": "websocket.connect"}
ACCEPT: Message = {"type": "websocket.accept"}


def websocket(serve: Callable[[Scope, Receive, Send], Awaitable[None]]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "websocket"  # no lifespan
        assert await receive() == CONNECT
        await serve(scope, receive, send)

    return app


class Echo:
    """Sends back what it receives, until the client closes."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        self.scope: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "websocket"
        self.scope = scope
        assert await receive() == CONNECT
        await send({**ACCEPT, "subprotocol": "b", "headers": [(b"x-a", b"1")]})
        while (message := await receive())["type"] == "websocket.receive":
            self.received.append(message)
            await send({**message, "type": "websocket.send"})
        self.received.append(message)


def test_messages_go_both_ways_and_the_client_closes_normally() -> None:
    echo = Echo()

    async def main() -> None:
        async with Server(echo) as server:
            async with server.websocket("/ws", subprotocols=["a", "b"]) as ws:
                assert (ws.accepted, ws.subprotocol, ws.denial) == (True, "b", None)
                assert ws.headers == {"x-a": "1"}
                await ws.send_text("hello")
                await ws.send_bytes(b"\x00")
                await ws.send_json({"a": 1})
                assert await ws.receive() == "hello"
                assert await ws.receive() == b"\x00"
                assert await ws.receive_json() == {"a": 1}
                assert ws.close_code is None
            assert ws.close_code == 1000

    run(main())
    assert echo.received[0] == {"type": "websocket.receive", "text": "hello"}
    assert echo.received[1] == {"type": "websocket.receive", "bytes": b"\x00"}
    assert echo.received[-1] == {"type": "websocket.disconnect", "code": 1000, "reason": ""}
    assert (echo.scope["path"], echo.scope["scheme"]) == ("/ws", "ws")
    assert echo.scope["subprotocols"] == ["a", "b"]
    assert (b"sec-websocket-protocol", b"a, b") in echo.scope["headers"]
    assert "method" not in echo.scope


def closing(*, code: int | None, abrupt: bool = False, fail: bool = False) -> Message:
    """What the app is told when the client closes with `code`, vanishes, or crashes."""
    echo = Echo()

    async def main() -> None:
        async with Server(echo) as server, server.websocket("/", subprotocols=["b"]) as ws:
            if code is not None:
                await ws.close(code, "bye")
                assert ws.close_code == code
                with pytest.raises(WebSocketClosed, match=str(code)):
                    await ws.send_text("too late")
                with pytest.raises(WebSocketClosed, match=str(code)):
                    await ws.receive()
            if abrupt:
                ws.disconnect()
                with pytest.raises(WebSocketClosed, match="1006"):
                    await ws.send_text("too late")
            if fail:
                raise LookupError

    if fail:
        with pytest.raises(LookupError):
            run(main())
    else:
        run(main())
    return echo.received[-1]


def test_the_app_is_told_how_the_client_left() -> None:
    own = {"type": "websocket.disconnect", "code": 4002, "reason": "bye"}
    assert closing(code=4002) == own
    assert closing(code=None, abrupt=True) == {"type": "websocket.disconnect", "code": 1006}
    assert closing(code=None, fail=True) == {"type": "websocket.disconnect", "code": 1006}


def test_what_was_sent_before_the_close_arrives_before_it() -> None:
    echo = Echo()

    async def main() -> None:
        async with Server(echo) as server, server.websocket("/", subprotocols=["b"]) as ws:
            await ws.send_text("last words")
            await ws.close()

    run(main())
    types = [message["type"] for message in echo.received]
    assert types == ["websocket.receive", "websocket.disconnect"]


def test_the_close_of_the_app_is_received_with_its_code_and_reason() -> None:
    @websocket
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await send({"type": "websocket.send", "text": "first"})
        await send({"type": "websocket.close", "code": 4001, "reason": "enough"})
        assert await receive() == {"type": "websocket.disconnect", "code": 4001}

    async def main() -> None:
        async with Server(app) as server:
            async with server.websocket("/") as ws:
                assert await ws.receive() == "first"
                with pytest.raises(WebSocketClosed, match=r"^4001 enough$") as closed:
                    await ws.receive()
                assert (closed.value.code, closed.value.reason) == (4001, "enough")
            assert ws.close_code == 4001
            async with server.websocket("/") as unread:
                pass
            assert unread.close_code == 4001

    run(main())


def test_a_close_without_a_code_is_1000() -> None:
    @websocket
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await send({"type": "websocket.close"})

    async def main() -> None:
        async with Server(app) as server, server.websocket("/") as ws:
            with pytest.raises(WebSocketClosed, match=r"^1000$"):
                await ws.receive()

    run(main())


def denied(app: ASGIApp) -> Response | None:
    async def main() -> Response | None:
        async with Server(app) as server, server.websocket("/") as ws:
            assert not ws.accepted
        return ws.denial

    return run(main())


def test_a_close_before_the_accept_is_a_403() -> None:
    @websocket
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close"})

    assert denied(app) == Response(403)


def test_a_denial_is_a_response() -> None:
    @websocket
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kind = "websocket.http.response"
        headers = [(b"x-why", b"not you")]
        await send({"type": f"{kind}.start", "status": 401, "headers": headers})
        await send({"type": f"{kind}.body", "body": b"no, ", "more_body": True})
        await send({"type": f"{kind}.body", "body": b"no"})

    assert denied(app) == Response(401, {"x-why": "not you"}, b"no, no")


def test_to_fail_in_the_handshake_is_raised() -> None:
    @websocket
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        denied(app)


def test_to_return_without_a_close_is_a_violation_and_looks_like_a_crash() -> None:
    @websocket
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)

    async def main() -> None:
        async with Server(app) as server, server.websocket("/") as ws:
            with pytest.raises(WebSocketClosed, match="1006"):
                await ws.receive()

    with pytest.raises(ProtocolViolation, match=r"returned after websocket.accept, unfinished"):
        run(main())


def test_overlapping_sends_are_allowed_and_the_window_counts_text_and_bytes() -> None:
    @websocket
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        async with asyncio.TaskGroup() as group:
            group.create_task(send({"type": "websocket.send", "text": "x" * 10}))
            group.create_task(send({"type": "websocket.send", "bytes": b"y" * 10}))
        await send({"type": "websocket.close"})

    async def main() -> None:
        behaviour = Behaviour(window=5, flush_on_body=True)
        async with Server(app) as server, server.websocket("/", behaviour=behaviour) as ws:
            await asyncio.sleep(60)
            assert await ws.receive() == "x" * 10
            assert await ws.receive() == b"y" * 10

    run(main())


def test_the_client_leaves_after_so_many_messages() -> None:
    @websocket
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        for number in range(5):
            await send({"type": "websocket.send", "text": str(number)})
        assert await receive() == {"type": "websocket.disconnect", "code": 1006}

    async def main() -> list[str | bytes]:
        behaviour = Behaviour(disconnect_after=2)
        async with Server(app) as server, server.websocket("/", behaviour=behaviour) as ws:
            seen = [await ws.receive(), await ws.receive()]
            with pytest.raises(WebSocketClosed, match="1006"):
                await ws.receive()
        return seen

    assert run(main()) == ["0", "1"]


def test_a_host_may_give_both_keys() -> None:
    echo = Echo()

    async def main() -> None:
        server = Server(echo, behaviour=HOSTS["hypercorn"])
        async with server, server.websocket("/", subprotocols=["b"]) as ws:
            await ws.send_text("a")
            await ws.send_bytes(b"b")
            assert [await ws.receive(), await ws.receive()] == ["a", b"b"]

    run(main())
    assert echo.received[0] == {"type": "websocket.receive", "text": "a", "bytes": None}
    assert echo.received[1] == {"type": "websocket.receive", "bytes": b"b", "text": None}


def test_a_cancelled_receive_is_harmless_on_a_websocket() -> None:
    @websocket
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await receive()
        assert (await receive())["type"] == "websocket.receive"
        await send({"type": "websocket.close"})

    async def main() -> None:
        server = Server(app, behaviour=HOSTS["gunicorn"])
        async with server, server.websocket("/") as ws:
            await asyncio.sleep(2)
            await ws.send_text("still here")
            with pytest.raises(WebSocketClosed):
                await ws.receive()

    run(main())
