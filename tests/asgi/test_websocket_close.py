"""The WebSocket: its close, which neither fails nor hangs."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.asgi import WebSocket
from asgi_agent.asgi.types import Message
from asgi_agent.asgi.websocket import (
    CLOSE_SECONDS,
    State,
)
from asgi_agent.errors import ClientDisconnected, InvalidMessage
from asgi_agent.testing import run, settle
from tests.asgi.fake_hosts import (
    CONNECT,
    BrokenHost,
    CloseWaitsHost,
    Host,
    StuckHost,
    of_closed,
    opened,
    text,
    websocket_scope,
)


def test_it_is_closed_once() -> None:
    async def main() -> None:
        host = Host(CONNECT, text("unread"))
        websocket = await opened(host)
        await websocket.close(4001, "bye")
        await websocket.close()
        assert host.sent[1:] == [{"type": "websocket.close", "code": 4001, "reason": "bye"}]
        for use in (websocket.receive(), websocket.send_text("a")):
            with pytest.raises(ClientDisconnected) as error:
                await use
            assert of_closed(error) == (4001, "bye")
        assert len(host.sent) == 2

    run(main())


def test_a_close_before_the_accept_denies() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        await WebSocket(websocket_scope(), host.receive, host.send).close()
        assert host.kinds == ["websocket.close"]
        assert not host.incoming

    run(main())


@pytest.mark.parametrize("code", [0, 999, 1001, 1005, 1006, 1011, 1012, 2999, 5000])
def test_only_codes_that_every_host_sends_are_allowed(code: int) -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = await opened(host)
        with pytest.raises(InvalidMessage, match="close code"):
            await websocket.close(code)
        await websocket.close(3000)

    run(main())


@given(st.text(st.characters(), max_size=200))
@example("x" * 130)
@example("é" * 62)
@example("x" + "é" * 62)
@example("😀" * 31)
@example("\ud800" * 130)
def test_a_reason_is_cut_to_whole_characters_in_123_bytes(reason: str) -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = await opened(host)
        await websocket.close(reason=reason)
        cut = host.sent[-1]["reason"]
        whole = reason.encode(errors="replace").decode()
        assert whole.startswith(cut)
        assert len(cut.encode()) <= 123
        assert cut == whole or len(whole[: len(cut) + 1].encode()) > 123

    asyncio.run(main())


@pytest.mark.parametrize("is_receiving", [True, False])
def test_a_close_does_not_wait_for_the_receive_that_waits_for_it(is_receiving: bool) -> None:
    async def main() -> None:
        host = CloseWaitsHost(CONNECT)
        websocket = await opened(host)
        receiving = asyncio.create_task(websocket.receive()) if is_receiving else None
        await settle()
        before = asyncio.get_running_loop().time()
        await websocket.close(4000, "done")
        assert asyncio.get_running_loop().time() == before
        assert host.kinds[-1] == "websocket.close"
        if receiving is not None:
            with pytest.raises(ClientDisconnected) as error:
                await receiving
            assert of_closed(error) == (4000, "done")
            assert receiving.cancelling() == 0  # nobody else's timeout mistakes it for its own

    run(main())


def test_a_cancellation_that_meets_our_close_still_cancels() -> None:
    async def main() -> None:
        websocket = await opened(CloseWaitsHost(CONNECT))
        receiving = asyncio.create_task(websocket.receive())
        closing = asyncio.create_task(websocket.close())
        await settle_until(lambda: receiving.cancelling() == 1)
        receiving.cancel()
        await asyncio.wait([receiving, closing])
        assert receiving.cancelled()
        assert receiving.cancelling() == 1

    async def settle_until(condition: Callable[[], bool]) -> None:
        while not condition():
            await asyncio.sleep(0)

    run(main())


def test_a_receive_that_cannot_be_stopped_delays_the_close_two_seconds() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = await opened(host)

        async def stubborn() -> Message:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(10)
            return text("at last")

        websocket._receive = stubborn
        receiving = asyncio.create_task(websocket.receive())
        await settle()
        await websocket.close()
        assert asyncio.get_running_loop().time() == pytest.approx(CLOSE_SECONDS, abs=0.01)
        with pytest.raises(ClientDisconnected):
            await receiving
        assert receiving.cancelling() == 0

    run(main())


def test_a_close_that_the_host_never_finishes_takes_two_seconds() -> None:
    async def main() -> None:
        host = StuckHost(CONNECT, is_stuck=lambda message: "close" in message["type"])
        websocket = await opened(host)
        await websocket.close()
        assert asyncio.get_running_loop().time() == pytest.approx(CLOSE_SECONDS)
        assert websocket.state is State.CLOSED

    run(main())


def test_a_close_passes_a_cancellation_on() -> None:
    async def main() -> None:
        host = StuckHost(CONNECT, is_stuck=lambda message: "close" in message["type"])
        websocket = await opened(host)
        task = asyncio.create_task(websocket.close())
        await settle()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(main())


def test_a_close_on_a_broken_connection_is_silent() -> None:
    async def main() -> None:
        websocket = await opened(BrokenHost(CONNECT, error=RuntimeError("closed"), at=1))
        await websocket.close()
        assert websocket.state is State.CLOSED

    run(main())
