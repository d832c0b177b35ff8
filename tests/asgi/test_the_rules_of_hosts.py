"""What real host programs do, and the rules that get an application through all of it.

 1. One receiver, which is not cancelled while its data is needed.
 2. No `receive` after the disconnect.
 3. The disconnect is the truth; whatever `send` raises says no more than that the client has left.
 4. A real pause between sends: on a dead connection `send` returns without one.
 5. A send that does not return is cancelled at the disconnect, and what was cut is not sent again.
 6. A first body at once, because some hosts hold the headers back until there is one.
 7. A heartbeat, because nobody else notices a client who has vanished.
 8. One last message, in bounded time, however the response ends.
 9. Errors are told inside the body, because its truncation may not be seen.
10. What is produced at a time is bounded, because a host may have no bound.
11. HEAD gets headers only; what is the host's to say is left to it.
12. Messages of exactly the types that the strictest host takes.
13. A WebSocket is accepted, used and closed as the pickiest host wants it.
14. No key of the scope is needed but type, path, headers and method.
15. A host that shuts down is obeyed; signals and threads are its own.
"""

import asyncio
import signal
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from asgi_agent.asgi import EventStream, Response, WebSocket, locate, read_body
from asgi_agent.asgi.streaming import FINISH_SECONDS, WRITE_BYTES
from asgi_agent.asgi.types import Message, Receive, Scope, Send
from asgi_agent.errors import InvalidMessage
from asgi_agent.sse import Event
from asgi_agent.testing import HOSTS, Behaviour, Server, run, settle
from tests.asgi.fake_hosts import CONNECT, CloseWaitsHost, Host, opened, websocket_scope
from tests.asgi.http_hosts import StuckHttpHost, TimedHost, cancelled

Events = AsyncGenerator[Event, None]


class Ticker:
    """An event stream of a tick every second, which says how it ended."""

    def __init__(self, ticks: int = 1_000_000) -> None:
        self.ticks = ticks
        self.started = self.ended = False

    async def events(self, _: Scope) -> Events:
        self.started = True
        try:
            for number in range(self.ticks):
                yield Event(str(number))
                await asyncio.sleep(1)
        finally:
            self.ended = True

    @property
    def app(self) -> EventStream:
        return EventStream(self.events)


async def tight(_: Scope) -> Events:
    while True:
        yield Event("again")


async def silent(_: Scope) -> Events:
    await asyncio.sleep(60)
    yield Event("at last")


def is_last(message: Message) -> bool:
    return message.get("more_body") is False


@pytest.mark.parametrize("host", HOSTS)
def test_a_stream_is_whole_and_a_disconnect_ends_it_on_every_host(host: str) -> None:
    async def main() -> None:
        whole, endless = Ticker(ticks=9), Ticker()
        behaviour = HOSTS[host]
        async with Server(whole.app, behaviour=behaviour) as server:
            response = await server.request("POST", "/", body=[b"not", b"read"])
            assert [event.data for event in response.events()] == [str(n) for n in range(9)]
        async with (
            Server(endless.app, behaviour=behaviour) as server,
            server.stream("GET", "/") as stream,
        ):
            await anext(stream.events())
        assert endless.ended
        assert server.notes == [], "nothing was allowed but unwise"

    run(main())


# 1


class LossyHost(TimedHost):
    """A `receive` that is cancelled takes with it what it would have given (granian)."""

    def __init__(self, *parts: bytes) -> None:
        super().__init__()
        self.parts = list(parts)
        self.receivers = 0

    async def receive(self) -> Message:
        self.receivers += 1
        assert self.receivers == 1, "two receivers: some hosts wake only one"
        try:
            if not self.parts:
                return await super().receive()
            body = self.parts.pop(0)
            await asyncio.sleep(1)
        finally:
            self.receivers -= 1
        return {"type": "http.request", "body": body, "more_body": bool(self.parts)}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await read_body(scope, receive, 100)

    async def events() -> Events:
        yield Event(body.decode())
        await asyncio.sleep(60)
        yield Event("still here")

    await EventStream(events())(scope, receive, send)


def test_1_no_receive_is_cancelled_while_its_data_is_needed() -> None:
    host = LossyHost(b"a", b"b", b"c")
    run(host.serve(echo))
    assert host.body.startswith(b"data: abc\n\n")
    assert host.body.endswith(b"data: still here\n\n")


def test_1_a_host_that_reports_a_disconnect_after_a_cancelled_receive_is_not_provoked() -> None:
    async def main() -> str:
        behaviour = Behaviour(false_disconnect_after_cancel=True, lifespan=False)
        async with Server(echo, behaviour=behaviour) as server:
            return (await server.request("POST", "/", body=[b"a", b"b"])).text

    assert run(main()).endswith("data: still here\n\n")


# 2


def test_2_a_host_that_hangs_after_the_disconnect_is_not_asked_again() -> None:
    async def main() -> None:
        ticker, host = Ticker(), TimedHost(leaves_after=2.5)
        await host.serve(ticker.app)
        assert ticker.ended
        assert host.receives == 1

    run(main())


# 3


class JsException(Exception):
    """What a worker in another language raises: no OSError at all."""


@pytest.mark.parametrize("error", [OSError, RuntimeError("Response not started"), JsException])
@pytest.mark.parametrize("at", [1, 2, 5])
def test_3_whatever_send_raises_the_source_is_closed_and_nobody_is_told(
    error: Exception | type[Exception], at: int
) -> None:
    async def main() -> None:
        ticker = Ticker()
        behaviour = Behaviour(send_error=error, send_error_at=at, lifespan=False)
        async with Server(ticker.app, behaviour=behaviour) as server:
            await server.request("GET", "/")
        assert ticker.ended == ticker.started

    run(main())


def test_3_a_host_that_ignores_what_is_sent_too_late_is_sent_nothing() -> None:
    async def main() -> None:
        host = TimedHost(leaves_after=2.5)
        await host.serve(Ticker().app)
        assert [at for at, _ in host.bodies] == [0, 1, 2]
        assert not host.is_complete

    run(main())


# 4


def test_4_a_source_that_never_waits_freezes_nobody_where_send_never_waits_either() -> None:
    async def main() -> None:
        host = TimedHost(leaves_after=0)
        others = 0

        async def other_requests() -> None:
            nonlocal others
            while not host.left:
                others += 1
                await asyncio.sleep(0)

        await asyncio.gather(host.serve(EventStream(tight)), other_requests())
        assert others > 1
        assert len(host.bodies) < 10

    run(main())


# 5


def test_5_a_send_that_is_never_woken_is_cancelled_and_not_tried_again() -> None:
    async def main() -> None:
        ticker = Ticker()
        host = StuckHttpHost(lambda message: len(host.bodies) == 2, leaves_after=5)
        await host.serve(ticker.app)
        assert ticker.ended
        assert host.body == b"data: 0\n\ndata: 1\n\n"

    run(main())


def test_5_a_client_who_never_reads_and_leaves_ends_the_stream() -> None:
    async def main() -> None:
        ticker = Ticker()
        behaviour = Behaviour(window=10, send_never_wakes=True, lifespan=False)
        async with (
            Server(ticker.app, behaviour=behaviour) as server,
            server.stream("GET", "/"),
        ):
            await asyncio.sleep(30)
            assert not ticker.ended
        assert ticker.ended

    run(main())


# 6


def test_6_the_headers_leave_before_the_first_event() -> None:
    async def main() -> None:
        behaviour = Behaviour(flush_on_body=True, lifespan=False)
        async with (
            Server(EventStream(silent), behaviour=behaviour) as server,
            server.stream("GET", "/") as stream,
        ):
            assert stream.status == 200
            assert asyncio.get_running_loop().time() < 1
            assert await stream.read() == b":\n"

    run(main())


# 7


class VanishedHost(TimedHost):
    """Its client is gone without a word; only who writes to it learns that, the second time."""

    async def send(self, message: Message) -> None:
        await super().send(message)
        if len(self.bodies) > 2:
            raise ConnectionResetError


def test_7_a_client_who_has_vanished_is_noticed_by_a_heartbeat() -> None:
    async def main() -> None:
        await VanishedHost().serve(EventStream(silent))
        assert asyncio.get_running_loop().time() <= 15

    run(main())


# 8


async def failing(_: Scope) -> Events:
    yield Event("a")
    await asyncio.sleep(1)
    raise LookupError


@pytest.mark.parametrize(
    ("app", "seconds"),
    [
        (Ticker(ticks=3).app, 9),
        (EventStream(failing), 9),
        (Ticker().app, 9),
        (EventStream(tight), 0),
    ],
    ids=["ends", "fails", "is cancelled", "is cancelled without ever waiting"],
)
def test_8_the_last_message_is_sent_once_however_the_stream_ends(
    app: EventStream, seconds: float
) -> None:
    async def main() -> None:
        host = TimedHost()
        await cancelled(app, host, after=seconds)
        assert [is_last(message) for message in host.sent].count(True) == 1
        assert host.is_complete

    run(main())


def test_8_a_last_send_that_hangs_on_a_broken_connection_is_given_up() -> None:
    async def main() -> None:
        ticker, host = Ticker(ticks=3), StuckHttpHost(is_last, leaves_after=3.5)
        await host.serve(ticker.app)
        assert ticker.ended
        assert asyncio.get_running_loop().time() <= 3.5 + FINISH_SECONDS

    run(main())


def test_8_a_last_send_that_hangs_does_not_keep_a_host_that_shuts_down() -> None:
    async def main() -> None:
        task = await cancelled(Ticker().app, StuckHttpHost(is_last), after=3.5)
        assert task.cancelled()
        assert asyncio.get_running_loop().time() <= 3.5 + FINISH_SECONDS

    run(main())


# 9


def test_9_an_error_is_seen_where_a_truncation_is_not() -> None:
    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await EventStream(failing)(scope, receive, send)
        except Exception:  # noqa: BLE001 - as BaseHTTPMiddleware does it
            await send({"type": "http.response.body"})

    async def main() -> list[Event]:
        async with Server(middleware, behaviour=Behaviour(lifespan=False)) as server:
            return (await server.request("GET", "/")).events()

    assert [event.event for event in run(main())] == ["message", "error"]


# 10


def test_10_what_leaves_at_a_time_is_bounded_where_the_host_would_take_all() -> None:
    async def main() -> None:
        host = TimedHost(leaves_after=0)
        await host.serve(EventStream(tight))
        assert max(len(body) for _, body in host.bodies) < WRITE_BYTES + len(
            Event("again").encode()
        )

    run(main())


def test_10_where_the_host_has_a_bound_the_source_is_held_to_it() -> None:
    async def main() -> None:
        async with (
            Server(EventStream(tight), behaviour=Behaviour(lifespan=False)) as server,
            server.stream("GET", "/") as stream,
        ):
            await asyncio.sleep(60)
            held = len(await stream.read())
            assert held <= 2 * WRITE_BYTES

    run(main())


# 11


def test_11_head_gets_no_body_from_hosts_that_would_write_it() -> None:
    ticker, host = Ticker(), TimedHost()
    run(host.serve(ticker.app, "HEAD"))
    assert not ticker.started
    assert (host.body, host.is_complete) == (b"", True)


HOP_BY_HOP = {b"connection", b"transfer-encoding", b"keep-alive", b"date", b"server"}


@pytest.mark.parametrize("app", [Ticker(ticks=1).app, Response(b"hello"), Response(status=204)])
def test_11_what_the_host_says_is_left_to_it(app: EventStream | Response) -> None:
    host = TimedHost()
    run(host.serve(app))
    assert not HOP_BY_HOP & {name for name, _ in host.sent[0]["headers"]}


# 12


class StrictHost(TimedHost):
    """It takes what the strictest of all hosts take."""

    async def send(self, message: Message) -> None:
        assert type(message) is dict
        if message["type"] == "http.response.start":
            assert type(message["status"]) is int
            assert type(message["headers"]) is list
            for header in message["headers"]:
                assert [type(header), *map(type, header)] == [tuple, bytes, bytes]
                assert (header[0].lower().strip(), header[1].strip()) == header
        else:
            assert type(message["body"]) is bytes
            assert type(message["more_body"]) is bool
        await super().send(message)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("app", [Ticker(ticks=2).app, EventStream(failing), Response(b"hello")])
def test_12_the_strictest_host_takes_every_message(app: EventStream, method: str) -> None:
    host = StrictHost()
    run(host.serve(app, method))
    assert host.is_complete


# 13


def test_13_nothing_is_said_to_a_websocket_before_its_connect_was_read() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        await WebSocket(websocket_scope(), host.receive, host.send).deny()
        assert (host.receives, host.kinds) == (1, ["websocket.close"])

    run(main())


def test_13_a_subprotocol_that_was_not_offered_is_not_chosen() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        scope = websocket_scope(subprotocols=["a"])
        with pytest.raises(InvalidMessage, match="not offered"):
            await WebSocket(scope, host.receive, host.send).accept("b")
        assert host.sent == []

    run(main())


def test_13_a_close_does_not_wait_for_the_receive_that_waits_for_it() -> None:
    async def main() -> None:
        host = CloseWaitsHost(CONNECT)
        websocket = await opened(host)
        receiving = asyncio.create_task(websocket.receive())
        await settle()
        await websocket.close()
        assert host.kinds[-1] == "websocket.close"
        await asyncio.wait([receiving])
        assert receiving.exception() is not None

    run(main())


# 14


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(lifespan=False, minimal_scope=True),
        Behaviour(scope={"client": ("::1", "50000"), "server": ("::1", "8000")}),
        Behaviour(scope={"client": ["127.0.0.1", 1], "server": None, "raw_path": None}),
        Behaviour(scope={"root_path": None, "asgi": {"version": "3.0"}, "extensions": None}),
    ],
    ids=["nothing", "ports are text", "lists and None", "no version"],
)
def test_14_a_scope_may_lack_what_it_likes(behaviour: Behaviour) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            assert locate(scope).segments == ["a", "b"]
            assert await read_body(scope, receive, 10) == b"body"
        await Ticker(ticks=2).app(scope, receive, send)

    async def main() -> list[Event]:
        async with Server(app, behaviour=behaviour) as server:
            return (await server.request("POST", "/a/b", body=b"body")).events()

    assert len(run(main())) == 2


# 15


def test_15_a_host_that_shuts_down_gets_a_whole_body_and_its_cancellation_back() -> None:
    async def main() -> None:
        ticker, host = Ticker(), TimedHost()
        task = await cancelled(ticker.app, host, after=2.5)
        assert task.cancelled()
        assert ticker.ended
        assert host.is_complete
        assert host.body.endswith(b"data: 2\n\n")

    run(main())


def test_15_signals_and_threads_are_left_to_the_host() -> None:
    def handlers() -> list[Any]:
        return [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]

    before = [*handlers(), *threading.enumerate()]

    async def events(_: Scope) -> Events:
        yield Event("a")
        await asyncio.sleep(1)
        assert [*handlers(), *threading.enumerate()] == during
        yield Event("b")

    async def main() -> int:
        during.extend([*handlers(), *threading.enumerate()])
        host = TimedHost()
        await host.serve(EventStream(events))
        return len(host.bodies)

    during: list[Any] = []
    assert run(main()) == 2
    assert [*handlers(), *threading.enumerate()] == before
