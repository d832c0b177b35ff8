"""How sessions stand in the event log, and how workers take turns at them.

A turn begins, and a session is freed, under a claim of the session's log: one worker does it at a
time, and a worker that dies meanwhile holds the others up for the time of a lease at most.
"""

import asyncio
import logging
from contextlib import suppress

from ..errors import LogError, Missing
from ..logs import DELETED, EventLog
from ..runs import Ending, Runs
from .session import USED, Session, SessionStatus, created, ended

log = logging.getLogger("asgi_agent")

NOTES = 4  # how often in its time-out other workers are told that a session is used


class Book:
    """The logs of all sessions."""

    def __init__(self, eventlog: EventLog, runs: Runs, lease_seconds: float) -> None:
        self._log = eventlog
        self._runs = runs
        self._lease_seconds = lease_seconds

    async def refresh(self, session: Session) -> None:
        """Read what other workers have written since. Raises `Missing` if it was freed."""
        async with session.reading:
            while not session.read(await self._log.read(session.key, session.seen)):
                pass

    async def claim(self, session: Session) -> int | None:
        """The right to free it; None while somebody else has it. Raises `Missing`."""
        return await self._log.claim(session.key, self._lease_seconds)

    async def claim_or_create(self, session: Session) -> int | None:
        """The right to begin a turn of it, or of a new one; None while somebody else has it."""
        if session.seen:
            with suppress(Missing):
                return await self.claim(session)
        await self._log.create(session.key, created())
        return await self.claim(session)

    async def write(self, session: Session, entry: bytes, epoch: int) -> None:
        """Add an entry, and give the claim back. Raises `Fenced` if it had run out."""
        await self._log.append(session.key, [entry], epoch=epoch)
        session.noted_at = _now()

    async def release(self, session: Session, epoch: int) -> None:
        """Give the claim back; a session of which nothing is known is none."""
        with suppress(LogError):  # then it runs out
            await self.refresh(session)
            if session.seen:
                await self._log.append(session.key, (), epoch=epoch)
            else:
                await self._log.append(session.key, (), epoch=epoch, end=DELETED)

    async def settle(self, session: Session) -> None:
        """Where its turn has ended, or its worker was lost, and nobody could write so: write it."""
        turn = len(session.turns)
        run_id = session.turns[-1] if turn else None
        if session.status is not SessionStatus.STREAMING or run_id is None:
            return
        if self._runs.get(run_id) is None:
            ending = await self._runs.ending(run_id)
            if ending is not None:
                await self.end(session, turn, ending)

    async def end(self, session: Session, turn: int, ending: Ending) -> None:
        """Write that the turn has ended, if nobody has."""
        entry = ended(turn, ending)
        try:
            await self._log.append(session.key, [entry])
            await self.refresh(session)
        except LogError as error:
            if not isinstance(error, Missing):
                log.exception("Session %s: the end of its turn", session.session_id)
            session.tell(entry)  # here it is known; others find it in the log of the run

    async def note_use(self, session: Session, timeout_seconds: float) -> None:
        """Tell other workers now and then that the session is used, so that they let it live."""
        if self._log.is_shared and _now() - session.noted_at >= timeout_seconds / NOTES:
            session.noted_at = _now()
            with suppress(LogError):
                await self._log.append(session.key, [USED])

    async def free_turns(self, session: Session, kept: int) -> None:
        """Free all but its latest turns."""
        for run_id in session.forget_turns(kept):
            await self._runs.delete(run_id)

    async def free(self, session: Session, epoch: int) -> None:
        """Free the session and its turns. Raises `Fenced` if the claim had run out."""
        with suppress(Missing):
            await self._log.append(session.key, (), epoch=epoch, end=DELETED)
        await self.free_turns(session, 0)


def _now() -> float:
    return asyncio.get_running_loop().time()
