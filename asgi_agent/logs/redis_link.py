"""One connection to a server, made when it is wanted, and made again whenever it is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from random import SystemRandom
from typing import Any, NoReturn, Protocol, TypeAlias

from redis.exceptions import RedisError

FIRST_PAUSE = 0.05  # seconds before another attempt; each one that fails doubles it ...
LONGEST_PAUSE = 1.0  # ... up to this

_random = SystemRandom().uniform


class Connection(Protocol):
    """What we use of a connection of `redis.asyncio`. It closes itself at whatever goes wrong."""

    async def connect(self) -> None: ...

    async def disconnect(self, nowait: bool = False) -> None: ...

    async def send_packed_command(self, command: Sequence[bytes]) -> None: ...

    async def read_response(self) -> Any:
        """The next answer. Raises `ResponseError` if that is an error, and stays connected."""
        ...


Connect: TypeAlias = Callable[[], Connection]


def pack(*command: bytes) -> bytes:
    """A command as the server reads it. Raises `TypeError` for what is not bytes.

    It is done where the command is asked for: a mistake in it is the caller's, and nobody else's.
    """
    parts = [b"*%d\r\n" % len(command)]
    for word in command:
        parts += (b"$%d\r\n" % len(word), word, b"\r\n")
    return b"".join(parts)


async def keep_connected(
    connect: Connect,
    wanted: asyncio.Event,
    talk: Callable[[Connection], Awaitable[None]],
    lost: Callable[[RedisError | OSError], None],
    patience: float,
) -> NoReturn:
    """Talk over a connection while one is `wanted`; say each time why it was `lost`.

    An attempt to connect, the handshake included, has `patience` seconds.
    """
    pause = FIRST_PAUSE
    while True:
        await wanted.wait()
        connection = connect()
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(patience):
                await connection.connect()
            pause = FIRST_PAUSE
            writer = getattr(connection, "_writer", None)
            await talk(connection)
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            lost(error)
        finally:
            await connection.disconnect(nowait=True)
            if writer is not None:  # redis-py would keep it until a frozen server has read it all
                writer.transport.abort()
        # Many workers lose the same server at the same moment, and should not come back at one.
        await asyncio.sleep(_random(pause / 2, pause))
        pause = min(pause * 2, LONGEST_PAUSE)


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Do all of this at once, until one fails, and fail with it.

    A `TaskGroup` would forget, until Python 3.13, a cancellation that comes in the same moment.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    done.pop().result()


async def end(task: asyncio.Task[None] | None) -> None:
    """Cancel a task, and wait until it has ended."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
