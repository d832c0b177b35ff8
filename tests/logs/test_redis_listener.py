"""Who listens to Redis or Valkey: nobody sleeps on, whatever becomes of the connection."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial

import pytest

from asgi_agent.errors import Unavailable
from asgi_agent.logs.redis import RedisLog
from asgi_agent.logs.redis_link import Connection
from asgi_agent.logs.redis_listener import Listener
from tests.logs import valkey
from tests.logs.valkey import Server, until

SOON = 0.3  # seconds that these logs wait for an answer
opened = partial(valkey.opened, timeout=SOON)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of our own: it is frozen, and all its connections are cut."""
    with Server() as started:
        yield started


class Counter:
    def __init__(self) -> None:
        self.count = 0
        self.event = asyncio.Event()

    def wake(self) -> None:
        self.count += 1
        self.event.set()

    async def woken(self) -> None:
        async with asyncio.timeout(5):
            await self.event.wait()
        self.event.clear()


def test_a_listener_that_was_cut_off_listens_again_and_wakes_everybody(server: Server) -> None:
    async def test() -> None:
        async with opened(server) as log:
            counters = [Counter() for _ in range(20)]
            for number, counter in enumerate(counters):
                await log.create(f"run{number}")
                await log.watch(f"run{number}", counter.wake)
            for last in range(1, 4):
                server.admin.client_kill_filter(_type="pubsub")
                for counter in counters:
                    await counter.woken()  # it may have missed something
                for number, counter in enumerate(counters):
                    await log.append(f"run{number}", [b"a"])
                    await counter.woken()
                assert {counter.count for counter in counters} == {2 * last}

    asyncio.run(test())


def test_a_new_channel_can_be_watched_while_the_listener_comes_back(server: Server) -> None:
    async def test() -> None:
        async with opened(server, timeout=2.0) as log:
            counters = [Counter() for _ in range(10)]
            for number, counter in enumerate(counters):
                await log.create(f"run{number}")
                await log.watch(f"run{number}", counter.wake)
                assert server.admin.client_kill_filter(_type="pubsub") == 1
            for counter in counters:
                await counter.woken()  # it may have missed something
            for number, counter in enumerate(counters):
                await log.append(f"run{number}", [b"a"])
                await counter.woken()

    asyncio.run(test())


def test_who_comes_and_goes_in_one_turn_of_the_loop_hears_what_he_should(server: Server) -> None:
    async def test() -> None:
        async with opened(server) as log:
            run = "run"
            await log.create(run)
            first = await log.watch(run, int)
            counters = [Counter() for _ in range(10)]
            for counter in counters:  # each of them is the only one
                coming = asyncio.create_task(log.watch(run, counter.wake))
                await first()
                first = await coming
                await log.append(run, [b"a"])
                await counter.woken()
            assert [counter.count for counter in counters] == [1] * 10
            await first()
            await log.append(run, [b"a"])
            await log.append(run, [b"a"])
            assert server.admin.pubsub_channels() == []

    asyncio.run(test())


def test_who_cannot_be_told_of_changes_is_not_left_waiting(server: Server) -> None:
    async def test() -> None:
        listener = Listener(lambda: connection(server), SOON)
        server.freeze()
        try:
            begin = time.monotonic()
            with pytest.raises(Unavailable):
                await listener.watch(b"channel", int)
            assert time.monotonic() - begin < SOON + 0.5
            cancelled = asyncio.create_task(listener.watch(b"channel", int))
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.gather(cancelled, return_exceptions=True)
            assert cancelled.cancelled()
        finally:
            server.thaw()
        counter = Counter()
        await listener.watch(b"channel", counter.wake)
        server.admin.publish("channel", "")
        await counter.woken()
        assert counter.count == 1
        await listener.close()

    asyncio.run(test())


def test_who_is_not_heard_of_yet_is_not_confused_with_who_comes_later(server: Server) -> None:
    async def test() -> None:
        listener = Listener(lambda: connection(server), SOON, silence=0.02)
        counters = {name: Counter() for name in (b"first", b"second", b"third")}
        await listener.watch(b"first", counters[b"first"].wake)
        server.freeze()
        try:
            with pytest.raises(Unavailable):
                await listener.watch(b"second", int)
            async with asyncio.timeout(5):
                while listener._channels[b"first"].is_heard.is_set():
                    await asyncio.sleep(0.01)
            with pytest.raises(Unavailable):  # nobody hears of the first any more, either
                await listener.watch(b"first", int)
        finally:
            server.thaw()
        for name in (b"second", b"third"):
            await listener.watch(name, counters[name].wake)
        for name, counter in counters.items():
            server.admin.publish(name.decode(), "")
            await counter.woken()
        await listener.close()

    asyncio.run(test())


def connection(server: Server) -> Connection:
    log = RedisLog.from_url(server.url)
    return log._connect()


def test_a_listener_that_hears_nothing_asks_and_stays_if_it_is_answered(server: Server) -> None:
    async def test() -> None:
        listener = Listener(lambda: connection(server), SOON, silence=0.02)
        counter = Counter()
        await listener.watch(b"channel", counter.wake)
        (before,) = server.connections("pubsub")
        while "ping" not in server.connections("pubsub")[0]["cmd"]:
            await asyncio.sleep(0.01)
        await asyncio.sleep(SOON * 1.5)
        (after,) = server.connections("pubsub")
        assert (after["id"], counter.count) == (before["id"], 0)
        await listener.close()

    asyncio.run(test())


def test_a_listener_whose_server_is_silent_makes_another_connection(server: Server) -> None:
    async def test() -> None:
        listener = Listener(lambda: connection(server), SOON, silence=0.02)
        counter = Counter()
        await listener.watch(b"channel", counter.wake)
        (before,) = server.connections("pubsub")
        server.freeze()
        try:
            await asyncio.sleep(SOON * 1.5)
        finally:
            server.thaw()
        await counter.woken()
        until(lambda: len(server.connections("pubsub")) == 1)
        assert server.connections("pubsub")[0]["id"] != before["id"]
        await listener.close()

    asyncio.run(test())


def test_who_comes_in_the_moment_when_a_silence_ends_is_heard_and_the_next_one_too(
    server: Server,
) -> None:
    async def test() -> None:
        listener = Listener(lambda: connection(server), SOON, silence=0.02)
        counters = {name: Counter() for name in (b"first", b"second", b"third")}
        await listener.watch(b"first", counters[b"first"].wake)
        time.sleep(0.03)
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # now the sender knows that, and has not acted on it
        await listener.watch(b"second", counters[b"second"].wake)
        await listener.watch(b"third", counters[b"third"].wake)
        for name, counter in counters.items():
            server.admin.publish(name.decode(), "")
            await counter.woken()
        await listener.close()

    asyncio.run(test())
