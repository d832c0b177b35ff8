"""The face of the event log in a file."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

from ...errors import UsageError
from ..base import Page, Wake
from .desk import Desk
from .file import Settings
from .tables import Clock, machine_clock


class SQLiteLog:
    """An `EventLog` in the file at `path`, for one event loop at a time of each process.

    It keeps the newest `keep_bytes` of each run, and frees a run `retain` seconds after its last
    change. A file that is damaged, or not an event log, raises `UsageError` where it is first used.
    """

    is_shared = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        keep_bytes: int = 8 << 20,
        retain: float = 3600.0,
        synchronous: Literal["NORMAL", "FULL"] = "NORMAL",
        clock: Clock = machine_clock,
    ) -> None:
        if synchronous not in {"NORMAL", "FULL"}:
            raise UsageError(f"synchronous is NORMAL or FULL, not {synchronous!r}")
        self._settings = Settings(
            str(Path(path).absolute()), keep_bytes, retain, synchronous, clock
        )
        self._desk: Desk | None = None

    async def create(self, run: str, meta: bytes = b"") -> bool:
        """Begin the log of `run`; see `EventLog`."""
        return await self._here().writer.call(lambda writing: writing.create(run, meta))

    async def claim(self, run: str, ttl: float) -> int | None:
        """Own the run for `ttl` seconds; see `EventLog`."""
        return await self._here().writer.call(lambda writing: writing.claim(run, ttl))

    async def append(
        self,
        run: str,
        entries: Sequence[bytes],
        *,
        at: int | None = None,
        epoch: int | None = None,
        ttl: float = 0,
        end: str | None = None,
    ) -> int:
        """Add the entries; see `EventLog`."""
        return await self._here().writer.call(
            lambda writing: writing.append(run, entries, at=at, epoch=epoch, ttl=ttl, end=end)
        )

    async def read(self, run: str, after: int, limit: int = 256) -> Page:
        """Up to `limit` entries after `after`; see `EventLog`."""
        return await self._here().reader.call(lambda reading: reading.page(run, after, limit))

    async def watch(self, run: str, wake: Wake) -> Callable[[], Awaitable[None]]:
        """Call `wake` after each change; see `EventLog`."""
        desk = self._here()
        stop = desk.watch(await desk.reader.call(lambda reading: reading.id_of(run)), wake)

        async def unwatch() -> None:
            stop()

        return unwatch

    async def close(self) -> None:
        """Answer what was asked before, and release the file and the threads; see `EventLog`."""
        desk, self._desk = self._desk, None
        if desk is not None:
            ended = desk.close()
            if desk.loop is asyncio.get_running_loop():
                await ended

    def _here(self) -> Desk:
        loop = asyncio.get_running_loop()
        if self._desk is None or self._desk.loop is not loop:
            if self._desk is not None:
                self._desk.close()
            self._desk = Desk(self._settings)
        return self._desk
