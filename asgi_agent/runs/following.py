"""To follow a run in the log, whoever executes it, and to notice that nobody does any more."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from ..errors import LogError, Missing, Unavailable
from ..logs import DELETED, EventLog, Page
from .attendance import Attendance
from .bell import Bell, split
from .mailbox import Mailbox
from .readers import Reader
from .run import Run

PAGE_ENTRIES = 1024
BACKSTOP_SECONDS = 5.0  # a wake may be lost: after so long a follower looks by itself
RETRY_SECONDS = 0.25  # after the store was unavailable


class Worker(Protocol):
    """What a follower needs of the worker that it is on."""

    lease_seconds: float
    drained: asyncio.Event
    bells: set[Bell]
    attendance: Attendance

    @property
    def is_resumable(self) -> bool: ...

    def get(self, run_id: str) -> Run | None: ...

    async def take_over(self, run_id: str) -> None: ...


class Follower:
    """One follower of a run, from its entry `after` on."""

    def __init__(self, worker: Worker, eventlog: EventLog, run_id: str, after: int) -> None:
        self._worker = worker
        self._log = eventlog
        self._run_id = run_id
        self._after = after
        self._is_told: bool | None = None  # whether the end was handed on; None: nothing was yet
        self._bell = Bell()
        self._run: Run | None = None  # the run, if it is executed on this worker
        self._reader: Reader | None = None
        self._alone_since: float | None = None
        self._mailbox = Mailbox(eventlog, run_id)
        self._has_ended = False

    async def pages(self) -> AsyncGenerator[Page, None]:
        """What the run says, to its end. See `Runs.follow`."""
        unwatch = await self._watch()
        if unwatch is None:
            return
        self._worker.bells.add(self._bell)
        try:
            while True:
                self._attach()
                is_last = self._worker.drained.is_set()  # before the read, as all that follows
                self._bell.silence()  # what comes after the read rings again
                page = await self._read()
                await self._attend(page)
                if self._run and page.end not in (None, DELETED):
                    # Whoever has read the end may begin the next turn.
                    await self._run.ended.wait()
                for part in split(page):
                    yield part
                    self._after = part.through
                    self._is_told = part.is_end
                    if self._has_read(part):
                        return
                if self._after >= page.last:
                    if is_last or page.end is not None:
                        return
                    await self._wait(page)
        finally:
            self._worker.bells.discard(self._bell)
            self._detach()
            await self._leave()
            with suppress(Unavailable):
                await unwatch()

    async def _watch(self) -> Callable[[], Awaitable[None]] | None:
        """Be woken by the log; None if this worker was drained before the store came back."""
        while True:
            try:
                return await self._log.watch(self._run_id, self._bell.ring)
            except Unavailable:
                if not self._log.is_shared:
                    raise
                if self._worker.drained.is_set():
                    return None
            await asyncio.sleep(RETRY_SECONDS)  # it comes back, or the client gives up

    def _attach(self) -> None:
        """Be a reader of the run while it is executed here, so that it waits for us."""
        run = self._worker.get(self._run_id)
        if run is self._run:
            return
        if self._run and self._run.is_elsewhere:
            self._detach()
            self._run = self._reader = None
        if run is not None:
            self._detach()
            self._run, self._reader = run, run.readers.attach(run.last, self._bell.ring)

    def _detach(self) -> None:
        if self._run and self._reader:
            self._run.readers.detach(self._reader)

    async def _attend(self, page: Page) -> None:
        """Be counted by the owner of the run, wherever that is."""
        self._has_ended = page.end is not None
        if self._run is not None:
            await self._leave()  # here, a reader is counted
        elif not self._has_ended:
            await self._worker.attendance.stay(self._mailbox, self._run_id, self)

    async def _leave(self) -> None:
        # Who has to go because this worker does has not left the run, and comes back elsewhere.
        is_to_be_told = not self._has_ended and not self._worker.drained.is_set()
        await self._worker.attendance.leave(
            self._mailbox, self._run_id, self, is_to_be_told=is_to_be_told
        )

    def _has_read(self, part: Page) -> bool:
        """Tell the run; whether it has cut us off, because we did not read before."""
        if self._run is None or self._reader is None:
            return False
        self._run.readers.read(self._reader, part.start, part.entries)
        return self._reader.is_cut_off

    async def _read(self) -> Page:
        run, after = self._run, self._after
        ended = run if run and run.ended.is_set() else None  # before the read
        try:
            page = await self._log.read(self._run_id, after, PAGE_ENTRIES)
            if self._is_told is False and page.end not in (None, DELETED) and page.last <= after:
                # The store has lost what it had acknowledged, and a number was given twice.
                page = await self._log.read(self._run_id, page.last - 1, PAGE_ENTRIES)
        except Missing:  # it was deleted; but how a run of ours has ended is known
            if run and run.farewell and run.farewell.last > after:
                return _rest(run.farewell, after)
            return Page(after + 1, (), after, DELETED, None, b"")
        except Unavailable:
            if not self._log.is_shared:
                raise
            await asyncio.sleep(RETRY_SECONDS)  # it comes back, or the client gives up
            more = 0 if self._worker.drained.is_set() else 1  # it is to be read again
            return Page(after + 1, (), after + more, None, math.inf, b"")
        if ended and ended.farewell and page.end is None and not page.entries:
            return _rest(ended.farewell, after)  # this the log could not be told
        return page

    def _wait(self, page: Page) -> Awaitable[None]:
        """Wait for what comes next."""
        if self._run and self._reader:
            self._run.readers.caught_up(self._reader)
        if not self._log.is_shared:
            return self._bell.heard()
        if self._run is not None:
            return self._bell.heard(BACKSTOP_SECONDS)
        return self._watch_over(page)

    async def _watch_over(self, page: Page) -> None:
        """Wait no longer than the owner has the run; then let this worker have it."""
        left = page.lease
        if left is None:
            left = self._patience()
        else:
            self._alone_since = None
        if left > 0:
            await self._bell.heard(min(left, BACKSTOP_SECONDS))
        else:
            with suppress(LogError):
                await self._worker.take_over(self._run_id)
                return
            await asyncio.sleep(RETRY_SECONDS)

    def _patience(self) -> float:
        """How long to wait for an owner, in seconds.

        Who can go on with a run that was released does so at once; who could only end it leaves it
        to others for the time of a lease.
        """
        now = asyncio.get_running_loop().time()
        if self._alone_since is None:
            self._alone_since = now
        seconds = 0 if self._worker.is_resumable else self._worker.lease_seconds
        return self._alone_since + seconds - now


def _rest(farewell: Page, after: int) -> Page:
    """The last page of a run, as far as it follows the entry `after`."""
    start = max(farewell.start, after + 1)
    return farewell._replace(start=start, entries=farewell.entries[start - farewell.start :])
