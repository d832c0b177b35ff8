"""Agents that are plain functions: each speaks in a thread, of which there are only so many.

Never asyncio's default executor, which has few threads and serves the resolver and others too. Who
is not listened to any more is ended at its next word; until it has ended it counts.
"""

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

LIMIT = 64  # threads
AHEAD = 64  # words that one may have said and nobody has heard; then it waits

Say: TypeAlias = Callable[[Any], None]
Work: TypeAlias = Callable[[Say], Any]


class Stopped(BaseException):
    """Nobody listens any more. What a thread says raises it; `except Exception` lets it pass."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The last that is heard: what the function has returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class _Raised:
    error: BaseException


class Threads:
    """At most `limit` threads that speak at once; who comes later waits for its turn."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._lock = threading.Lock()
        self._free = limit
        self._waiting: deque[_Place] = deque()

    @property
    def is_full(self) -> bool:
        """Whether who comes now has to wait."""
        return self._free == 0

    async def listen(self, work: Work) -> AsyncGenerator[Any, None]:
        """All that `work` says, as it comes, and in the end `Returned`; what it raises is raised.

        `work` is called in a thread, in a copy of the caller's context, with the function by which
        it speaks. That function waits while the listener is far behind, and raises `Stopped` when
        this iterator has been closed.
        """
        await self._enter()
        talk = _Talk()
        try:
            context = contextvars.copy_context()
            run = threading.Thread(target=self._run, args=(work, talk, context), daemon=True)
            run.start()
        except BaseException:
            self._leave()
            raise
        try:
            async for said in talk.heard():
                yield said
        finally:
            talk.stop()

    def _run(self, work: Work, talk: "_Talk", context: contextvars.Context) -> None:
        try:
            last: Returned | _Raised = Returned(context.run(work, talk.say))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is heard
            last = _Raised(error)
        self._leave()
        talk.end(last)

    async def _enter(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            place = _Place()
            self._waiting.append(place)
        try:
            await place.granted
        except asyncio.CancelledError:
            if not place.granted.cancelled():
                self._leave()  # it was granted at the same moment
            raise

    def _leave(self) -> None:
        """Let the next one enter. From any thread."""
        with self._lock:
            while self._waiting:
                place = self._waiting.popleft()
                with suppress(RuntimeError):  # its event loop is closed
                    place.loop.call_soon_threadsafe(self._grant, place)
                    return
            self._free += 1

    def _grant(self, place: "_Place") -> None:
        if place.granted.cancelled():
            self._leave()
        else:
            place.granted.set_result(None)


class _Place:
    """In the queue for a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.granted: asyncio.Future[None] = self.loop.create_future()


class _Talk:
    """What one thread says to one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._said: asyncio.Queue[Any] = asyncio.Queue()
        self._room = threading.Semaphore(AHEAD)
        self._is_over = False

    def say(self, word: Any) -> None:
        """In the thread: say something. Raises `Stopped`."""
        self._room.acquire()
        if self._is_over:
            self._room.release()  # for others that the agent may have speak
            raise Stopped
        self._put(word)

    def end(self, last: Returned | _Raised) -> None:
        """In the thread: it has ended."""
        with suppress(Stopped):
            self._put(last)

    def _put(self, word: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(self._said.put_nowait, word)
        except RuntimeError:  # the event loop is closed
            raise Stopped from None

    async def heard(self) -> AsyncGenerator[Any, None]:
        """In the event loop: all that is said."""
        while True:
            match await self._said.get():
                case _Raised(error) if isinstance(error, Exception):
                    raise error
                case _Raised(error):
                    # sys.exit() in a tool, say, ends the agent, not the server.
                    raise RuntimeError("the agent would have ended more than itself") from error
                case Returned() as last:
                    yield last
                    return
                case word:
                    self._room.release()
                    yield word

    def stop(self) -> None:
        """In the event loop: nobody listens any more."""
        self._is_over = True
        self._room.release()
