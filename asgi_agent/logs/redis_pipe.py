"""The connection that writes: whatever is asked in one turn of the loop leaves in one packet."""

import asyncio
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import NoScriptError, RedisError, ResponseError

from ..errors import Unavailable
from .redis_link import Connect, Connection, end, keep_connected, pack, together
from .redis_scripts import Script

READ_ONLY = re.compile("READONLY|read only replica")  # redis-py cuts off the code, if it knows it


@dataclass(slots=True)
class Call:
    """One command, and whoever waits for its answer."""

    packed: bytes
    script: Script | None = None
    arguments: tuple[bytes, ...] = ()
    _waiting: list[asyncio.Future[Any]] = field(default_factory=list[asyncio.Future[Any]])

    def answer(self) -> asyncio.Future[Any]:
        """What one more waits for."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    @property
    def waiting(self) -> list[asyncio.Future[Any]]:
        """Those who have not been cancelled in the meantime, and have no answer yet."""
        return [future for future in self._waiting if not future.done()]

    def fail(self, reason: RedisError | OSError | str) -> None:
        for future in self.waiting:
            told = str(reason) or type(reason).__name__  # a time-out has no words
            future.set_exception(Unavailable(f"the event log: {told}"))


class Pipe:
    """Calls in, answers out, in the same order, over one connection.

    What is asked is sent once. If the connection is lost before the answer, or cannot be made, or
    nothing is answered for `timeout` seconds, all that were waiting are told `Unavailable`: whether
    it was done, nobody knows.
    """

    def __init__(self, connect: Connect, timeout: float) -> None:
        self._connect = connect
        self._timeout = timeout
        self._wanted = asyncio.Event()
        self._asked: list[Call] = []
        self._reads: dict[tuple[bytes, ...], Call] = {}  # of what is asked, and not sent
        self._sent: deque[Call] = deque()
        self._patience: asyncio.Timeout | None = None  # of who receives
        self._task: asyncio.Task[None] | None = None

    async def run(self, script: Script, *arguments: bytes) -> Any:
        """What the script answers. The arguments are the number of keys, the keys and the rest.

        Calls that are made at the same time may be done in any order. Followers are woken together:
        of a script that only reads, all who ask the same before it is sent share the answer.
        """
        asked = script.sha, *arguments
        call = self._reads.get(asked)
        if call is None:
            call = self._ask(Call(pack(b"EVALSHA", *asked), script, arguments))
            if script.only_reads:
                self._reads[asked] = call
        return await call.answer()

    async def do(self, *command: bytes) -> Any:
        """What a plain command answers."""
        return await self._ask(Call(pack(*command))).answer()

    async def close(self) -> None:
        """Close the connection; whoever still waits is told `Unavailable`."""
        await end(self._task)
        self._give_up("it is closed")  # a task that is cancelled before its first step says nothing

    def _ask(self, call: Call) -> Call:
        self._asked.append(call)
        self._wanted.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return call

    async def _run(self) -> None:
        try:
            await keep_connected(
                self._connect, self._wanted, self._talk, self._give_up, self._timeout
            )
        finally:
            self._give_up("it is closed")

    def _give_up(self, reason: RedisError | OSError | str) -> None:
        for call in (*self._sent, *self._asked):
            call.fail(reason)
        self._sent.clear()
        self._asked.clear()
        self._reads.clear()
        self._wanted.clear()

    async def _talk(self, connection: Connection) -> None:
        await together(self._receive(connection), self._send(connection))

    async def _send(self, connection: Connection) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            calls = [call for call in self._asked if call.waiting]
            self._asked.clear()
            self._reads.clear()
            was_idle = not self._sent
            self._sent += calls
            if was_idle:
                self._be_patient()
            await connection.send_packed_command([call.packed for call in calls])

    async def _receive(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(None) as self._patience:
                while True:
                    self._answer(await _read(connection))
                    self._be_patient()
        finally:
            self._patience = None

    def _be_patient(self) -> None:
        """Wait for the next answer, if there is one to come, from now on."""
        if self._patience is not None:
            now = asyncio.get_running_loop().time()
            self._patience.reschedule(now + self._timeout if self._sent else None)

    def _answer(self, answer: Any) -> None:
        if not self._sent:
            raise NotConnected(f"we did not ask: {answer}")  # it is about to hang up
        self._settle(self._sent.popleft(), answer)
        if isinstance(answer, ResponseError) and READ_ONLY.search(str(answer)):
            raise NotConnected(str(answer))  # it is the primary no longer: let us look again

    def _settle(self, call: Call, answer: Any) -> None:
        if isinstance(answer, NoScriptError) and call.script is not None:
            # The server has been restarted, or somebody has flushed its scripts: nothing was done.
            call.packed = pack(b"EVAL", call.script.text, *call.arguments)
            self._asked.append(call)
            self._wanted.set()
        elif isinstance(answer, ResponseError):
            call.fail(answer)
        else:
            for future in call.waiting:
                future.set_result(answer)


async def _read(connection: Connection) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
