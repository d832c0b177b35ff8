"""What clients and hosts do to an application, one by one."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from asgi_agent.asgi.types import ASGIApp, Message, Receive, Scope, Send
from asgi_agent.errors import UsageError
from asgi_agent.testing import (
    HOSTS,
    Behaviour,
    Deadlock,
    Leak,
    ProtocolViolation,
    Response,
    Server,
    Stream,
    run,
)

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
LAST: Message = {"type": "http.response.body"}
KIB = b"x" * 1024


def body(data: bytes) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": True}


def http(serve: Callable[[Receive, Send], Awaitable[None]]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # no lifespan
        await serve(receive, send)

    return app


@asynccontextmanager
async def streaming(app: ASGIApp, **behaviour: Any) -> AsyncGenerator[Stream, None]:
    async with (
        Server(app, behaviour=Behaviour(**behaviour)) as server,
        server.stream("GET", "/") as stream,
    ):
        yield stream


def answered(app: ASGIApp, **behaviour: Any) -> Response:
    async def main() -> Response:
        async with Server(app, behaviour=Behaviour(**behaviour)) as server:
            return await server.request("POST", "/", body=[b"a", b"b"])

    return run(main())


class Firehose:
    """Sends for ever; ends when it hears of the disconnect, or `send` raises OSError."""

    def __init__(self) -> None:
        self.sent = 0
        self.ended = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await receive()
        watcher = asyncio.create_task(receive())
        try:
            await self.flood(send, watcher)
        except OSError:
            self.ended = "OSError"
        finally:
            watcher.cancel()

    async def flood(self, send: Send, watcher: asyncio.Task[Message]) -> None:
        await send(START)
        while not watcher.done():
            await send(body(KIB))
            self.sent += 1
            await asyncio.sleep(0)
        self.ended = "disconnect"


def flooded(**fields: Any) -> Firehose:
    """A firehose after its client has read 10 KiB, slept for an hour, and left."""

    async def main() -> Firehose:
        firehose = Firehose()
        async with streaming(firehose, **fields) as stream:
            for _ in range(10):
                await stream.read()
            await asyncio.sleep(3600)
        return firehose

    return run(main())


@pytest.mark.parametrize("window", [0, 1, 4 * 1024, 65_536])
def test_an_app_sends_no_more_than_a_slow_client_reads(window: int) -> None:
    firehose = flooded(window=window)
    assert firehose.ended == "disconnect"
    # The message that overfills the window has been taken; its `send` returns at the disconnect.
    assert firehose.sent == 10 + window // 1024 + 1


@pytest.mark.parametrize(
    ("behaviour", "complete"),
    [({"window": None}, True), ({"send_blocks": False, "window": 0}, True), ({}, False)],
)
def test_without_a_window_or_if_send_never_blocks_nothing_holds_the_app_back(
    behaviour: dict[str, Any], complete: bool
) -> None:
    @http
    async def app(receive: Receive, send: Send) -> None:
        await send(START)
        for _ in range(1000):
            await send(body(KIB))
        await send(LAST)

    async def main() -> bool:
        async with streaming(app, **behaviour) as stream:
            await asyncio.sleep(1)
            return stream.complete

    assert run(main()) is complete


@pytest.mark.parametrize("after", [0, 1, 2, 7])
def test_the_client_leaves_after_so_many_bodies(after: int) -> None:
    async def main() -> tuple[Firehose, bytes]:
        firehose = Firehose()
        async with streaming(firehose, disconnect_after=after) as stream:
            return firehose, (await stream.rest()).body

    firehose, read = run(main())
    assert read == KIB * after
    assert firehose.ended == "disconnect"


def test_a_send_that_raises_says_so_from_that_message_on() -> None:
    raised: list[int] = []

    @http
    async def app(receive: Receive, send: Send) -> None:
        for number, message in enumerate([START, body(b"a"), body(b"b"), LAST], start=1):
            try:
                await send(message)
            except ConnectionResetError:
                raised.append(number)
        assert [(await receive())["type"] for _ in range(3)][-1] == "http.disconnect"

    gone = ConnectionResetError("gone")
    assert answered(app, send_error=gone, send_error_at=3).body == b"a"
    assert raised == [3, 4]


def test_a_stream_that_never_started_has_no_status() -> None:
    @http
    async def app(receive: Receive, send: Send) -> None:
        with pytest.raises(OSError, match="gone"):
            await send(START)

    assert answered(app, send_error=OSError("gone"), send_error_at=1) == Response(0)


def test_a_send_may_raise_once_the_client_has_left_but_not_before() -> None:
    outcomes: list[str] = []

    @http
    async def app(receive: Receive, send: Send) -> None:
        await send(START)
        for _ in range(4):
            try:
                await send(body(b"x"))
            except OSError:
                outcomes.append("raised")
            else:
                outcomes.append("sent")

    answered(app, send_error=OSError, disconnect_after=2)
    assert outcomes == ["sent", "sent", "raised", "raised"]


def test_a_blocked_send_that_was_cancelled_may_be_followed_by_another() -> None:
    @http
    async def app(receive: Receive, send: Send) -> None:
        await send(START)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await send(body(b"late, not lost"))
        await send(LAST)

    async def main() -> bytes:
        async with streaming(app, window=0) as stream:
            await asyncio.sleep(60)
            return (await stream.rest()).body

    assert run(main()) == b"late, not lost"


def test_a_send_that_never_wakes_is_left_waiting() -> None:
    with pytest.raises(Leak, match="the app goes on"):
        flooded(send_never_wakes=True)


def test_a_send_that_never_wakes_can_be_cancelled() -> None:
    @http
    async def app(receive: Receive, send: Send) -> None:
        await receive()
        await send(START)
        sending = asyncio.create_task(send(body(KIB)))
        await receive()
        sending.cancel()

    async def main() -> None:
        async with streaming(app, send_never_wakes=True, window=0):
            await asyncio.sleep(1)

    run(main())


@pytest.mark.parametrize("first", [b"", b":\n"])
def test_the_status_may_wait_for_a_body_that_is_not_empty(first: bytes) -> None:
    @http
    async def app(receive: Receive, send: Send) -> None:
        await receive()
        await send(START)
        await send(body(first))
        await receive()

    async def main() -> int:
        async with asyncio.timeout(60), streaming(app, flush_on_body=True) as stream:
            return stream.status

    if first:
        assert run(main()) == 200
    else:
        with pytest.raises(TimeoutError):
            run(main())


def test_the_status_waits_for_the_end_at_most() -> None:
    @http
    async def app(receive: Receive, send: Send) -> None:
        await send(START)
        await send(LAST)

    assert answered(app, flush_on_body=True).status == 200


@pytest.mark.parametrize(
    ("overtakes", "received"),
    [
        (False, ["http.request", "http.request", "http.disconnect"]),
        (True, ["http.disconnect", "http.disconnect", "http.disconnect"]),
    ],
)
def test_a_disconnect_may_overtake_the_request(overtakes: bool, received: list[str]) -> None:
    seen: list[str] = []

    @http
    async def app(receive: Receive, send: Send) -> None:
        await send(START)
        seen.extend([(await receive())["type"] for _ in range(3)])

    answered(app, disconnect_overtakes=overtakes, disconnect_after=0)
    assert seen == received


def test_a_receive_after_the_disconnect_may_hang() -> None:
    @http
    async def app(receive: Receive, send: Send) -> None:
        await send(START)
        await send(LAST)
        while True:
            await receive()
            await asyncio.sleep(0)

    with pytest.raises(Leak, match=r"> Connection.receive \("):
        answered(app, receive_hangs_after_disconnect=True)


@pytest.mark.parametrize("false", [False, True])
def test_a_cancelled_receive_may_be_followed_by_a_false_disconnect(false: bool) -> None:
    seen: list[tuple[str, float]] = []

    @http
    async def app(receive: Receive, send: Send) -> None:
        await receive()
        await send(START)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await receive()
        seen.append(((await receive())["type"], asyncio.get_running_loop().time()))

    async def main() -> None:
        async with streaming(app, false_disconnect_after_cancel=false):
            await asyncio.sleep(10)

    if false:  # the app has returned although its client was still there
        with pytest.raises(ProtocolViolation, match="unfinished"):
            run(main())
        assert seen == [("http.disconnect", 1.0)]
    else:
        run(main())
        assert seen == [("http.disconnect", 10.0)]


def test_the_scope_may_have_vital_keys_only_and_others_may_differ() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send(START)
        await send(LAST)

    async def main() -> None:
        minimal = Behaviour(minimal_scope=True, scope={"client": None}, lifespan=False)
        async with Server(app, behaviour=minimal) as server:
            await server.request("GET", "/a?b")
            await server.request("GET", "/", behaviour=Behaviour(lifespan=False))

    run(main())
    headers = [(b"host", b"testserver")]
    vital = {"type": "http", "method": "GET", "path": "/a", "headers": headers}
    assert seen[0] == vital | {"client": None}
    assert "asgi" in seen[1]
    assert "state" not in seen[1]


@pytest.mark.parametrize("host", HOSTS)
def test_a_careful_app_works_on_every_host(host: str) -> None:
    ended: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        sending = asyncio.create_task(stream(send))
        await receive()
        sending.cancel()
        ended.append("disconnect")

    async def stream(send: Send) -> None:
        await send(START)
        while True:
            try:
                await send(body(KIB))
            except OSError:
                return
            await asyncio.sleep(1)

    async def main() -> None:
        async with (
            Server(app, behaviour=HOSTS[host]) as server,
            server.stream("GET", "/") as reader,
        ):
            assert await reader.read() == KIB
            await asyncio.sleep(100)

    run(main())
    assert ended == ["disconnect"]


def test_a_client_that_waits_for_an_app_that_waits_for_it_is_a_deadlock(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @http
    async def app(receive: Receive, send: Send) -> None:
        await receive()
        await receive()

    async def main() -> None:
        async with Server(app) as server:
            await server.request("GET", "/here")

    with pytest.raises(Deadlock, match=r"app http /here: .*app \(.*Connection.receive"):
        run(main(), leaks=False)
    assert not caplog.records  # nothing is said of the cancellations that follow


@pytest.mark.parametrize("fields", [{"window": -1}, {"send_error_at": 1}])
def test_a_behaviour_that_makes_no_sense_is_refused(fields: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        Behaviour(**fields)  # pyright: ignore[reportArgumentType]


def test_a_behaviour_is_a_value() -> None:
    assert Behaviour(window=1) == Behaviour(window=1)
    assert {Behaviour(): "default"}[Behaviour()] == "default"
