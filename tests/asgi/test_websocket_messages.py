"""The WebSocket: messages, both ways, and each host's ways with them."""

import asyncio

import pytest

from asgi_agent.asgi import WebSocket
from asgi_agent.asgi.types import Message
from asgi_agent.asgi.websocket import (
    SENDS_PER_TURN,
    State,
)
from asgi_agent.errors import BodyTooLarge, ClientDisconnected, InvalidMessage, UsageError
from asgi_agent.testing import run, settle
from tests.asgi.fake_hosts import (
    CONNECT,
    GONE,
    BrokenHost,
    Host,
    StuckHost,
    of_closed,
    opened,
    text,
    websocket_scope,
)

# ── receive ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ({"text": "hi"}, "hi"),
        ({"bytes": b"hi"}, b"hi"),
        ({"text": "hi", "bytes": None}, "hi"),
        ({"text": None, "bytes": b"hi"}, b"hi"),
        ({"text": "", "bytes": None}, ""),
        ({"text": None, "bytes": b""}, b""),
    ],
)
def test_one_of_the_two_keys_has_the_message(message: Message, content: str | bytes) -> None:
    async def main() -> None:
        websocket = await opened(Host(CONNECT, {"type": "websocket.receive", **message}))
        assert await websocket.receive() == content

    run(main())


def test_a_message_without_content_is_the_hosts_fault() -> None:
    async def main() -> None:
        websocket = await opened(Host(CONNECT, {"type": "websocket.receive"}))
        with pytest.raises(InvalidMessage, match="neither text nor bytes"):
            await websocket.receive()

    run(main())


@pytest.mark.parametrize(
    ("disconnect", "farewell"),
    [
        ({"code": 4002, "reason": "cya"}, (4002, "cya")),
        ({"code": 4002}, (4002, "")),
        ({"code": None, "reason": None}, (1005, "")),
        ({}, (1005, "")),
    ],
)
def test_a_disconnect_is_latched_and_the_host_is_never_asked_again(
    disconnect: Message, farewell: tuple[int, str]
) -> None:
    async def main() -> None:
        host = Host(CONNECT, {"type": "websocket.disconnect", **disconnect})
        websocket = await opened(host)
        for _ in range(2):
            with pytest.raises(ClientDisconnected) as error:
                await websocket.receive()
            assert of_closed(error) == farewell
        assert host.receives == 2
        for send in (websocket.send_text("a"), websocket.send_bytes(b"a"), websocket.accept()):
            with pytest.raises(ClientDisconnected):
                await send
        await websocket.close()
        await websocket.deny()
        assert host.kinds == ["websocket.accept"]

    run(main())


@pytest.mark.parametrize(
    ("long", "short"),
    [(text("x" * 9), "x" * 8), (text("é" * 5), "é" * 4), (text("\ud800" * 3), "x")],
)
def test_a_message_that_is_too_long_is_refused_and_the_connection_stays_open(
    long: Message, short: str
) -> None:
    async def main() -> None:
        binary: Message = {"type": "websocket.receive", "bytes": b"123456789"}
        host = Host(CONNECT, long, binary, text(short))
        websocket = await opened(host, max_message_bytes=8)
        for _ in range(2):
            with pytest.raises(BodyTooLarge, match="8 bytes"):
                await websocket.receive()
        assert await websocket.receive() == short
        await websocket.send_text("still here")

    run(main())


def test_a_bound_is_at_least_one_byte() -> None:
    host = Host()
    with pytest.raises(UsageError, match="max_message_bytes"):
        WebSocket(websocket_scope(), host.receive, host.send, max_message_bytes=0)


def test_two_tasks_cannot_receive() -> None:
    async def main() -> None:
        websocket = await opened(Host(CONNECT))
        first = asyncio.create_task(websocket.receive())
        await settle()
        with pytest.raises(InvalidMessage, match="one task at a time"):
            await websocket.receive()
        first.cancel()

    run(main())


def test_a_connection_that_cannot_be_read_has_no_client() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = await opened(host)

        async def broken() -> Message:
            raise OSError

        websocket._receive = broken
        with pytest.raises(ClientDisconnected) as error:
            await websocket.receive()
        assert of_closed(error) == (1006, "")
        assert websocket.state is State.CLOSED

    run(main())


def test_a_cancelled_receive_is_cancelled_and_can_be_repeated() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = await opened(host)
        task = asyncio.create_task(websocket.receive())
        await settle()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        host.incoming.append(text("later"))
        assert await websocket.receive() == "later"

    run(main())


# ── send ─────────────────────────────────────────────────────────────────────────────────────


def test_a_message_has_exactly_one_of_the_two_keys() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = await opened(host)
        await websocket.send_text("é")
        await websocket.send_bytes(b"\xff")
        assert host.sent[1:] == [
            {"type": "websocket.send", "text": "é"},
            {"type": "websocket.send", "bytes": b"\xff"},
        ]

    run(main())


def test_what_a_host_would_drop_or_cannot_encode_is_refused() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = await opened(host)
        for send in (websocket.send_text(""), websocket.send_bytes(b"")):
            with pytest.raises(InvalidMessage, match="not empty"):
                await send
        with pytest.raises(InvalidMessage, match="valid Unicode"):
            await websocket.send_text("\ud800")
        assert host.kinds == ["websocket.accept"]
        await websocket.send_text("still here")

    run(main())


@pytest.mark.parametrize("error", [OSError(), RuntimeError(), KeyError("text"), TimeoutError()])
def test_whatever_send_raises_the_client_has_left(error: Exception) -> None:
    async def main() -> None:
        host = BrokenHost(CONNECT, error=error, at=1)
        websocket = await opened(host)
        with pytest.raises(ClientDisconnected) as raised:
            await websocket.send_text("a")
        assert raised.value.__cause__ is error
        assert of_closed(raised) == (1006, "")
        with pytest.raises(ClientDisconnected):
            await websocket.receive()
        assert host.receives == 1
        await websocket.close()

    run(main())


def test_a_receive_under_way_when_a_send_breaks_drops_what_still_comes() -> None:
    async def main() -> None:
        host = BrokenHost(CONNECT, error=OSError(), at=1)
        websocket = await opened(host)
        arrived: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        websocket._receive = lambda: arrived
        receiving = asyncio.create_task(websocket.receive())
        await settle()
        with pytest.raises(ClientDisconnected):
            await websocket.send_text("a")
        arrived.set_result(text("too late"))
        with pytest.raises(ClientDisconnected):
            await receiving

    run(main())


def test_a_cancelled_send_is_cancelled_and_not_a_disconnect() -> None:
    async def main() -> None:
        host = StuckHost(CONNECT, is_stuck=lambda message: "send" in message["type"])
        websocket = await opened(host)
        task = asyncio.create_task(websocket.send_text("a"))
        await settle()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert websocket.state is State.OPEN

    run(main())


def test_two_tasks_send_whole_messages_each_in_its_order() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = await opened(host)

        async def send_all(name: str) -> None:
            for number in range(40):
                await websocket.send_text(f"{name}{number}")

        await asyncio.gather(send_all("a"), send_all("b"))
        sent = [message["text"] for message in host.sent[1:]]
        for name in "ab":
            assert [each for each in sent if each[0] == name] == [f"{name}{n}" for n in range(40)]

    run(main())


def test_a_client_that_left_does_not_freeze_the_server_where_send_never_waits() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = await opened(host)
        host.incoming.append(GONE)
        receiving = asyncio.create_task(websocket.receive())

        async def flood() -> None:
            while True:
                await websocket.send_text("flood")

        with pytest.raises(ClientDisconnected):
            await flood()
        assert len(host.sent) <= 1 + SENDS_PER_TURN
        with pytest.raises(ClientDisconnected):
            await receiving

    run(main())
