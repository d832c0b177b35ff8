"""One log in memory that several workers share, and the line by which each of them reaches it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from asgi_agent.errors import Unavailable
from asgi_agent.logs import MemoryLog, Page, Wake


def now() -> float:
    return asyncio.get_running_loop().time()


class SharedLog(MemoryLog):
    """A store in the time of the event loop."""

    is_shared = True

    def __init__(self, keep_bytes: int = 8 << 20) -> None:
        super().__init__(keep_bytes, now)


class Line:
    """What one worker has of the store.

    `is_down`: every call is refused. `cut`: none arrives until it is mended. `is_deaf`: no wake
    does. `lose`: of so many of the next appends the answer is lost.
    """

    is_shared = True

    def __init__(self, store: SharedLog) -> None:
        self.store = store
        self.is_down = False
        self.is_deaf = False
        self.seconds = 0.0  # that every call takes before it arrives, ...
        self.delays: Iterator[float] = iter(())  # ... and how much longer the next ones take
        self.lose = 0
        self.appends = 0
        self.acknowledged: list[tuple[str, int, list[bytes]]] = []  # each first number and entries
        self.whole = asyncio.Event()
        self.whole.set()

    def cut(self) -> None:
        """The worker is frozen, or gone, for all that the store can tell."""
        self.whole.clear()

    def mend(self) -> None:
        self.whole.set()

    async def _arrive(self) -> None:
        if seconds := self.seconds + next(self.delays, 0.0):
            await asyncio.sleep(seconds)
        await self.whole.wait()
        if self.is_down:
            raise Unavailable("the store is away")

    async def create(self, run: str, meta: bytes = b"") -> bool:
        await self._arrive()
        return await self.store.create(run, meta)

    async def claim(self, run: str, ttl: float) -> int | None:
        await self._arrive()
        return await self.store.claim(run, ttl)

    async def append(self, run: str, entries: Sequence[bytes], **options: Any) -> int:
        await self._arrive()
        self.appends += 1
        last = await self.store.append(run, entries, **options)
        if self.lose:
            self.lose -= 1
            raise Unavailable("the answer was lost")
        self.acknowledged.append((run, last - len(entries) + 1, list(entries)))
        return last

    async def read(self, run: str, after: int, limit: int = 256) -> Page:
        await self._arrive()
        return await self.store.read(run, after, limit)

    async def watch(self, run: str, wake: Wake) -> Callable[[], Awaitable[None]]:
        await self._arrive()

        def pass_on() -> None:
            if self.whole.is_set() and not self.is_deaf:
                wake()

        return await self.store.watch(run, pass_on)

    async def close(self) -> None:
        await self.store.close()
