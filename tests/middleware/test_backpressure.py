"""Backpressure: who does not read is cut off."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from asgi_agent.asgi import StreamingResponse as OurStreamingResponse
from asgi_agent.asgi import WebSocket
from asgi_agent.asgi.types import ASGIApp, Message, Receive, Scope, Send
from asgi_agent.errors import ClientDisconnected, SlowClient, UsageError
from asgi_agent.middleware import Backpressure
from asgi_agent.middleware.backpressure import SLOW
from asgi_agent.testing import run
from tests.asgi.fake_hosts import (
    CONNECT,
    END,
    EVENTS,
    GONE,
    START,
    Host,
    StuckHost,
    ask,
    http_scope,
    text,
    websocket_scope,
)

PATIENCE = 5.0


def body(content: bytes) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": True}


def stuck(what: bytes | str) -> StuckHost:
    """A host whose client never accepts the message that has `what`."""
    return StuckHost(CONNECT, is_stuck=lambda message: what in message.values())


def now() -> float:
    return asyncio.get_running_loop().time()


# ── patience ─────────────────────────────────────────────────────────────────────────────────


def test_a_client_that_does_not_read_is_cut_off_and_never_sent_to_again() -> None:
    async def main() -> None:
        host = stuck(b"two")
        raised: list[float] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(START)
            await send(body(b"one"))
            for message in (body(b"two"), body(b"three"), END):
                try:
                    await send(message)
                except SlowClient:
                    raised.append(now())

        # The application ends well, and still the host aborts: it is not the whole response.
        with pytest.raises(SlowClient, match=r"for 5\.0 s"):
            await Backpressure(app, patience=PATIENCE)(http_scope(), host.receive, host.send)
        assert raised == [pytest.approx(PATIENCE)] * 3
        assert host.cancelled == 1
        assert host.sent == [START, body(b"one")]

    run(main())


def test_slow_client_goes_through_an_application_that_does_not_catch_it() -> None:
    async def main() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(START)

        host = stuck("http.response.start")
        with pytest.raises(SlowClient, match=r"http\.response\.start took over") as error:
            await Backpressure(app, patience=PATIENCE)(http_scope(), host.receive, host.send)
        assert isinstance(error.value.__cause__, TimeoutError)

    run(main())


def test_an_error_of_the_application_after_the_cut_is_its_own() -> None:
    async def main() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await send(START)
            except SlowClient as error:
                raise RuntimeError("mine") from error

        host = stuck("http.response.start")
        with pytest.raises(RuntimeError, match="mine"):
            await Backpressure(app, patience=PATIENCE)(http_scope(), host.receive, host.send)

    run(main())


def test_a_client_that_is_slow_but_in_time_gets_everything() -> None:
    async def main() -> None:
        host = Host()

        async def send_slowly(message: Message) -> None:
            await asyncio.sleep(PATIENCE / 4)
            await asyncio.sleep(0)
            await asyncio.sleep(PATIENCE / 4)
            await host.send(message)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            for message in (START, body(b"one"), body(b"two"), END):
                await send(message)

        await Backpressure(app, patience=PATIENCE)(http_scope(), host.receive, send_slowly)
        assert host.sent == [START, body(b"one"), body(b"two"), END]

    run(main())


def test_a_send_that_does_not_wait_costs_no_timer() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        host = Host()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            for _ in range(100):
                await send(body(b"x"))

        timers = len(loop._scheduled)
        call_at = loop.call_at
        calls: list[float] = []

        def counted(when: float, *rest: Any, **keys: Any) -> asyncio.TimerHandle:
            calls.append(when)
            return call_at(when, *rest, **keys)

        loop.call_at = counted
        await Backpressure(app)(http_scope(), host.receive, host.send)
        assert len(host.sent) == 100
        assert not calls
        assert len(loop._scheduled) == timers

    run(main())


# ── WebSockets ───────────────────────────────────────────────────────────────────────────────


def test_a_slow_websocket_is_closed_with_4408_when_the_application_has_ended() -> None:
    async def main() -> None:
        host = stuck("flood")
        caught: list[BaseException | None] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            websocket = WebSocket(scope, receive, send)
            await websocket.accept()
            with pytest.raises(ClientDisconnected) as error:
                await websocket.send_text("flood")
            caught.append(error.value.__cause__)
            await websocket.close()

        with pytest.raises(SlowClient):
            await Backpressure(app, patience=PATIENCE)(websocket_scope(), host.receive, host.send)
        assert isinstance(caught[0], SlowClient)
        assert host.kinds == ["websocket.accept", "websocket.close"]
        assert host.sent[1] == {"type": "websocket.close", "code": SLOW, "reason": "too slow"}

    run(main())


def test_the_close_of_a_slow_websocket_takes_two_seconds_at_most() -> None:
    async def main() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "websocket.send", "text": "flood"})

        host = StuckHost(is_stuck=lambda message: True)
        with pytest.raises(SlowClient):
            await Backpressure(app, patience=PATIENCE)(websocket_scope(), host.receive, host.send)
        assert now() == pytest.approx(PATIENCE + 2)
        assert host.cancelled == 2

    run(main())


def test_the_close_of_a_slow_websocket_may_fail() -> None:
    async def main() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "websocket.send", "text": "flood"})

        async def send(message: Message) -> None:
            if message["type"] == "websocket.close":
                raise RuntimeError("the transport is closed")
            await asyncio.sleep(60)

        with pytest.raises(SlowClient):
            await Backpressure(app, patience=PATIENCE)(websocket_scope(), Host().receive, send)

    run(main())


def test_a_quick_websocket_notices_nothing() -> None:
    async def main() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            websocket = WebSocket(scope, receive, send)
            await websocket.accept()
            await websocket.send_text(str(await websocket.receive()))
            await websocket.close()

        host = Host(CONNECT, text("hello"))
        await Backpressure(app, max_streams=1)(websocket_scope(), host.receive, host.send)
        assert host.kinds == ["websocket.accept", "websocket.send", "websocket.close"]

    run(main())


# ── options, other scopes ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 0},
        {"patience": -1},
        {"patience": float("inf")},
        {"patience": float("nan")},
        {"max_streams": 0},
        {"max_streams": -1},
    ],
)
def test_a_wrong_option_is_refused_when_the_app_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        Backpressure(starlette([]), **options)


def test_other_scopes_pass_untouched() -> None:
    async def main() -> None:
        seen: list[object] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(send)

        host = Host()
        send = host.send
        await Backpressure(app, max_streams=1)({"type": "lifespan"}, host.receive, send)
        assert seen == [send]

    run(main())


# ── around other applications ────────────────────────────────────────────────────────────────


async def endless(closed: list[str]) -> AsyncGenerator[bytes, None]:
    try:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0)
    finally:
        closed.append("closed")


def starlette(closed: list[str]) -> ASGIApp:
    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(endless(closed), media_type="text/event-stream")

    async def plain(request: Request) -> PlainTextResponse:
        return PlainTextResponse("reached")

    return Starlette(routes=[Route("/", stream), Route("/plain", plain)])


def ours(closed: list[str]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = OurStreamingResponse(endless(closed), bytes, headers=[EVENTS])
        await response(scope, receive, send)

    return app


@pytest.mark.parametrize("make", [starlette, ours])
def test_a_stream_that_nobody_reads_is_cut_off_whoever_makes_it(
    make: Callable[[list[str]], ASGIApp],
) -> None:
    async def main() -> None:
        closed: list[str] = []
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)
            if len(sent) > 10:
                await asyncio.get_running_loop().create_future()

        app = Backpressure(make(closed), patience=PATIENCE, max_streams=3)
        receive = Host({"type": "http.request", "body": b""}).receive
        with pytest.raises(SlowClient):
            await app(http_scope(query_string=b""), receive, send)
        assert now() == pytest.approx(PATIENCE, abs=0.1)
        assert sent[-1]["more_body"]
        assert app.places.taken == 0
        if make is ours:  # Starlette leaves that to the garbage collector
            assert closed == ["closed"]

    run(main(), leaks=make is ours)


def test_the_plain_response_of_a_starlette_application_passes() -> None:
    app = Backpressure(starlette([]), max_streams=1)
    scope = {
        **http_scope("GET", (b"accept", b"text/event-stream"), query_string=b""),
        "path": "/plain",
    }
    assert run(ask(app, scope)).body == b"reached"


def test_a_client_that_left_is_not_slow() -> None:
    async def main() -> None:
        host = Host(CONNECT, GONE)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            websocket = WebSocket(scope, receive, send)
            await websocket.accept()
            with pytest.raises(ClientDisconnected):
                await websocket.receive()

        await Backpressure(app, patience=PATIENCE)(websocket_scope(), host.receive, host.send)
        assert host.kinds == ["websocket.accept"]

    run(main())
