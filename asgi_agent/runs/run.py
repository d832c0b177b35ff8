"""The life of a run: one execution of an agent, which does not belong to the request that began it.

What the agent says is appended to the event log, in batches that end whenever it has to wait.
Here, and nowhere else, a run gets its exactly one terminal event, always last.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from time import perf_counter
from typing import cast

from ..agents import Agent, Turn
from ..config import ServerConfig
from ..errors import AgentError, Diverged, Fenced, LogError
from ..events import (
    AgentEvent,
    Cancelled,
    Complete,
    Data,
    Error,
    Terminal,
    Text,
    encode,
    encode_text,
    scrub,
)
from ..logs import DELETED, Page
from ..stepper import WAITING, Stepper
from .blocks import Blocks
from .dialogue import Dialogue
from .duties import Duties
from .ownership import Ownership
from .readers import Readers
from .record import Ending, Record, add_output, output_of

log = logging.getLogger("asgi_agent")

BATCH_BYTES = 1 << 16  # what an agent that never waits may say before it must give others a turn
BATCH_SECONDS = 0.01
CLOSE_SECONDS = 5.0  # what an agent has to clean up

SHUTDOWN = Error("The server is shutting down.", "shutdown")
TIMEOUT = Error("The run took too long.", "timeout")
TOO_LONG = Error("The run said too much.", "too_long")
FAILED = Error("The agent failed.", "agent_error")
LOG_FAILED = Error("The event log failed.", "store_unavailable")
LOST = Data("gap", None)  # in the place of an entry
RELEASED = Error("Another worker goes on with the run.", "released")  # this nobody is told
FENCED = Error("Another worker owns the run.", "fenced")  # nor this
ENDS = {Complete.type: "done", Error.type: "failed", Cancelled.type: "cancelled"}


class Run:
    """One execution of an agent, on the worker that owns it.

    `ended` is set when the terminal event is in the log, which `outcome` then is; or when the run
    is this worker's no more, and there is no outcome here. The task that drives the agent is the
    only writer of the log, and the agent's steps run inside it.
    """

    def __init__(
        self, owner: Ownership, duties: Duties, config: ServerConfig, record: Record | None = None
    ) -> None:
        self.id = owner.run_id
        self.dialogue = Dialogue(self._say_meanwhile)
        self.readers = Readers(config.lead_bytes, config.patience, self._deserted)
        self.outcome: Terminal | None = None
        self.ended = asyncio.Event()
        self.output = bytearray()  # what has been said so far, in UTF-8, as far as it is kept
        self.is_output_whole = True
        self.farewell: Page | None = None  # the last entries, whether or not the log has them
        self.duties = duties
        self._owner = owner
        self._config = config
        self._blocks = Blocks()
        self._steps: Stepper[AgentEvent | str] | None = None
        self._stop: Terminal | None = None
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._said_bytes = 0
        self._in_doubt: list[bytes] = []  # a batch of which the log may have, or not, each entry
        self._grace: asyncio.TimerHandle | None = None
        self._is_expecting = False
        if record is not None:
            self._restore(record)

    def _restore(self, record: Record) -> None:
        """Go on after what another worker has logged."""
        self.dialogue.restore(record.said)
        self._blocks.restore(record.said)
        self.output, self.is_output_whole = output_of(record.said)
        self._said_bytes = record.size

    @property
    def last(self) -> int:
        """The number of the newest entry that the log has acknowledged."""
        return self._owner.last

    @property
    def is_elsewhere(self) -> bool:
        """Whether the run is this worker's no more, and has not ended here."""
        return self.ended.is_set() and self.outcome is None

    @property
    def ending(self) -> Ending | None:
        """How the run has ended here."""
        if self.outcome is None:
            return None
        return Ending(self.outcome, self.output.decode("utf-8", "ignore"), self.is_output_whole)

    def cancel(self, reason: str | None = None) -> None:
        """End the run before its next event. The agent is cancelled where it waits."""
        self.stop(Cancelled(reason))

    def release(self) -> None:
        """Stop the agent, and let another worker go on with the run."""
        self.stop(RELEASED)

    def stop(self, terminal: Terminal) -> None:
        """End the run with this event, unless it ends already."""
        if self._stop is None:
            self._stop = terminal
            self.readers.release()
            if self._steps is not None:
                self._steps.cancel()

    def attend(self) -> None:
        """Let the duties of the owner be done as soon as its task can."""
        self.readers.release()
        if self._steps is not None:
            self._steps.wake()

    async def drive(
        self, agent: Agent, turn: Turn, ended: Callable[["Run"], Awaitable[None]]
    ) -> None:
        """Let the agent speak until the run ends; `ended` is awaited once, just after that."""
        timer = None
        if turn.deadline is not None:
            timer = asyncio.get_running_loop().call_at(turn.deadline, self.stop, TIMEOUT)
        try:
            terminal = await self._listen(agent, turn)
        except Fenced as error:
            log.warning("Run %s: %s", self.id, error)
            terminal = self._stop = FENCED
        except LogError as error:
            log.exception("Run %s: the event log failed", self.id)
            terminal = await self._failed(error)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it is logged there
            terminal = self._terminal_of(error)
        if timer:
            timer.cancel()
        await self._end(self._stop or terminal, ended)
        await self._close()

    def _terminal_of(self, error: BaseException) -> Error:
        """What the client is told of the error; what it must not see is for our log."""
        told = _told(error)
        if told is not None:
            return Error(str(told), told.code)
        if isinstance(error, asyncio.CancelledError) and _is_cancelled():
            return SHUTDOWN
        log.error("Run %s: the agent failed", self.id, exc_info=error)
        return FAILED

    async def _listen(self, agent: Agent, turn: Turn) -> Terminal:
        steps = self._steps = Stepper(agent(turn))
        batch_began = perf_counter()
        while self._stop is None:
            try:
                said = steps.step()
            except StopAsyncIteration:
                return Complete(self._whole_output())
            except (Exception, asyncio.CancelledError, KeyboardInterrupt):
                raise
            except BaseException as error:
                # sys.exit() in a tool, say, ends the run, not the server.
                raise RuntimeError("the agent would have ended more than itself") from error
            if said is WAITING:
                await self._write_and_wait(steps)
                batch_began = perf_counter()
            elif isinstance(said, Complete | Error | Cancelled):
                return self._final(said)
            elif self._stop is None:  # the agent itself may have had the run cancelled
                self._say_text(said) if isinstance(said, str) else self._say(said)
                if self._batch_bytes > BATCH_BYTES or (
                    perf_counter() - batch_began > BATCH_SECONDS
                ):
                    await self._write()
                    await self._pause(asyncio.sleep(0))
                    batch_began = perf_counter()
        return self._stop

    async def _write_and_wait(self, steps: Stepper[AgentEvent | str]) -> None:
        while self._stop is None:
            await self._write()
            if await steps.wait():
                return  # else somebody has spoken in the agent's name while it waits

    def _say(self, event: AgentEvent) -> None:
        if isinstance(event, Text):
            self._keep_output(scrub(event.content))
        else:
            self.dialogue.expect(event)
        for each in self._blocks.admit(event):
            self._log_next(encode(each))

    def _say_text(self, content: str) -> None:
        """The same for what agents mostly say, without the steps that it does not need."""
        kept = encode_text(content) if self._blocks.in_text else None
        if kept is None:
            self._say(Text(content))
        else:
            self._keep_output(content)
            self._log_next(kept)

    def _keep_output(self, content: str) -> None:
        if self.is_output_whole:
            self.is_output_whole = add_output(self.output, content)

    def _log_next(self, kept: bytes) -> None:
        self._batch.append(kept)
        self._batch_bytes += len(kept)

    def _say_meanwhile(self, event: AgentEvent) -> None:
        """Say something in the agent's name, which may be waiting."""
        self._say(event)
        if self._steps is not None:
            self._steps.wake()

    async def _write(self) -> None:
        """Append what was said, and wait while a follower is too far behind."""
        if self._batch:
            batch, size = self._batch, self._batch_bytes
            self._batch, self._batch_bytes = [], 0
            try:
                await self._append(batch, size)
            except LogError:
                self._in_doubt = batch
                raise
            limit = self._config.max_run_bytes
            if limit is not None and self._said_bytes > limit:
                self.stop(TOO_LONG)
        await self._do_duties()
        while self._stop is None and self.readers.is_full:
            await self._pause(self.readers.room())
            await self._do_duties()

    async def _append(self, entries: list[bytes], size: int, end: str | None = None) -> None:
        self._said_bytes += size
        self.readers.written(size)  # before somebody can read it
        await self._insist(lambda: self._owner.append(entries, end))

    async def _insist(self, append: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await append()
            except asyncio.CancelledError as cancelled:
                self._interrupt(cancelled)  # and append again: with `at` that is safe
            else:
                break

    async def _do_duties(self) -> None:
        if self.duties.are_due and self._stop is None:
            await self._insist(lambda: self.duties.do(self))

    async def _pause(self, pause: Awaitable[None]) -> None:
        """Wait for something that is not the agent, in its stead.

        A cancellation that arrives here, as of an `asyncio.timeout` in the agent, is the agent's.
        """
        try:
            await pause
        except asyncio.CancelledError as cancelled:
            self._interrupt(cancelled)

    def _interrupt(self, cancelled: asyncio.CancelledError) -> None:
        if self._steps is not None:
            self._steps.interrupt(cancelled)

    async def _failed(self, error: LogError) -> Terminal:
        """What to end with. In the place of entries that a shared log has lost stands that it has.

        So no number is given twice, and who has read them goes on with what comes after.
        """
        if isinstance(error, Diverged) and self._owner.is_leased:
            with suppress(LogError):
                lost = await self._owner.catch_up()
                self._in_doubt = [encode(LOST)] * lost + self._in_doubt
        return LOG_FAILED

    async def _end(self, terminal: Terminal, ended: Callable[["Run"], Awaitable[None]]) -> None:
        try:
            if terminal is RELEASED:
                await self._hand_over()
            elif terminal is not FENCED:
                await self._say_last(terminal)
        except LogError:
            log.exception("Run %s: its end could not be logged", self.id)
            if self._owner.is_leased:  # then another worker will end it
                self.outcome = self.farewell = None
        self._stop = self._stop or terminal
        self.dialogue.close()
        if self._grace:
            self._grace.cancel()
        await self.duties.end()
        await ended(self)
        self.ended.set()
        self.readers.end()

    async def _hand_over(self) -> None:
        batch, self._batch = self._batch, []
        self.readers.written(sum(map(len, batch)))
        await self._insist(self.duties.come_through)
        await self._insist(lambda: self._owner.release(batch))

    async def _say_last(self, terminal: Terminal) -> None:
        last = [*self._batch, *map(encode, self._blocks.close())]
        self._batch = []
        try:
            last.append(encode(terminal))
        except Exception:
            log.exception("Run %s: its outcome is not JSON", self.id)
            terminal = FAILED
            last.append(encode(terminal))
        self._stop = self.outcome = terminal
        entries = [*self._in_doubt, *last]
        seq = self.last + len(entries)
        self.farewell = Page(self.last + 1, entries, seq, DELETED, None, b"")
        self.dialogue.close()
        if self._in_doubt:  # as it was sent the first time, so that the log can tell
            await self._append(self._in_doubt, 0)
        await self._append(last, sum(map(len, last)), ENDS[terminal.type])

    async def _close(self) -> None:
        if self._steps is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._steps.aclose()
        except TimeoutError:
            log.warning("Run %s: the agent did not end within %s s", self.id, CLOSE_SECONDS)
        except (Exception, SystemExit):
            log.exception("Run %s: the agent failed in its clean-up", self.id)

    def _final(self, terminal: Terminal) -> Terminal:
        if isinstance(terminal, Complete) and terminal.data is None and self.output:
            return replace(terminal, data=self._whole_output())
        return terminal

    def _whole_output(self) -> str | None:
        if not self.is_output_whole:
            return None  # it was said, delta by delta
        return self.output.decode("utf-8")

    def expect_client(self) -> None:
        """The follower who leaves next comes back with an answer."""
        self._is_expecting = True

    def _deserted(self) -> None:
        """The last follower has left."""
        is_expecting, self._is_expecting = self._is_expecting, False
        grace = self._config.on_disconnect
        if self.outcome is not None or self.ended.is_set() or grace == "continue" or is_expecting:
            return
        if self._grace:
            self._grace.cancel()  # each desertion has the whole grace
        seconds = 0 if grace == "cancel" else grace
        loop = asyncio.get_running_loop()
        self._grace = loop.call_later(seconds, self._cancel_if_deserted)

    def _cancel_if_deserted(self) -> None:
        if not self.readers:
            self.cancel("disconnected")


def _told(error: BaseException) -> AgentError | None:
    """The error that the agent has raised for the client to see, also from a task group."""
    if isinstance(error, ExceptionGroup):
        inner = cast(ExceptionGroup[Exception], error).exceptions
        return _told(inner[0]) if len(inner) == 1 else None
    return error if isinstance(error, AgentError) else None


def _is_cancelled() -> bool:
    """Whether somebody has cancelled this task; else the agent raised CancelledError itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
