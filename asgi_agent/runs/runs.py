"""All runs of one worker: start them, follow any run of the log, steer it, take it over, drain."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from uuid import uuid4

from ..agents import Agent, Turn
from ..agents.adapt import is_resumable
from ..config import ServerConfig
from ..errors import BeingBegun, LogError, Missing, SessionBusy, TooManyRuns
from ..events import AgentEvent, Cancelled, Terminal, encode
from ..logs import DELETED, EventLog, Page
from .attendance import Attendance
from .bell import Bell
from .blocks import Blocks
from .duties import Duties
from .following import RETRY_SECONDS, Follower
from .keys import mailbox_of, session_log
from .mailbox import Asked, Cancel, Mailbox, Tried, tries
from .ownership import Ownership
from .record import RUN_LOST, Ending, Record, read_ending, read_record
from .run import ENDS, SHUTDOWN, Run

log = logging.getLogger("asgi_agent")

TRIES = 5  # workers that go on with a run, and are soon lost, before it is taken for the reason


class Runs:
    """The runs that this worker executes, and its way to any run in the log."""

    def __init__(self, agent: Agent, eventlog: EventLog, config: ServerConfig) -> None:
        self.lease_seconds = config.lease_seconds
        self.drained = asyncio.Event()  # no run is active, and none is taken
        self.bells: set[Bell] = set()  # of all that follow a run here
        self.log = eventlog
        self.is_resumable = eventlog.is_shared and is_resumable(agent)
        is_counted = eventlog.is_shared and config.on_disconnect != "continue"
        self.attendance = Attendance(is_wanted=is_counted)
        self._agent = agent
        self._config = config
        self._active: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._takeovers: dict[str, asyncio.Task[None]] = {}
        self._is_draining = False

    @property
    def active_count(self) -> int:
        """How many runs have not ended, on this worker."""
        return len(self._active)

    def get(self, run_id: str) -> Run | None:
        """The run, if it is active on this worker."""
        return self._active.get(run_id)

    def check_room(self) -> None:
        """Raise `TooManyRuns` at the limit, which counts this worker's runs, and at shutdown."""
        if self._is_draining:
            raise TooManyRuns("The server is shutting down.", retry_after=5)
        if self._is_full:
            limit = self._config.max_concurrent_sessions
            raise TooManyRuns(f"Maximum concurrent sessions ({limit}) reached")

    @property
    def _is_full(self) -> bool:
        return self.active_count >= self._config.max_concurrent_sessions

    async def start(
        self,
        asked: Asked,
        ended: Callable[[Run], Awaitable[None]],
        *,
        run_id: str | None = None,
        meta: bytes = b"",
        begun: Callable[[Run], Awaitable[None]] | None = None,
    ) -> Run:
        """Begin a run; it goes on by itself. Raises `TooManyRuns`.

        `begun` is awaited before the agent's first step; if it raises, nothing has begun. A run of
        this ID that exists, but has said nothing, is begun again; else it is `SessionBusy`.
        """
        self.check_room()
        if run_id in self._active:
            raise BeingBegun("This run has begun, or is about to.")
        owner = Ownership(self.log, run_id or uuid4().hex, self.lease_seconds)
        run = self._run(owner, asked)
        async with self._beginning(run):
            await self._claim_new(owner, meta)
            await self._prepare(run, asked, begun)
        self._launch(run, asked, (), ended)
        return run

    @asynccontextmanager
    async def _beginning(self, run: Run) -> AsyncGenerator[None, None]:
        """The run counts as active from now on, unless it cannot begin."""
        self._active[run.id] = run  # before the first await: the limit must hold
        try:
            yield
        except BaseException:
            del self._active[run.id]
            await run.duties.end()
            run.ended.set()  # a drain may wait for it
            raise

    async def _claim_new(self, owner: Ownership, meta: bytes) -> None:
        is_new = await self.log.create(owner.run_id, meta)
        if not is_new and (await self.log.read(owner.run_id, 0, 1)).last:
            raise SessionBusy("This run has begun before.")
        if not await owner.claim():
            raise BeingBegun("This run is being begun.")

    async def _prepare(
        self, run: Run, asked: Asked, begun: Callable[[Run], Awaitable[None]] | None
    ) -> None:
        try:
            if self.log.is_shared:
                letters = [asked] if self.is_resumable else []
                await Mailbox(self.log, run.id).open(*letters)
            await run.duties.begin(run)
            if begun is not None:
                await begun(run)
        except BaseException:
            await self.delete(run.id)  # it is ours, and nobody has heard of it
            raise

    def follow(self, run_id: str, after: int = 0) -> AsyncGenerator[Page, None]:
        """What the run has said after its entry `after`, as it comes, to its end.

        Each page has at least one entry. It ends early where the follower was cut off because it
        did not read, the run was deleted, or this worker was drained. A run whose owner is lost is
        taken over. Raises `Missing` if the run is not kept.
        """
        return Follower(self, self.log, run_id, after).pages()

    async def read(self, run_id: str, after: int, limit: int = 1) -> Page:
        """How the run stands, and some of what it said after the entry `after`. `Missing`."""
        return await self.log.read(run_id, after, limit)

    def expect_client(self, run_id: str) -> None:
        """The client has left to do what the agent asked, and comes back: that is no disconnect."""
        run = self._active.get(run_id)
        if run is None:
            self.attendance.expect_client(run_id)
        else:
            run.expect_client()

    async def ending(self, run_id: str) -> Ending | None:
        """How the run has ended; None if it goes on. If its owner is lost it is taken over now."""
        for _ in range(2):
            try:
                page = await self.read(run_id, 0)
            except Missing:
                return Ending(RUN_LOST)
            if page.end is not None:
                break
            if page.is_owned or not self.log.is_shared:
                return None
            await self.take_over(run_id)
        return await read_ending(self.log, run_id)

    async def delete(self, run_id: str) -> None:
        """Free all that is kept of the run. Cancel it first if it is active."""
        for key in (run_id, mailbox_of(run_id))[: 1 + self.log.is_shared]:
            try:
                await self.log.append(key, (), end=DELETED)
            except Missing:
                pass
            except LogError:
                log.exception("Run %s: what is kept of it could not be freed", run_id)

    async def take_over(self, run_id: str) -> None:
        """Go on with a run that nobody owns, or end it; one worker wins. It may take a while.

        The agent goes on if it declares itself resumable, and all is kept that the run has said.
        """
        task = self._takeovers.get(run_id)
        if task is None:
            task = asyncio.create_task(self._take_over(run_id), name=f"take over {run_id}")
            self._takeovers[run_id] = task
            task.add_done_callback(lambda _: self._takeovers.pop(run_id))
        await asyncio.wait({task})  # a follower that leaves does not stop it
        task.result()

    async def _take_over(self, run_id: str) -> None:
        owner = Ownership(self.log, run_id, self.lease_seconds)
        if self.is_resumable and (self._is_draining or self._is_full):
            await asyncio.sleep(RETRY_SECONDS)  # another worker may have room, or this one again
        elif run_id in self._active or not await owner.claim():
            await asyncio.sleep(RETRY_SECONDS)  # somebody else was quicker
        else:
            await self._go_on(owner)

    async def _go_on(self, owner: Ownership) -> None:
        record = await read_record(self.log, owner.run_id)
        owner.last = record.last
        letters = [letter for _, letter in await Mailbox(self.log, owner.run_id).read()]
        cancels = [letter for letter in letters if isinstance(letter, Cancel)]
        if cancels:
            await self._end(owner, record, Cancelled(cancels[0].reason))
        elif (
            self.is_resumable
            and record.is_whole
            and letters
            and isinstance(letters[0], Asked)
            and tries(letters, record.last) < TRIES
        ):
            await self._resume(owner, record, letters[0])
        else:
            await self._end(owner, record, RUN_LOST)

    async def _resume(self, owner: Ownership, record: Record, asked: Asked) -> None:
        run = self._run(owner, asked, record)
        async with self._beginning(run):
            await Mailbox(self.log, run.id).send(Tried(record.last))
            await run.duties.begin(run)
        self._launch(run, asked, record.said, _nobody_waits)

    async def _end(self, owner: Ownership, record: Record, terminal: Terminal) -> None:
        blocks = Blocks()
        blocks.restore(record.said)
        end = "lost" if terminal is RUN_LOST else ENDS[terminal.type]
        await owner.append([encode(each) for each in (*blocks.close(), terminal)], end)
        log.warning("Run %s: its worker was lost: %s", owner.run_id[:8], end)

    def reopen(self) -> None:
        """Take new runs again after a `drain`."""
        self._is_draining = False
        self.drained.clear()

    async def drain(self, seconds: float) -> None:
        """Refuse new runs, let the active ones finish for so long, then end them.

        If the log is shared, and the agent can go on elsewhere, they are released instead. When it
        is done, nobody follows a run here any more.
        """
        self._is_draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        if self._takeovers:  # begun before, they may bring one more run
            await asyncio.wait(set(self._takeovers.values()))
        for run in list(self._active.values()):
            if self.is_resumable:
                run.release()
            else:
                run.stop(SHUTDOWN)
        for run in list(self._active.values()):
            await run.ended.wait()
        self.drained.set()
        for bell in self.bells:
            bell.ring()
        if self._tasks:
            await asyncio.wait(self._tasks)  # agents clean up

    def _run(self, owner: Ownership, asked: Asked, record: Record | None = None) -> Run:
        mailbox = Mailbox(self.log, owner.run_id)
        duties = Duties(self.log, owner, mailbox, session_log(asked.session_id))
        return Run(owner, duties, self._config, record)

    def _launch(
        self,
        run: Run,
        asked: Asked,
        said: tuple[AgentEvent, ...],
        ended: Callable[[Run], Awaitable[None]],
    ) -> None:
        drive = self._drive(run, self._turn(run, asked, said), ended)
        task = asyncio.create_task(drive, name=f"run {run.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _turn(self, run: Run, asked: Asked, said: tuple[AgentEvent, ...]) -> Turn:
        seconds = self._config.max_run_seconds
        return Turn(
            prompt=asked.prompt,
            history=asked.history,
            session_id=asked.session_id,
            run_id=run.id,
            ask=run.dialogue.ask,
            approve=run.dialogue.approve,
            inbox=run.dialogue.inbox,
            principal=asked.principal,
            deadline=None if seconds is None else asyncio.get_running_loop().time() + seconds,
            said=said,
        )

    async def _drive(self, run: Run, turn: Turn, ended: Callable[[Run], Awaitable[None]]) -> None:
        began = monotonic()

        async def end(run: Run) -> None:
            del self._active[run.id]
            how = run.outcome.type if run.outcome else "goes on elsewhere"
            log.info("Run %s: %s after %.1f s", run.id[:8], how, monotonic() - began)
            await ended(run)

        log.info("Run %s: %s", run.id[:8], "goes on here" if turn.said else "started")
        await run.drive(self._agent, turn, end)


async def _nobody_waits(_: Run) -> None:
    """Whoever next looks at the session finds the end in the log."""
