"""All runs of one worker: start them, follow any run of the log, drain."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from time import monotonic
from typing import Any
from uuid import uuid4

from ..agents import Agent, Message, Turn
from ..config import ServerConfig
from ..errors import LogError, Missing, TooManyRuns
from ..logs import DELETED, EventLog, Page
from .run import SHUTDOWN, Run

log = logging.getLogger("asgi_agent")

PAGE_ENTRIES = 1024
PAGE_BYTES = 1 << 16  # what a follower is handed at once, if one entry is not larger


class Runs:
    """The runs that this worker executes, and its way to follow any run in the log."""

    def __init__(self, agent: Agent, eventlog: EventLog, config: ServerConfig) -> None:
        self._agent = agent
        self._log = eventlog
        self._config = config
        self._active: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_draining = False
        self.drained = asyncio.Event()  # no run is active, and none is taken

    @property
    def active_count(self) -> int:
        """How many runs have not ended."""
        return len(self._active)

    def get(self, run_id: str) -> Run | None:
        """The run, if it is active on this worker."""
        return self._active.get(run_id)

    async def start(
        self,
        prompt: str,
        history: tuple[Message, ...],
        session_id: str,
        principal: Any,
        ended: Callable[[Run], None],
    ) -> Run:
        """Begin a run; it goes on by itself. Raises `TooManyRuns` at the limit and at shutdown."""
        if self._is_draining:
            raise TooManyRuns("The server is shutting down.", retry_after=5)
        if self.active_count >= self._config.max_concurrent_sessions:
            limit = self._config.max_concurrent_sessions
            raise TooManyRuns(f"Maximum concurrent sessions ({limit}) reached")
        run = Run(uuid4().hex, self._log, self._config)
        self._active[run.id] = run  # before the first await: the limit must hold
        try:
            await self._log.create(run.id)
        except BaseException:
            del self._active[run.id]
            raise
        turn = self._turn(run, prompt, history, session_id, principal)
        task = asyncio.create_task(self._drive(run, turn, ended), name=f"run {run.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    async def follow(self, run_id: str, after: int = 0) -> AsyncGenerator[Page, None]:
        """What the run has said after its entry `after`, as it comes, to its end.

        Each page has at least one entry. It ends early where the follower was cut off because it
        did not read, or the run was deleted. Raises `Missing` if the run is not kept.
        """
        bell = Bell()
        unwatch = await self._log.watch(run_id, bell.ring)
        run = self._active.get(run_id)
        reader = run.readers.attach(run.last, bell.ring) if run else None
        try:
            while True:
                bell.silence()  # before the read: what comes after it rings again
                page = await self._read(run_id, after, run)
                if run and page.end not in (None, DELETED):
                    await run.ended.wait()  # whoever has read the end may begin the next turn
                for part in split(page):
                    yield part
                    after = part.start + len(part.entries) - 1
                    if run and reader:
                        run.readers.read(reader, part.start, part.entries)
                        if reader.is_cut_off:
                            return
                if page.end is not None and after >= page.last:
                    return
                if after >= page.last:
                    if run and reader:
                        run.readers.caught_up(reader)
                    await bell.heard()
        finally:
            if run and reader:
                run.readers.detach(reader)
            await unwatch()

    async def _read(self, run_id: str, after: int, run: Run | None) -> Page:
        ended = run if run and run.ended.is_set() else None  # before the read
        try:
            page = await self._log.read(run_id, after, PAGE_ENTRIES)
        except Missing:  # it was deleted; but how a run of ours has ended is known
            if run and run.farewell and run.farewell.last > after:
                return _rest(run.farewell, after)
            return Page(after + 1, (), after, DELETED, None, b"")
        if ended and ended.farewell and page.end is None and not page.entries:
            return _rest(ended.farewell, after)  # this the log could not be told
        return page

    async def read(self, run_id: str, after: int, limit: int = 1) -> Page:
        """How the run stands, and some of what it said after the entry `after`. `Missing`."""
        return await self._log.read(run_id, after, limit)

    def expect_client(self, run_id: str) -> None:
        """The client has left to do what the agent asked, and comes back: that is no disconnect."""
        run = self._active.get(run_id)
        if run is not None:
            run.expect_client()

    async def delete(self, run_id: str) -> None:
        """Free all that is kept of the run. Cancel it first if it is active."""
        try:
            await self._log.append(run_id, (), end=DELETED)
        except Missing:
            pass
        except LogError:
            log.exception("Run %s: what is kept of it could not be freed", run_id)

    def reopen(self) -> None:
        """Take new runs again after a `drain`."""
        self._is_draining = False
        self.drained.clear()

    async def drain(self, seconds: float) -> None:
        """Refuse new runs, let the active ones finish for so long, then end them."""
        self._is_draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for run in list(self._active.values()):
            run.stop(SHUTDOWN)
        for run in list(self._active.values()):
            await run.ended.wait()
        self.drained.set()
        if self._tasks:
            await asyncio.wait(self._tasks)  # agents clean up

    def _turn(
        self, run: Run, prompt: str, history: tuple[Message, ...], session_id: str, principal: Any
    ) -> Turn:
        seconds = self._config.max_run_seconds
        return Turn(
            prompt=prompt,
            history=history,
            session_id=session_id,
            run_id=run.id,
            ask=run.dialogue.ask,
            approve=run.dialogue.approve,
            inbox=run.dialogue.inbox,
            principal=principal,
            deadline=None if seconds is None else asyncio.get_running_loop().time() + seconds,
        )

    async def _drive(self, run: Run, turn: Turn, ended: Callable[[Run], None]) -> None:
        began = monotonic()

        def end(run: Run) -> None:
            del self._active[run.id]
            how = run.outcome.type if run.outcome else "lost"
            log.info("Run %s: %s after %.1f s", run.id[:8], how, monotonic() - began)
            ended(run)

        log.info("Run %s: started", run.id[:8])
        await run.drive(self._agent, turn, end)


def _rest(farewell: Page, after: int) -> Page:
    """The last page of a run, as far as it follows the entry `after`."""
    start = max(farewell.start, after + 1)
    return farewell._replace(start=start, entries=farewell.entries[start - farewell.start :])


class Bell:
    """What `asyncio.Event` does, for the one who waits, and waits for every token."""

    __slots__ = ("_has_rung", "_waiter")

    def __init__(self) -> None:
        self._has_rung = False
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        self._has_rung = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def silence(self) -> None:
        self._has_rung = False

    async def heard(self) -> None:
        """Wait until it has rung since it was silenced."""
        if not self._has_rung:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter


def split(page: Page) -> Iterator[Page]:
    """The page in parts of a size to write at once."""
    if sum(map(len, page.entries)) < PAGE_BYTES:
        if page.entries:
            yield page
        return
    first, size = 0, 0
    for index, entry in enumerate(page.entries):
        size += len(entry)
        if size >= PAGE_BYTES or index == len(page.entries) - 1:
            part = page.entries[first : index + 1]
            yield page._replace(start=page.start + first, entries=part)
            first, size = index + 1, 0
