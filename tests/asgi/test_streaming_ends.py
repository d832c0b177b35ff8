"""However a stream ends, its source is closed, and nothing is left behind or sent too late."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any

import pytest

from asgi_agent.asgi import StreamingResponse
from asgi_agent.asgi.streaming import FINISH_SECONDS
from asgi_agent.asgi.types import Message
from asgi_agent.errors import SlowClient
from asgi_agent.testing import Behaviour, Server, run, settle
from tests.asgi.http_hosts import StuckHttpHost, TimedHost, cancelled
from tests.sources import forever

Chunks = AsyncGenerator[bytes, None]


def response(items: AsyncIterable[bytes], **options: Any) -> StreamingResponse[bytes]:
    return StreamingResponse(items, bytes, **{"idle": b".", "idle_seconds": 4, **options})


def is_last(message: Message) -> bool:
    return message.get("more_body") is False


def has_data(message: Message) -> bool:
    return bool(message.get("body"))


class Ticking:
    """A source that says something every second, and notes how it ends."""

    def __init__(self, clean_up_seconds: float = 1) -> None:
        self.clean_up_seconds = clean_up_seconds
        self.trace: list[str] = []

    async def __aiter__(self) -> Chunks:
        try:
            while True:
                yield b"tick"
                await asyncio.sleep(1)
        except BaseException as error:
            self.trace.append(type(error).__name__)
            raise
        finally:
            await asyncio.sleep(self.clean_up_seconds)
            self.trace.append("clean")


# The client leaves.


def test_a_client_who_leaves_ends_the_source_before_the_response_returns() -> None:
    async def main() -> None:
        source, host = Ticking(), TimedHost(leaves_after=2.5)
        await host.serve(response(source))
        assert source.trace == ["CancelledError", "clean"]
        assert host.pending == 0
        assert host.bodies == [(0, b"tick"), (1, b"tick"), (2, b"tick")]
        assert asyncio.get_running_loop().time() == 3.5

    run(main())


def test_the_task_is_not_cancelled_any_more_after_a_disconnect() -> None:
    async def main() -> None:
        await TimedHost(leaves_after=1).serve(response(Ticking()))
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    run(main())


def test_nothing_is_sent_to_a_client_who_has_left() -> None:
    async def stubborn() -> Chunks:
        for number in range(10):
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                await asyncio.sleep(10)
            yield b"%d" % number

    async def main() -> None:
        host = TimedHost(leaves_after=15)
        await host.serve(response(stubborn()))
        assert host.left
        assert host.bodies == [(0, b"."), (4, b"."), (8, b"."), (10, b"0"), (14, b".")]
        assert not host.is_complete

    run(main())


def test_a_client_who_leaves_during_a_send_that_never_wakes_ends_the_source() -> None:
    async def main() -> None:
        source = Ticking()
        host = StuckHttpHost(lambda message: len(host.bodies) == 2, leaves_after=5)
        await host.serve(response(source))
        assert source.trace == ["CancelledError", "clean"]
        assert host.body == b"ticktick"

    run(main())


def test_a_task_that_the_source_waits_for_is_cancelled_once() -> None:
    trace: list[str] = []

    async def child() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(6)  # longer than a silence
            trace.append("clean")

    async def source() -> Chunks:
        await asyncio.create_task(child())
        yield b"never"

    run(TimedHost(leaves_after=1).serve(response(source())))
    assert trace == ["clean"]


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("flow"), LookupError])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_send_that_raises_is_the_last(error: Exception | type[Exception], at: int) -> None:
    async def main() -> None:
        source = Ticking()
        behaviour = Behaviour(send_error=error, send_error_at=at, lifespan=False)
        async with Server(response(source), behaviour=behaviour) as server:
            await server.request("GET", "/")
        assert source.trace == [] if at == 1 else source.trace[-1] == "clean"

    run(main())


def test_a_source_is_not_even_started_where_the_client_was_never_there() -> None:
    async def source() -> Chunks:
        raise AssertionError("it was started")
        yield b""

    async def send(_: Message) -> None:
        raise OSError

    async def main() -> None:
        host = TimedHost()
        await response(source())({"type": "http", "method": "GET"}, host.receive, send)
        assert host.receives == 0

    run(main())


# The last send.


async def briefly() -> Chunks:
    yield b"all"


def test_a_slow_client_gets_the_end_as_slowly_as_it_reads() -> None:
    async def main() -> None:
        behaviour = Behaviour(window=2, lifespan=False)
        async with (
            Server(response(briefly()), behaviour=behaviour) as server,
            server.stream("GET", "/") as stream,
        ):
            await asyncio.sleep(60)
            assert await stream.read() == b"all"
            assert await stream.read() == b""
            assert stream.complete

    run(main())


def test_a_last_send_that_hangs_ends_when_the_client_is_known_to_have_left() -> None:
    async def main() -> None:
        host = StuckHttpHost(is_last, leaves_after=0)
        await host.serve(response(briefly()))
        assert asyncio.get_running_loop().time() == FINISH_SECONDS
        assert host.bodies == []

    run(main())


def test_a_last_send_is_not_watched_when_it_returns() -> None:
    async def main() -> None:
        host = TimedHost()
        await host.serve(response(briefly()))
        await asyncio.sleep(2 * FINISH_SECONDS)
        assert host.receives == 0

    run(main())


# The host cancels.


@pytest.mark.parametrize("last", [b"", b"cut"])
def test_a_host_that_cancels_gets_a_whole_body_and_its_cancellation_back(last: bytes) -> None:
    async def main() -> None:
        source, host = Ticking(), TimedHost()
        task = await cancelled(response(source, interrupted=last), host, after=2.5)
        assert task.cancelled()
        assert source.trace == ["CancelledError", "clean"]
        assert host.body == b"tickticktick" + last
        assert host.is_complete
        assert host.pending == 0

    run(main())


def test_an_interruption_that_cannot_be_told_does_not_look_like_an_end() -> None:
    async def source() -> Chunks:
        try:
            await forever()
        except asyncio.CancelledError:
            yield b"the last words"
            raise

    async def main() -> None:
        host = TimedHost()
        task = await cancelled(response(source()), host, after=1)
        assert task.cancelled()
        assert host.body == b".the last words"
        assert not host.is_complete

    run(main())


def test_a_client_who_leaves_is_told_of_no_interruption() -> None:
    async def main() -> None:
        host = TimedHost(leaves_after=2.5)
        await host.serve(response(Ticking(), interrupted=b"cut"))
        assert host.body == b"tickticktick"
        assert not host.is_complete

    run(main())


def test_a_host_that_cancels_before_the_first_step_gets_its_cancellation_back() -> None:
    async def main() -> None:
        source = Ticking()
        host = StuckHttpHost(lambda message: message["type"] == "http.response.start")
        task = await cancelled(response(source), host, after=1)
        assert task.cancelled()
        assert source.trace == []

    run(main())


def test_a_host_that_cancels_and_takes_no_last_body_is_not_kept_waiting() -> None:
    async def main() -> None:
        source, host = Ticking(0), StuckHttpHost(is_last)
        task = await cancelled(response(source, interrupted=b""), host, after=1.5)
        assert task.cancelled()
        assert asyncio.get_running_loop().time() == 1.5 + FINISH_SECONDS
        assert source.trace == ["CancelledError", "clean"]

    run(main())


def test_nothing_follows_a_send_that_was_cancelled() -> None:
    # Whether the client has that piece, nobody knows: an end after it would hide that.
    async def main() -> None:
        source = Ticking()
        host = StuckHttpHost(lambda message: has_data(message) and len(host.bodies) == 1)
        task = await cancelled(response(source, interrupted=b"cut"), host, after=1.5)
        assert task.cancelled()
        assert source.trace == ["CancelledError", "clean"]
        assert host.body == b"tick"
        assert not host.is_complete

    run(main())


def test_a_host_that_cancels_twice_cuts_the_clean_up_short() -> None:
    async def main() -> None:
        source, host = Ticking(clean_up_seconds=100), TimedHost()
        task = asyncio.create_task(host.serve(response(source, interrupted=b"")))
        for _ in range(2):
            await asyncio.sleep(1.5)
            task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert asyncio.get_running_loop().time() == 3
        assert host.is_complete

    run(main())


async def endless() -> Chunks:
    while True:
        yield b"a" * 1000


def test_a_host_that_cancels_a_source_that_never_waits_is_obeyed() -> None:
    async def main() -> None:
        host = TimedHost()
        task = asyncio.create_task(host.serve(response(endless(), interrupted=b"")))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert host.is_complete

    run(main())


def test_a_source_that_swallows_the_hosts_cancellation_goes_on() -> None:
    async def source() -> Chunks:
        try:
            await forever()
        except asyncio.CancelledError:
            await asyncio.sleep(1)
            yield b"not yet"

    async def main() -> None:
        host = TimedHost()
        task = await cancelled(response(source()), host, after=1)
        assert not task.cancelled()
        assert host.body == b".not yet"
        assert host.is_complete

    run(main())


# A slow client, and a source with a timeout.


async def in_time() -> Chunks:
    yield b"a" * 100
    async with asyncio.timeout(5):
        await asyncio.sleep(10)
    yield b"never"


def test_a_timeout_of_the_source_during_a_send_cuts_off_the_slow_client() -> None:
    async def main() -> None:
        host = StuckHttpHost(has_data)
        with pytest.raises(SlowClient, match="did not read"):
            await host.serve(response(in_time()))
        assert asyncio.get_running_loop().time() == 5
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        assert not host.is_complete

    run(main())


def test_a_source_that_settles_its_timeout_is_cut_off_as_well() -> None:
    async def source() -> Chunks:
        try:
            async for chunk in in_time():
                yield chunk
        except TimeoutError:
            yield b"sorry"

    async def main() -> None:
        with pytest.raises(SlowClient):
            await StuckHttpHost(has_data).serve(response(source()))

    run(main())


def test_a_client_that_reads_in_time_hears_of_the_timeout() -> None:
    async def main() -> None:
        host = TimedHost()
        await host.serve(response(in_time(), failed=lambda error: repr(error).encode()))
        assert host.body.endswith(b"aa.TimeoutError()")

    run(main())


def test_a_slow_client_holds_the_source_back() -> None:
    async def main() -> None:
        taken = 0

        async def source() -> Chunks:
            nonlocal taken
            while True:
                taken += 1
                yield b"a" * 1000

        behaviour = Behaviour(window=200_000, lifespan=False)
        async with (
            Server(response(source()), behaviour=behaviour) as server,
            server.stream("GET", "/") as stream,
        ):
            await asyncio.sleep(60)
            assert 200 < taken < 300
            await stream.read()
            await settle()
            assert 266 < taken < 366

    run(main())
