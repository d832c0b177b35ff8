"""The connection that listens: one channel for each run that somebody here watches.

A worker hears of the runs that it watches, and of no others. One channel for all, or a pattern,
would spare the subscribing, but tell every worker of every append.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from redis.exceptions import RedisError

from ..errors import Unavailable
from .base import Wake
from .redis_link import Connect, Connection, end, keep_connected, pack, together

SILENCE = 10.0  # seconds after which we ask whether the server is still there


class _Channel:
    """One run, and who watches it."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.watchers: dict[object, Wake] = {}
        self.is_heard = asyncio.Event()  # the server has confirmed that we listen
        self.was_heard = False  # on an earlier connection

    def wake(self) -> None:
        for wake in tuple(self.watchers.values()):
            wake()


class Listener:
    """Wakes whoever watches a channel at each of its messages, and after each loss of them."""

    def __init__(self, connect: Connect, timeout: float, silence: float = SILENCE) -> None:
        self._connect = connect
        self._timeout = timeout
        self._silence = silence
        self._wanted = asyncio.Event()
        self._channels: dict[bytes, _Channel] = {}
        self._asked: list[tuple[bytes, _Channel]] = []
        self._expected: deque[_Channel] = deque()  # the confirmations to come, in their order
        self._reason: RedisError | OSError | str = "it takes too long"
        self._task: asyncio.Task[None] | None = None

    async def watch(self, name: bytes, wake: Wake) -> Callable[[], Awaitable[None]]:
        """Call `wake` at each message from now on; `Unavailable` if that cannot be had in time."""
        key = object()
        channel = self._channel(name)
        channel.watchers[key] = wake

        async def unwatch() -> None:
            if channel.watchers.pop(key, None) and not channel.watchers:
                del self._channels[name]
                self._ask(b"UNSUBSCRIBE", channel)

        try:
            async with asyncio.timeout(self._timeout):
                await channel.is_heard.wait()
        except TimeoutError:
            await unwatch()
            raise Unavailable(f"the event log tells nothing: {self._reason}") from None
        except asyncio.CancelledError:
            await unwatch()
            raise
        return unwatch

    async def close(self) -> None:
        """Close the connection; nobody is woken any more."""
        await end(self._task)

    def _channel(self, name: bytes) -> _Channel:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        if name not in self._channels:
            self._channels[name] = _Channel(name)
            self._ask(b"SUBSCRIBE", self._channels[name])
        return self._channels[name]

    def _ask(self, command: bytes, channel: _Channel) -> None:
        self._asked.append((command, channel))
        self._wanted.set()

    async def _run(self) -> None:
        try:
            await keep_connected(
                self._connect, self._wanted, self._talk, self._begin_again, self._timeout
            )
        finally:
            self._begin_again("it is closed")

    def _begin_again(self, reason: RedisError | OSError | str) -> None:
        """Ask for all channels again, and so for a connection if there are any."""
        self._reason = reason
        self._asked.clear()
        self._expected.clear()
        self._wanted.clear()
        for channel in self._channels.values():
            channel.was_heard |= channel.is_heard.is_set()
            channel.is_heard.clear()
            self._ask(b"SUBSCRIBE", channel)

    async def _talk(self, connection: Connection) -> None:
        await together(self._receive(connection), self._send(connection))

    async def _send(self, connection: Connection) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._silence):
                    await self._wanted.wait()
            # Also at the end of a silence somebody may have asked, in that very moment.
            asked = [pack(command, channel.name) for command, channel in self._asked]
            commands = asked or [pack(b"PING")]
            self._expected += (chan for command, chan in self._asked if command == b"SUBSCRIBE")
            self._asked.clear()
            self._wanted.clear()
            await connection.send_packed_command(commands)

    async def _receive(self, connection: Connection) -> None:
        now = asyncio.get_running_loop().time
        async with asyncio.timeout(None) as patience:
            while True:
                patience.reschedule(now() + self._silence + self._timeout)
                match await connection.read_response():
                    case [b"message", bytes() as name, _] if name in self._channels:
                        self._channels[name].wake()
                    case [b"subscribe", *_]:
                        self._confirm(self._expected.popleft())
                    case _:
                        pass  # a pong, or about a channel that is watched no more

    def _confirm(self, channel: _Channel) -> None:
        channel.is_heard.set()
        if channel.was_heard:  # and not in between: there may be something to read
            channel.wake()
