"""The log in Redis and Valkey, and a server that is killed, frozen, full, or not itself."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import count, pairwise

import pytest
from redis.asyncio.connection import Connection as TCPConnection

from asgi_agent.errors import Unavailable
from asgi_agent.logs import EventLog
from asgi_agent.logs.redis import RedisLog
from asgi_agent.logs.redis_link import Connection
from tests.logs import valkey
from tests.logs.valkey import KINDS, Server
from tests.serving import free_port

SOON = 0.3  # seconds that these logs wait for an answer
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
opened = partial(valkey.opened, timeout=SOON)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of our own, for what would disturb others."""
    with Server() as started:
        yield started


async def say(log: EventLog, run: str, entries: list[bytes], end: str | None = None) -> None:
    """What every owner does: repeat what may have been lost, until it is acknowledged."""
    for last, entry in enumerate(entries):
        is_last = last + 1 == len(entries)
        async with asyncio.timeout(20):
            while True:
                try:
                    got = await log.append(run, [entry], at=last, end=end if is_last else None)
                except Unavailable:
                    await asyncio.sleep(0.01)
                else:
                    break
        assert got == last + 1


async def follow(log: EventLog, run: str, backstop: float = 30) -> list[bytes]:
    """What every follower does. Without the backstop, it lives by wakes alone."""
    changed = asyncio.Event()
    await log.watch(run, changed.set)
    seen: list[bytes] = []
    while True:
        changed.clear()
        try:
            page = await log.read(run, len(seen))
        except Unavailable:
            await asyncio.sleep(0.01)
            changed.set()
            continue
        assert page.start == len(seen) + 1
        seen += page.entries
        if page.is_end:
            return seen
        if not page.entries:
            async with asyncio.timeout(backstop):
                await changed.wait()


async def reach(log: EventLog, run: str, last: int) -> None:
    async with asyncio.timeout(20):
        while True:
            with suppress(Unavailable):
                if (await log.read(run, 0)).last >= last:
                    return
            await asyncio.sleep(0.001)


def test_a_server_killed_amid_appends_loses_nothing_and_all_goes_on() -> None:
    said = [b"%d" % number for number in range(150)]
    runs = [f"run{number}" for number in range(10)]

    async def test(server: Server) -> None:
        async with opened(server, timeout=1.0) as log:
            await asyncio.gather(*map(log.create, runs))
            followers = [asyncio.create_task(follow(log, run)) for run in runs]
            await asyncio.sleep(0.02)
            owners = [asyncio.create_task(say(log, run, said, "done")) for run in runs]
            for last in (20, 70, 120):
                await reach(log, runs[0], last)
                server.kill()
                server.start()
            await asyncio.gather(*owners)
            assert await asyncio.gather(*followers) == [said] * len(runs)

    # With `everysec` it may lose up to two seconds, if the disk is slow.
    with Server("valkey", "--appendfsync", "always") as server:
        asyncio.run(test(server))


def test_connections_cut_at_any_moment_lose_and_double_nothing(server: Server) -> None:
    said = [b"%d" % number for number in range(150)]
    runs = [f"run{number}" for number in range(5)]
    is_over = False

    async def test() -> None:
        async with opened(server, timeout=1.0) as log:
            await asyncio.gather(*map(log.create, runs))
            followers = [asyncio.create_task(follow(log, run)) for run in runs]
            await asyncio.sleep(0.02)
            cutting = asyncio.create_task(asyncio.to_thread(cut))
            await asyncio.gather(*(say(log, run, said, "done") for run in runs))
            seen = await asyncio.gather(*followers)
            nonlocal is_over
            is_over = True
            killed = await cutting
            assert seen == [said] * len(runs)
            assert min(killed.values()) > 0

    def cut() -> dict[str, int]:
        """How many connections of each kind were cut."""
        killed = {"pubsub": 0, "normal": 0}
        for number in count():
            if is_over:
                break
            time.sleep(0.02)
            kind = "pubsub" if number % 3 == 0 else "normal"
            killed[kind] += server.admin.client_kill_filter(_type=kind, skipme=True)
            if number % 5 == 0:
                server.admin.script_flush()
        return killed

    asyncio.run(test())


def test_a_server_that_has_forgotten_its_scripts_is_told_again(server: Server) -> None:
    async def test() -> None:
        async with opened(server) as log:
            await log.create("run")
            for last in range(1, 4):
                server.admin.script_flush()
                assert await log.append("run", [b"a"]) == last
            assert (await log.read("run", 0)).entries == [b"a"] * 3

    asyncio.run(test())


def test_a_frozen_server_is_unavailable_in_time_and_nothing_is_doubled(server: Server) -> None:
    async def test() -> None:
        async with opened(server) as log:
            await log.create("run")
            await log.append("run", [b"a"], at=0)
            server.freeze()
            try:
                for _ in range(3):  # the connection there was, and then none can be made
                    begin = time.monotonic()
                    with pytest.raises(Unavailable):
                        await log.append("run", [b"b"], at=1)
                    assert time.monotonic() - begin < SOON * 2 + 0.5
            finally:
                server.thaw()
            # What was sent to the first connection is done now: it is the answer that was lost.
            await reach(log, "run", 2)
            assert await log.append("run", [b"b"], at=1) == 2
            assert (await log.read("run", 0)).entries == [b"a", b"b"]

    asyncio.run(test())


def test_many_calls_to_a_frozen_server_are_unavailable_together(server: Server) -> None:
    async def test() -> None:
        async with opened(server) as log:
            await log.create("run")
            server.freeze()
            try:
                begin = time.monotonic()
                calls = (log.append("run", [b"x" * 100_000]) for _ in range(100))
                answers = await asyncio.gather(*calls, return_exceptions=True)
                assert {type(answer) for answer in answers} == {Unavailable}
                assert time.monotonic() - begin < SOON + 0.5
            finally:
                server.thaw()

    asyncio.run(test())


def test_where_there_is_no_server_a_call_is_unavailable_until_there_is_one() -> None:
    async def test() -> None:
        with Server() as server:
            server.kill()
            async with opened(server) as log:
                for _ in range(3):
                    with pytest.raises(Unavailable, match="Connect call failed"):
                        await log.create("run")
                with pytest.raises(Unavailable):
                    await log.watch("run", int)
                server.start()
                await say_hello(log)

    asyncio.run(test())


def test_who_cannot_connect_tries_less_and_less_often() -> None:
    attempts: list[float] = []

    def connect() -> Connection:
        attempts.append(time.monotonic())
        return TCPConnection(port=port, protocol=2, socket_timeout=None)

    async def test() -> None:
        log = RedisLog(connect, timeout=SOON)
        while len(attempts) < 6:
            with pytest.raises(Unavailable):
                await log.create("run")
        await log.close()

    port = free_port()
    asyncio.run(test())
    pauses = [after - before for before, after in pairwise(attempts)]
    shortest = [0.025, 0.05, 0.1, 0.2, 0.4]  # half of what it may be: not all come back at once
    assert all(pause >= least for pause, least in zip(pauses, shortest, strict=True))


async def say_hello(log: RedisLog, run: str = "run") -> None:
    async with asyncio.timeout(5):
        while True:
            try:
                await log.create(run)
                await log.append(run, [b"hello"], at=0)
            except Unavailable:
                await asyncio.sleep(0.01)
            else:
                return


def test_an_idle_connection_that_is_cut_costs_no_call(server: Server) -> None:
    async def test() -> None:
        async with opened(server) as log:
            await log.create("run")
            for last in range(1, 4):
                assert server.admin.client_kill_filter(_type="normal", skipme=True) == 1
                await asyncio.sleep(0.01)
                assert await log.append("run", [b"a"]) == last

    asyncio.run(test())


@EACH_KIND
def test_a_full_server_is_unavailable_and_keeps_what_it_acknowledged(kind: str) -> None:
    with Server(kind) as server:
        asyncio.run(fill(server))


async def fill(server: Server) -> None:
    async with opened(server) as log:
        await log.create("run")
        epoch = await log.claim("run", 60)
        await log.append("run", [b"a"], at=0)
        server.admin.config_set("maxmemory", 1)
        for attempt in (
            log.append("run", [b"b", b"c"], at=1),
            log.append("run", [], epoch=epoch, ttl=60),
            log.append("run", [], end="done"),
            log.create("other"),
        ):
            with pytest.raises(Unavailable, match="maxmemory"):
                await attempt
        page = await log.read("run", 0)
        assert (page.entries, page.last, page.end) == ([b"a"], 1, None)
        server.admin.config_set("maxmemory", 0)
        assert await log.append("run", [b"b", b"c"], at=1, end="done") == 3
        assert await log.create("other")
        assert len(server.connections()) == 1  # to ask again needs no other connection


@EACH_KIND
def test_a_server_that_is_the_primary_no_longer_is_left(kind: str) -> None:
    with Server(kind) as server:
        asyncio.run(demote(server))


async def demote(server: Server) -> None:
    async with opened(server) as log:
        await log.create("run")
        (before,) = server.connections()
        server.admin.execute_command("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(Unavailable, match="read only replica"):
            await log.append("run", [b"a"], at=0)
        server.admin.execute_command("REPLICAOF", "NO", "ONE")
        await say_hello(log)
        (after,) = server.connections()  # a name, or a proxy, may lead to another one by now
        assert after["id"] != before["id"]


def test_a_server_that_is_busy_with_something_else_is_unavailable(server: Server) -> None:
    async def test() -> None:
        async with opened(server, timeout=2.0) as log:
            await log.create("run")
            server.admin.config_set("busy-reply-threshold", 1)
            loop = "while true do end"
            busy = asyncio.create_task(asyncio.to_thread(_eval_for_ever, server, loop))
            with pytest.raises(Unavailable, match="busy"):
                await until_refused(log)
            server.admin.script_kill()
            await busy
            await say_hello(log)

    asyncio.run(test())


async def until_refused(log: RedisLog) -> None:
    async with asyncio.timeout(5):
        while True:
            await log.append("run", [])
            await asyncio.sleep(0.01)


def _eval_for_ever(server: Server, script: str) -> None:
    with pytest.raises(Exception, match="killed"):
        server.admin.eval(script, 0)


def test_a_wrong_password_is_unavailable_and_says_so(server: Server) -> None:
    async def test() -> None:
        server.admin.config_set("requirepass", "right")
        try:
            for url in (server.url, server.url.replace("//", "//:wrong@")):
                log = RedisLog.from_url(url, timeout=SOON)
                with pytest.raises(Unavailable, match=r"Authentication|password"):
                    await log.create("run")
                await log.close()
            log = RedisLog.from_url(server.url.replace("//", "//:right@"), timeout=SOON)
            await log.create("run")
            assert await log.append("run", [b"a"]) == 1
            await log.close()
        finally:
            server.admin.config_set("requirepass", "")

    asyncio.run(test())


def test_a_caller_may_be_cancelled_while_the_server_is_frozen(server: Server) -> None:
    async def test() -> None:
        async with opened(server) as log:
            await log.create("run")
            server.freeze()
            try:
                calls = [asyncio.create_task(log.append("run", [b"a"])) for _ in range(2)]
                await asyncio.sleep(0.01)
                calls[0].cancel()
                await asyncio.gather(*calls, return_exceptions=True)
            finally:
                server.thaw()
            assert calls[0].cancelled()
            assert isinstance(calls[1].exception(), Unavailable)

    asyncio.run(test())
