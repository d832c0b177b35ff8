"""A log in memory that takes its time, and fails when it is told to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from asgi_agent.errors import Unavailable
from asgi_agent.logs import MemoryLog, Page, Wake


class FaultyLog:
    """Each call waits `seconds` before it does what it is to do, and as long before it tells.

    `faults` names what happens to the next appends: "refused", "answer lost", or "" for nothing.
    """

    is_shared = False

    def __init__(self, *faults: str, seconds: float = 0) -> None:
        self.inner = MemoryLog()
        self.faults = list(faults)
        self.seconds = seconds
        self.is_down = False

    async def _pass_time(self) -> None:
        if self.is_down:
            raise Unavailable("db password=hunter2")
        if self.seconds:
            await asyncio.sleep(self.seconds)

    async def create(self, run: str, meta: bytes = b"") -> bool:
        await self._pass_time()
        return await self.inner.create(run, meta)

    async def claim(self, run: str, ttl: float) -> int | None:
        await self._pass_time()
        return await self.inner.claim(run, ttl)

    async def append(self, run: str, entries: Sequence[bytes], **options: Any) -> int:
        await self._pass_time()
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "refused":
            raise Unavailable("db password=hunter2")
        last = await self.inner.append(run, entries, **options)
        await self._pass_time()
        if fault == "answer lost":
            raise Unavailable("db password=hunter2")
        return last

    async def read(self, run: str, after: int, limit: int = 256) -> Page:
        await self._pass_time()
        return await self.inner.read(run, after, limit)

    async def watch(self, run: str, wake: Wake) -> Callable[[], Awaitable[None]]:
        await self._pass_time()
        return await self.inner.watch(run, wake)

    async def close(self) -> None:
        await self.inner.close()
