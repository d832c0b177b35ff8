"""What the owner of a run has to do beside the agent: renew its lease, and read its mail.

The run's own task does it, between two steps of the agent, so that there is one writer; here stands
when. A log that nobody shares has no such duties.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from ..errors import BadRequest, LogError, Unavailable
from ..logs import EventLog
from .dialogue import Dialogue
from .mailbox import Answer, Attends, Cancel, Letter, Mailbox, Tell, Tried
from .ownership import Ownership
from .readers import Readers

log = logging.getLogger("asgi_agent")

KEEP_SECONDS = 60.0  # how often logs that nobody writes are kept from being freed by their age


class Owner(Protocol):
    """The run whose duties these are."""

    id: str
    dialogue: Dialogue
    readers: Readers

    def cancel(self, reason: str | None = None) -> None: ...

    def expect_client(self) -> None: ...

    def attend(self) -> None: ...


class Duties:
    """The duties of the owner of one run. `keeps` are the logs to keep as long as it goes on."""

    def __init__(self, eventlog: EventLog, owner: Ownership, mailbox: Mailbox, *keeps: str) -> None:
        self.are_due = False
        self._log = eventlog
        self._owner = owner
        self._mailbox = mailbox
        self._keeps = (mailbox.key, *keeps)
        self._kept_at = 0.0
        self._read = 0  # the number of the last letter that was read
        self._refused: dict[int, BadRequest] = {}
        self._is_over = False
        self._has_come_through = False
        self._timer: asyncio.TimerHandle | None = None
        self._unwatch: Callable[[], Awaitable[None]] | None = None

    async def begin(self, run: Owner) -> None:
        """From now on. Raises `Missing` without a mailbox."""
        if not self._owner.is_leased:
            return
        self._kept_at = _now()
        self._unwatch = await self._mailbox.watch(lambda: self._ring(run))
        self._beat(run)

    async def end(self) -> None:
        """The run is over, or no longer ours."""
        self._is_over = True
        self.are_due = False
        if self._timer is not None:
            self._timer.cancel()
        if self._unwatch is not None:
            with suppress(LogError):
                await self._unwatch()

    async def do(self, run: Owner) -> None:
        """Do what is due. Raises `Fenced` when the run is not ours any more."""
        self.are_due = False
        if self._owner.is_due:
            await self._owner.append(())
        try:
            async with asyncio.timeout(self._owner.seconds / 3):  # else the lease would run out
                await self.read_mail(run)
                if _now() - self._kept_at >= KEEP_SECONDS:
                    self._kept_at = _now()
                    await self._keep()
        except (Unavailable, TimeoutError):
            log.warning("Run %s: its mail cannot be read now", run.id)  # the next beat tries again

    async def read_mail(self, run: Owner) -> None:
        """Read what has come, in order and once, whoever of several tasks does it."""
        for number, letter in await self._mailbox.read(self._read):
            if number > self._read and not self._is_over:
                self._read = number
                try:
                    _deliver(run, letter)
                except BadRequest as error:
                    self._refused[number] = error

    def verdict(self, number: int) -> None:
        """Raise what was wrong with this letter. It was read."""
        refused = self._refused.pop(number, None)
        if refused is not None:
            raise refused

    async def come_through(self) -> None:
        """Let others know that nobody was lost with the run here."""
        self._has_come_through = True
        with suppress(LogError):
            await self._mailbox.add(Tried(self._owner.last, has_come_through=True))

    async def _keep(self) -> None:
        keys = self._keeps
        if not self._has_come_through:
            await self.come_through()
            keys = keys[1:]  # the mailbox has been written
        for key in keys:
            with suppress(LogError):
                await self._log.append(key, ())

    def _beat(self, run: Owner) -> None:
        self._ring(run)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._owner.seconds / 3, self._beat, run)

    def _ring(self, run: Owner) -> None:
        self.are_due = True
        run.attend()


def _deliver(run: Owner, letter: Letter) -> None:
    match letter:
        case Cancel(reason):
            run.cancel(reason)
        case Answer(question_id, value):
            run.dialogue.answer(question_id, value)
        case Tell(message):
            run.dialogue.inbox.put(message)
        case Attends(worker, seconds, is_expecting):
            if is_expecting:
                run.expect_client()
            run.readers.elsewhere(worker, seconds)
        case _:
            pass  # the prompt: it is known


def _now() -> float:
    return asyncio.get_running_loop().time()
