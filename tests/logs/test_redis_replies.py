"""What else a server of Redis's kind, or something that only listens on its port, may answer."""

import asyncio
import gc

import pytest

from asgi_agent.errors import Unavailable
from asgi_agent.logs.redis import RedisLog

SOON = 0.3  # seconds that these logs wait for an answer


@pytest.mark.parametrize(
    "reply",
    [
        "-LOADING Redis is loading the dataset in memory",
        "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "-CLUSTERDOWN The cluster is down",
        "-MOVED 3999 127.0.0.1:6381",
        "-TRYAGAIN Multiple keys request during rehashing of slot",
        "-MISCONF Errors writing to the AOF file: No space left on device",
        "-NOREPLICAS Not enough good replicas to write.",
        "-NOPERM this user has no permissions to run the 'evalsha' command",
        "-ERR max number of clients reached",
        "-DENIED Redis is running in protected mode",
        "-ERR unknown command 'EVALSHA'",
        "HTTP/1.1 400 Bad Request",
        "",
    ],
)
@pytest.mark.parametrize("is_asked", [True, False])
def test_whatever_else_a_server_may_say_is_unavailable(reply: str, is_asked: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if is_asked:
            await reader.read(1)
        writer.write(f"{reply}\r\n".encode())
        await reader.read(1000)
        writer.close()

    async def test() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as strange:
            port = strange.sockets[0].getsockname()[1]
            log = RedisLog.from_url(f"redis://127.0.0.1:{port}/0", timeout=SOON)
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await log.append("run", [b"a"])
            await log.close()

    asyncio.run(test())


def test_what_nobody_asked_for_is_no_answer() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            writer.write(b":1\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.write(b":2\r\n")
        writer.close()

    async def test() -> None:
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: failures.append(what))
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as strange:
            port = strange.sockets[0].getsockname()[1]
            log = RedisLog.from_url(f"redis://127.0.0.1:{port}/0", timeout=SOON)
            for _ in range(3):
                assert await log.append("run", [b"a"]) == 1
                await asyncio.sleep(0.05)
            await log.close()
        gc.collect()
        assert failures == []  # it was expected, and no task has died of it

    asyncio.run(test())


def test_who_asks_just_before_it_is_closed_does_not_wait_for_ever() -> None:
    async def test() -> None:
        log = RedisLog.from_url("redis://127.0.0.1:1/0", timeout=SOON)  # nobody is there
        async with asyncio.timeout(10 * SOON):
            failure, _ = await asyncio.gather(
                log.read("run", 0), log.close(), return_exceptions=True
            )
        assert isinstance(failure, Unavailable)
        assert "it is closed" in str(failure)

    asyncio.run(test())
