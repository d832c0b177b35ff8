"""A stream is written when its source waits; how it ends is in test_streaming_ends.py."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterable
from time import perf_counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.asgi import StreamingResponse, streaming
from asgi_agent.asgi.streaming import WRITE_BYTES
from asgi_agent.errors import UsageError
from asgi_agent.testing import Behaviour, Server, run
from tests.asgi.http_hosts import TimedHost

Chunks = AsyncGenerator[bytes, None]


def response(items: AsyncIterable[bytes], **options: Any) -> StreamingResponse[bytes]:
    return StreamingResponse(items, bytes, **{"idle": b".", "idle_seconds": 4, **options})


def served(items: AsyncIterable[bytes], **options: Any) -> TimedHost:
    host = TimedHost()
    run(host.serve(response(items, **options)))
    return host


@pytest.fixture
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may stop us for longer than a stream may gather what is ready."""
    monkeypatch.setattr(streaming, "WRITE_SECONDS", 60)


unhurried = pytest.mark.usefixtures("_unhurried")


# What is written, and when.


@unhurried
def test_all_that_is_ready_leaves_in_one_send_and_the_end_with_it() -> None:
    async def source() -> Chunks:
        for letter in b"abc":
            yield bytes([letter])

    host = served(source(), status=201, headers=[(b"a", b"1")])
    assert host.sent == [
        {"type": "http.response.start", "status": 201, "headers": [(b"a", b"1")]},
        {"type": "http.response.body", "body": b"abc", "more_body": False},
    ]
    assert host.receives == 0, "a short answer needs no receiver"


@unhurried
def test_what_is_ready_leaves_when_the_source_has_to_wait() -> None:
    async def source() -> Chunks:
        yield b"a"
        yield b"b"
        await asyncio.sleep(1)
        yield b"c"
        await asyncio.sleep(0)
        yield b"d"

    assert served(source()).bodies == [(0, b"ab"), (1, b"c"), (1, b"d")]


def test_a_source_that_waits_first_is_announced_at_once() -> None:
    async def source() -> Chunks:
        await asyncio.sleep(1)
        await asyncio.sleep(1)
        yield b"a"

    assert served(source()).bodies == [(0, b"."), (2, b"a")]


def test_silence_is_broken_and_the_next_one_begins_with_what_was_written() -> None:
    async def source() -> Chunks:
        yield b"a"
        await asyncio.sleep(3)
        yield b"b"
        await asyncio.sleep(9)
        yield b"c"
        await asyncio.sleep(4.5)

    assert served(source()).bodies == [
        *[(0, b"a"), (3, b"b"), (7, b"."), (11, b".")],
        *[(12, b"c"), (16, b"."), (16.5, b"")],
    ]


def test_a_source_that_is_busy_in_silence_is_silent() -> None:
    async def source() -> Chunks:
        yield b"a"
        for _ in range(10):
            await asyncio.sleep(1)

    assert served(source()).bodies == [(0, b"a"), (4, b"."), (8, b"."), (10, b"")]


def test_nothing_to_say_in_silence_is_nothing_to_send() -> None:
    async def source() -> Chunks:
        await asyncio.sleep(10)
        yield b"a"

    assert served(source(), idle=b"").bodies == [(10, b"a")]


def test_a_silence_lasts() -> None:
    with pytest.raises(UsageError, match="longer than 0 seconds"):
        response(endless(), idle_seconds=0)


@unhurried
def test_one_long_item_leaves_in_one_send() -> None:
    long = b"a" * (3 * WRITE_BYTES)

    async def source() -> Chunks:
        yield long
        yield b"b"

    assert [body for _, body in served(source()).bodies] == [long, b"b"]


@given(
    program=st.lists(st.sampled_from(["item", "turn", "second", "silence"]), max_size=12),
    window=st.sampled_from([0, 1, 8, None]),
)
@example(program=["second", "item", "item", "silence", "item"], window=0)
@example(program=[], window=None)
def test_every_body_is_made_of_whole_items_in_their_order(
    program: list[str], window: int | None
) -> None:
    async def source() -> Chunks:
        for number, what in enumerate(program):
            match what:
                case "item":
                    yield b"<%d>" % number
                case "turn":
                    await asyncio.sleep(0)
                case "second":
                    await asyncio.sleep(1)
                case _:
                    await asyncio.sleep(5)

    async def main() -> list[bytes]:
        bodies: list[bytes] = []
        behaviour = Behaviour(window=window, lifespan=False)
        async with (
            Server(response(source()), behaviour=behaviour) as server,
            server.stream("GET", "/") as stream,
        ):
            while body := await stream.read():
                bodies.append(body)
                await asyncio.sleep(1)
            assert stream.complete
        return bodies

    bodies = run(main())
    assert all(body[:1] in b"<." and body[-1:] in b">." for body in bodies)
    items = [b"<%d>" % number for number, what in enumerate(program) if what == "item"]
    assert b"".join(bodies).replace(b".", b"") == b"".join(items)
    assert sum(body.strip(b".") != b"" for body in bodies) <= len(items)


# A source that never waits.


async def endless(item: bytes = b"a" * 1000) -> Chunks:
    while True:
        yield item


@pytest.mark.parametrize("item", [b"a" * 1000, b"a", b""], ids=["long", "short", "empty"])
def test_a_source_that_never_waits_lets_others_run_and_stops_when_the_client_leaves(
    item: bytes,
) -> None:
    async def main() -> None:
        turns = 0

        async def count_turns() -> None:
            nonlocal turns
            for _ in range(5):
                turns += 1
                await asyncio.sleep(0)

        behaviour = Behaviour(send_blocks=False, window=None, lifespan=False)
        async with (
            Server(response(endless(item)), behaviour=behaviour) as server,
            server.stream("GET", "/"),
        ):
            await count_turns()
        assert turns == 5

    run(main())


@unhurried
def test_a_source_that_never_waits_is_written_piece_by_piece() -> None:
    async def source() -> Chunks:
        for _ in range(200):
            yield b"a" * 1000

    sizes = [len(body) for _, body in served(source()).bodies]
    assert sizes == [66_000, 66_000, 66_000, 2000]


def test_a_source_that_never_waits_but_takes_its_time_is_not_held_back() -> None:
    async def source() -> Chunks:
        for letter in b"abc":
            began = perf_counter()
            while perf_counter() - began < 0.011:
                pass
            yield bytes([letter])

    bodies = [body for _, body in served(source()).bodies]
    assert b"".join(bodies) == b"abc"
    assert len(bodies) > 1


@unhurried
def test_silence_begins_after_the_last_piece() -> None:
    async def source() -> Chunks:
        await asyncio.sleep(3)
        yield b"a" * WRITE_BYTES
        await asyncio.sleep(5)

    assert [at for at, _ in served(source()).bodies] == [0, 3, 7, 8]


# HEAD.


def test_head_has_the_same_headers_and_starts_nothing() -> None:
    async def source() -> Chunks:
        raise AssertionError("it was started")
        yield b""

    host = TimedHost()
    run(host.serve(response(source(), headers=[(b"a", b"1")]), "HEAD"))
    assert host.sent == [
        {"type": "http.response.start", "status": 200, "headers": [(b"a", b"1")]},
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]


# A source that fails.


async def failing(*, waits: bool) -> Chunks:
    yield b"a"
    if waits:
        await asyncio.sleep(1)
    yield b"b"
    raise LookupError("secret")


def told(error: Exception) -> bytes:
    return f"<{type(error).__name__}>".encode()


@pytest.mark.parametrize("waits", [True, False])
def test_an_error_of_the_source_is_logged_and_told_at_the_end_of_the_body(
    waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    host = served(failing(waits=waits), failed=told)
    assert host.body == b"ab<LookupError>"
    assert host.is_complete
    [record] = caplog.records
    assert (record.name, record.levelno) == ("asgi_agent", logging.ERROR)
    assert "secret" in str(record.exc_info)


@pytest.mark.parametrize("waits", [True, False])
def test_an_error_that_cannot_be_told_is_raised_after_what_was_said_before_it(waits: bool) -> None:
    host = TimedHost()
    with pytest.raises(LookupError, match="secret"):
        run(host.serve(response(failing(waits=waits))))
    assert host.body == b"ab"
    assert not host.is_complete


def test_an_item_that_cannot_be_encoded_is_an_error_of_the_source() -> None:
    closed: list[bool] = []

    async def source() -> Chunks:
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    def encode(item: bytes) -> bytes:
        if item == b"b":
            raise ValueError("no")
        return item

    host = TimedHost()
    run(host.serve(StreamingResponse(source(), encode, failed=told)))
    assert (host.body, host.is_complete, closed) == (b"a<ValueError>", True, [True])


def test_a_source_that_is_cancelled_by_nobody_we_know_has_failed() -> None:
    async def source() -> Chunks:
        task = asyncio.ensure_future(asyncio.sleep(10))
        asyncio.get_running_loop().call_later(1, task.cancel)
        await task
        yield b"never"

    host = served(source(), failed=told)
    assert (host.body, host.is_complete) == (b".<RuntimeError>", True)


def test_a_source_that_would_end_the_whole_server_has_failed() -> None:
    async def source() -> Chunks:
        yield b"a"
        sys.exit("this tool knows no better")

    host = served(source(), failed=told)
    assert (host.body, host.is_complete) == (b"a<RuntimeError>", True)


def test_a_keyboard_interrupt_is_the_users() -> None:
    async def source() -> Chunks:
        yield b"a"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        served(source(), failed=told)


def test_a_timeout_inside_the_source_is_its_error() -> None:
    async def source() -> Chunks:
        async with asyncio.timeout(5):
            yield b"a"
            await asyncio.sleep(10)

    host = served(source(), failed=told)
    assert host.bodies == [(0, b"a"), (4, b"."), (5, b"<TimeoutError>")]


def test_a_timeout_inside_a_source_that_never_waits_is_its_error() -> None:
    async def source() -> Chunks:
        async with asyncio.timeout(0):
            async for item in endless():
                yield item

    host = served(source(), failed=told)
    assert host.body.endswith(b"a<TimeoutError>")


def test_an_error_in_the_clean_up_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def source() -> Chunks:
        try:
            while True:
                yield b"a"
                await asyncio.sleep(1)
        finally:
            raise LookupError

    run(TimedHost(leaves_after=5).serve(response(source())))
    assert [record.message for record in caplog.records] == [
        "The source of a stream failed while it was closed"
    ]
