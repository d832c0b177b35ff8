"""The log in Redis and Valkey: what is its own, beside the contract of all logs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis._parsers import _AsyncRESP2Parser
from redis.asyncio.connection import Connection
from redis.crc import key_slot

from asgi_agent.errors import Diverged, Missing, Unavailable, UsageError
from asgi_agent.logs import DELETED, MemoryLog
from asgi_agent.logs.memory import OVERHEAD
from asgi_agent.logs.redis import RedisLog
from tests.logs.valkey import KINDS, Server, opened, own_prefix, shared

EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def keys(server: Server, log: RedisLog) -> list[bytes]:
    return server.admin.keys(f"{log._prefix}*")


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await is_so():
            await asyncio.sleep(0.005)


# Several workers


def test_workers_wake_each_other() -> None:
    async def test() -> None:
        async with opened(shared()) as one, opened(shared(), prefix=one._prefix) as two:
            await one.create("run")
            woken = {log: asyncio.Event() for log in (one, two)}
            for log, event in woken.items():
                await log.watch("run", event.set)
            for last, writer in enumerate([one, two, one], 1):
                assert await writer.append("run", [b"a"]) == last
                async with asyncio.timeout(5):
                    for event in woken.values():
                        await event.wait()
                        event.clear()

    asyncio.run(test())


def test_a_log_has_two_connections_whatever_it_is_asked() -> None:
    async def test(server: Server) -> None:
        async with opened(server) as log:
            runs = [f"run{number}" for number in range(50)]
            assert all(await asyncio.gather(*map(log.create, runs)))
            await asyncio.gather(*(log.watch(run, int) for run in runs * 4))
            await asyncio.gather(*(log.append(run, [b"a"]) for run in runs * 4))
            await asyncio.gather(*(log.read(run, 0) for run in runs * 4))
            assert len(server.connections("normal")) == 1
            assert len(server.connections("pubsub")) == 1
        await until(hung_up)

    async def hung_up() -> bool:
        return not server.connections("normal") + server.connections("pubsub")

    with Server() as server:
        asyncio.run(test(server))


def test_who_only_reads_and_writes_has_one_connection() -> None:
    async def test(server: Server) -> None:
        async with opened(server) as log:
            assert server.connections("normal") == []  # it opens when it is used
            await log.create("run")
            assert len(server.connections("normal")) == 1
            assert server.connections("pubsub") == []

    with Server() as server:
        asyncio.run(test(server))


def test_what_is_asked_in_one_turn_of_the_loop_leaves_in_one_packet() -> None:
    """The server counts how often it finds something to read."""

    async def test(server: Server) -> None:
        async with opened(server) as log:
            await log.create("run")
            await log.append("run", [b"a"])  # now the server knows the script
            before = server.admin.info("stats")["total_reads_processed"]
            await asyncio.gather(*(log.append("run", [b"a"]) for _ in range(50)))
            assert server.admin.info("stats")["total_reads_processed"] - before <= 4

    with Server() as server:
        asyncio.run(test(server))


def test_followers_that_are_woken_together_cost_the_server_one_read() -> None:
    async def test(server: Server) -> None:
        async with opened(server) as log:
            await log.create("run")
            await log.append("run", [b"a"])
            await log.read("run", 0)  # now the server knows the script

            def runs() -> int:
                return server.admin.info("commandstats")["cmdstat_evalsha"]["calls"]

            before = runs()
            pages = await asyncio.gather(*(log.read("run", 0) for _ in range(50)))
            assert [page.entries for page in pages] == [[b"a"]] * 50
            assert runs() - before == 1
            await asyncio.gather(*(log.read("run", after) for after in range(3)))
            assert runs() - before == 4

    with Server() as server:
        asyncio.run(test(server))


# Keys


@EACH_KIND
def test_a_run_may_have_any_name_and_its_keys_are_on_one_slot(kind: str) -> None:
    names = ["", "%", "%25", "{", "}", "{}", "a{b}c", "}{", "\ud800", "\0\n", "run:entries", "é"]
    names += ["run", "run:", "run}", "run}:entries", "RUN", "x" * 1000]

    async def test(server: Server) -> None:
        async with opened(server) as log:
            for name in names:
                assert await log.create(name, repr(name).encode())
                assert await log.append(name, [repr(name).encode()]) == 1
            for name in names:
                page = await log.read(name, 0)
                assert [page.meta] == page.entries == [repr(name).encode()]
            slots = [key_slot(key.removesuffix(b":entries")) for key in keys(server, log)]
            assert len(slots) == 2 * len(names)
            assert slots == [key_slot(key) for key in keys(server, log)]
            for name in names:
                await log.append(name, [], end=DELETED)
            assert keys(server, log) == []

    asyncio.run(test(shared(kind)))


def test_the_end_of_a_run_may_be_any_text() -> None:
    async def test() -> None:
        async with opened(shared()) as log:
            for end in ("", "=", "done", "\ud800", "é"):
                await log.create(f"run {end}")
                await log.append(f"run {end}", [b"a"], end=end)
                assert (await log.read(f"run {end}", 0)).end == end

    asyncio.run(test())


def test_a_prefix_has_no_braces() -> None:
    with pytest.raises(UsageError, match="braces"):
        RedisLog.from_url("redis://localhost", prefix="{x}:")


# What is kept


@EACH_KIND
def test_a_run_is_freed_some_time_after_its_last_append(kind: str) -> None:
    async def test(server: Server) -> None:
        async with opened(server, retain=0.3) as log:
            for run in ("run", "silent"):
                await log.create(run)
            await log.append("run", [b"a"])
            for _ in range(5):
                await asyncio.sleep(0.1)
                await log.append("run", [])  # as the owner does that has nothing to say
            assert (await log.read("run", 0)).entries == [b"a"]
            with pytest.raises(Missing):
                await log.read("silent", 0)

            async def is_freed() -> bool:
                return not keys(server, log)

            await until(is_freed)
            with pytest.raises(Missing):
                await log.append("run", [b"b"], at=1)
            assert await log.create("run")
            assert (await log.read("run", 0)).last == 0

    asyncio.run(test(shared(kind)))


def test_a_run_may_be_kept_for_ever() -> None:
    async def test(server: Server) -> None:
        async with opened(server, retain=float("inf")) as log:
            await log.create("run")
            await log.append("run", [b"a"])
            assert [server.admin.pttl(key) for key in keys(server, log)] == [-1, -1]

    asyncio.run(test(shared()))


@EACH_KIND
@given(
    st.lists(st.lists(st.integers(0, 40), max_size=6), max_size=15),
    st.integers(1, 600),
)
@example([[0]] * 30, 1)
@example([[40] * 6] * 5, 300)
@example([[0] * 20, [0] * 20], 64 * 3)
def test_as_much_is_kept_as_in_memory(kind: str, batches: list[list[int]], keep: int) -> None:
    async def test() -> None:
        memory = MemoryLog(keep_bytes=keep)
        async with opened(shared(kind), keep_bytes=keep) as log:
            await log.create("run")
            await memory.create("run")
            for batch in batches:
                entries = [b"x" * size for size in batch]
                last = await memory.append("run", entries)
                assert await log.append("run", entries) == last
                for after in (0, last // 2, last, last + 1):
                    assert await log.read("run", after, 100) == await memory.read("run", after, 100)

    asyncio.run(test())


def test_a_bound_that_was_made_smaller_holds_from_the_next_append_on() -> None:
    async def test() -> None:
        async with opened(shared()) as log:
            await log.create("run")
            await log.append("run", [b"x"] * 100)
            async with opened(shared(), prefix=log._prefix, keep_bytes=3 * (OVERHEAD + 1)) as less:
                await less.append("run", [])
            page = await log.read("run", 0)
            assert (page.start, len(page.entries), page.last) == (98, 3, 100)

    asyncio.run(test())


@EACH_KIND
def test_entries_that_the_server_has_lost_are_a_gap(kind: str) -> None:
    """It may evict a key where it is told to, or somebody may delete it."""

    async def test(server: Server) -> None:
        async with opened(server, keep_bytes=5 * (OVERHEAD + 1)) as log:
            await log.create("run")
            await log.append("run", [b"a"] * 5)
            server.admin.delete(f"{log._prefix}{{run}}:entries")
            page = await log.read("run", 2)
            assert (page.start, page.entries, page.last) == (6, [], 5)
            assert await log.append("run", [b"b"], at=5) == 6
            page = await log.read("run", 2)
            assert (page.start, page.entries, page.last) == (6, [b"b"], 6)
            server.admin.delete(f"{log._prefix}{{run}}:entries")
            async with opened(server, prefix=log._prefix, keep_bytes=1) as less:
                assert await less.append("run", []) == 6  # there is nothing to be trimmed

    asyncio.run(test(shared(kind)))


def test_a_server_behind_what_it_acknowledged_has_diverged() -> None:
    async def test(server: Server) -> None:
        async with opened(server) as log:
            await log.create("run")
            await log.append("run", [b"a"])
            backup = {key: server.admin.dump(key) for key in keys(server, log)}
            await log.append("run", [b"b"], at=1)
            for key, dumped in backup.items():  # as a failover does
                server.admin.restore(key, 0, dumped, replace=True)
            with pytest.raises(Diverged):
                await log.append("run", [b"c"], at=2)
            assert (await log.read("run", 0)).entries == [b"a"]

    asyncio.run(test(shared()))


def test_an_epoch_is_not_given_twice_even_if_the_server_has_lost_it() -> None:
    async def test() -> None:
        async with opened(shared()) as log:
            await log.create("run")
            lost = await log.claim("run", 10)
            assert lost is not None
            await log.append("run", [], end=DELETED)
            await log.create("run")
            await asyncio.sleep(0.002)
            epoch = await log.claim("run", 10)
            assert epoch is not None
            assert epoch > lost

    asyncio.run(test())


# Who uses it how


def test_a_caller_that_is_cancelled_harms_nobody_else() -> None:
    async def test() -> None:
        async with opened(shared()) as log:
            names = [f"run{number}" for number in range(30)]
            await asyncio.gather(*map(log.create, names))
            for turns in range(4):  # before it is sent, after it, and once it is answered
                calls = [asyncio.create_task(log.append(name, [b"a"])) for name in names]
                for _ in range(turns):
                    await asyncio.sleep(0)
                for call in calls[::2]:
                    call.cancel()
                await asyncio.gather(*calls, return_exceptions=True)
                assert [call.result() for call in calls[1::2]] == [turns + 1] * 15
                if turns < 2:  # what nobody waits for any more is not even sent
                    assert (await log.read(names[0], 0)).last == 0
            for name in names:
                page = await log.read(name, 0)
                assert page.entries == [b"a"] * page.last

    asyncio.run(test())


def test_a_wrong_argument_is_an_error_of_its_caller_alone() -> None:
    async def test() -> None:
        async with opened(shared()) as log:
            await log.create("run")
            wrong: Any = ["text"]
            right, error = await asyncio.gather(
                log.append("run", [b"a"]), log.append("run", wrong), return_exceptions=True
            )
            assert right == 1
            assert isinstance(error, TypeError)

    asyncio.run(test())


def test_a_closed_log_opens_itself_again() -> None:
    async def test() -> None:
        async with opened(shared()) as log:
            await log.close()  # before it was opened
            for last in (1, 2):
                await log.create("run")
                unwatch = await log.watch("run", int)
                assert await log.append("run", [b"a"]) == last
                await log.close()
                await log.close()
                await unwatch()

    asyncio.run(test())


def test_who_waits_while_the_log_is_closed_is_told() -> None:
    async def test() -> None:
        async with opened(shared()) as log:
            await log.create("run")
            call = asyncio.create_task(log.append("run", [b"a"]))
            await asyncio.sleep(0)
            await log.close()
            with pytest.raises(Unavailable, match="closed"):
                await call

    asyncio.run(test())


def test_a_log_may_be_used_in_one_event_loop_after_another() -> None:
    log = RedisLog.from_url(shared().url, prefix=own_prefix())

    async def append(last: int) -> None:
        await log.create("run")
        await log.watch("run", int)
        assert await log.append("run", [b"a"]) == last

    for last in (1, 2):
        asyncio.run(append(last))  # and it is not closed
    asyncio.run(log.close())


def test_it_works_without_hiredis() -> None:
    def connect() -> Connection:
        parser = _AsyncRESP2Parser
        return Connection(port=shared().port, protocol=2, socket_timeout=None, parser_class=parser)

    async def test() -> None:
        log = RedisLog(connect, prefix=own_prefix())
        await log.create("run", b"meta")
        woken = asyncio.Event()
        await log.watch("run", woken.set)
        assert await log.append("run", [b"a\r\n", b"x" * 100_000]) == 2
        await woken.wait()
        assert (await log.read("run", 0)).entries == [b"a\r\n", b"x" * 100_000]
        with pytest.raises(Missing):
            await log.read("other", 0)
        await log.close()

    asyncio.run(test())
