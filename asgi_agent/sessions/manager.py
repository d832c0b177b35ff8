"""All sessions that a worker knows: their turns, and when they are forgotten."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from ..agents import Message
from ..config import ServerConfig
from ..errors import (
    AlreadyAnswered,
    BeingBegun,
    Fenced,
    KeyReused,
    LogError,
    Missing,
    SessionBusy,
    UnknownQuestion,
    UnknownSession,
)
from ..events import Approval, ClientTool, Question
from ..runs import Asked, Run, Runs, Steering
from ..runs.dialogue import ANSWERED
from .book import Book
from .keys import Names, names_of
from .session import KEPT_TURNS, Session, SessionStatus, begun

log = logging.getLogger("asgi_agent")

FORMER_SESSIONS = 10_000  # of which the number of turns is still known
RETRY_SECONDS = 0.05  # while another request, or worker, is busy with the session
BUSY = "This session has a turn under way."


class SessionManager:
    """The sessions of this worker, least recently used first; the event log has all of them."""

    def __init__(self, runs: Runs, config: ServerConfig) -> None:
        self._runs = runs
        self._steering = Steering(runs)
        self._book = Book(runs.log, runs, config.lease_seconds)
        self._config = config
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._cleaning: set[asyncio.Task[int]] = set()
        self._former: OrderedDict[str, int] = OrderedDict()  # sessions that are gone: their turns

    @property
    def active_count(self) -> int:
        """How many sessions have an active run, on this worker."""
        return self._runs.active_count

    def __len__(self) -> int:
        return len(self._sessions)

    async def create_session(
        self,
        prompt: str,
        history: Sequence[Message] | None = None,
        session_id: str | None = None,
        principal: Any = None,
        *,
        key: str | None = None,
    ) -> Session:
        """Start a turn: of the session that `session_id` names, or else of a new one.

        `history` takes the place of what the session remembers. Raises `SessionBusy` while a turn
        is under way, and `TooManyRuns` at the limit; then nothing has changed.

        With a `key` that the same principal has used before, for the same, nothing is started: this
        is the session of then, as long as its run is kept. Raises `KeyReused` if it was for
        something else.
        """
        names = names_of(prompt, history, session_id, principal, key)
        return await self.begin(names, prompt, history, principal)

    async def begin(
        self, names: Names, prompt: str, history: Sequence[Message] | None, principal: Any
    ) -> Session:
        """The same under these names. `Session.turn_of` tells which turn that is."""
        asked = Asked(prompt, tuple(history or ()), names.session_id, principal)
        patience = _now() + self._config.lease_seconds
        while True:
            earlier = await self._find_repeated(names) if names.has_key else None
            if earlier is not None:
                return earlier
            try:
                return await self._begin(names, asked, history is not None)
            except BeingBegun:  # with a key, perhaps by the same request
                if not names.has_key or _now() >= patience:
                    raise SessionBusy(BUSY) from None
            except SessionBusy:  # since we looked, perhaps with the same request
                earlier = await self._find_repeated(names) if names.has_key else None
                if earlier is None:
                    raise
                return earlier
            await asyncio.sleep(RETRY_SECONDS)

    async def get_session(self, session_id: str) -> Session:
        """The session as it is now. Raises `UnknownSession` if it never was, or has expired."""
        session = await self._find(session_id)
        if session is None:
            raise UnknownSession("Session not found or expired")
        self._touch(session)
        await self._book.note_use(session, self._config.session_timeout_seconds)
        return session

    async def cancel(self, session: Session, reason: str | None = None) -> None:
        """Cancel the turn that is under way; when this returns, it has ended.

        Raises `SessionBusy` if nothing runs.
        """
        await self._steering.cancel(session.run_id or "", reason)

    async def answer(self, session: Session, question_id: str, value: Any) -> None:
        """Answer what the agent has asked. Raises `UnknownQuestion` or `AlreadyAnswered`."""
        try:
            await self._steering.answer(session.run_id or "", question_id, value)
        except UnknownQuestion:
            if question_id in session.answered:
                raise AlreadyAnswered(ANSWERED) from None
            raise

    async def questions(self, session: Session) -> list[Question | Approval | ClientTool]:
        """What still has to be answered, in the order in which it was asked."""
        return await self._steering.questions(session.run_id or "")

    async def send(self, session: Session, message: Any) -> None:
        """Put a message into the agent's inbox. Raises `SessionBusy` if nothing runs."""
        await self._steering.tell(session.run_id or "", message)

    async def remove_session(self, session_id: str) -> None:
        """Cancel what the session is doing, and free all that is kept of it."""
        session = await self.get_session(session_id)
        with suppress(Missing):  # somebody else has freed it
            while True:
                with suppress(Fenced):  # somebody has used it meanwhile
                    if await self._remove(session):
                        break
                await asyncio.sleep(RETRY_SECONDS)
        self._drop(session)

    async def close(self) -> None:
        """Free nothing more of one's own accord, until a session is used again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.gather(*self._cleaning)

    async def cleanup_expired(self) -> int:
        """Free the sessions that have expired; how many there were. A timer calls it in time.

        A run that waits for an answer, without a follower, is cancelled when it is found so twice.
        """
        count = 0
        now = _now()
        for session in list(self._sessions.values()):
            if session.used_at + self._config.session_timeout_seconds > now:
                break
            if session.is_active:
                await self._check_on(session)
            elif await self._expire(session):
                count += 1
        self._arm()
        return count

    # Turns

    async def _find_repeated(self, names: Names) -> Session | None:
        """The session of a request that came before, if its turn has begun."""
        try:
            page = await self._runs.read(names.run_id, 0)
        except Missing:
            return None
        session_id = names.session_of(page.meta)
        if session_id is None:
            raise KeyReused("This Idempotency-Key came with another request before.")
        if not page.last and page.end is None and not page.is_owned:
            return None  # it was created, and nothing more
        session = await self._find(session_id)
        return session if session is not None and names.run_id in session.turns else None

    async def _begin(self, names: Names, asked: Asked, has_history: bool) -> Session:
        session = await self._find(names.session_id, names.run_id)
        session = session or self._keep(self._new(names.session_id))
        if session.is_beginning:
            raise BeingBegun(BUSY)
        _check_idle(session, names.run_id)
        session.is_beginning = True
        try:
            self._runs.check_room()
            async with session.claiming:
                await self._begin_claimed(session, names, asked, has_history)
        except BaseException:
            if session.seen == 0:
                self._drop(session)
            raise
        finally:
            session.is_beginning = False
        self._keep(session)  # it may have been freed before it was claimed
        self._touch(session)
        await self._book.free_turns(session, KEPT_TURNS)
        await self._make_room()
        return session

    async def _begin_claimed(
        self, session: Session, names: Names, asked: Asked, has_history: bool
    ) -> None:
        epoch = await self._book.claim_or_create(session)
        if epoch is None:
            raise BeingBegun(BUSY)
        try:
            await self._book.refresh(session)
            await self._start(session, names, asked, has_history, epoch)
        except Fenced as error:
            raise BeingBegun(BUSY) from error
        except BaseException:
            await self._book.release(session, epoch)
            raise

    async def _start(
        self, session: Session, names: Names, asked: Asked, has_history: bool, epoch: int
    ) -> None:
        # It may have been written before, if only the answer was lost, and nothing has begun.
        is_written = session.status is SessionStatus.STREAMING and session.run_id == names.run_id
        if not is_written:
            await self._book.settle(session)
            _check_idle(session, names.run_id)
        turn = len(session.turns) + (not is_written)
        history = asked.history if has_history else None
        if history is None:
            known = session.history[:-1] if is_written else session.history
            asked = replace(asked, history=tuple(known))

        async def write(run: Run) -> None:
            if is_written:
                await self._book.release(session, epoch)
            else:
                entry = begun(turn, run.id, asked.prompt, history)
                await self._book.write(session, entry, epoch)
                await self._book.refresh(session)
            session.run = run

        async def ended(run: Run) -> None:
            await self._ended(session, turn, run)

        await self._runs.start(asked, ended, run_id=names.run_id, meta=names.meta, begun=write)

    async def _ended(self, session: Session, turn: int, run: Run) -> None:
        session.answered = run.dialogue.answered
        if run.ending is not None:
            await self._book.end(session, turn, run.ending)
            self._touch(session)
        session.run = self._runs.get(session.run_id or "")

    # What is known here

    def _new(self, session_id: str) -> Session:
        former = self._former.pop(session_id, 0)
        return Session(session_id, self._config.max_history_bytes, former)

    def _keep(self, session: Session) -> Session:
        return self._sessions.setdefault(session.session_id, session)

    async def _find(self, session_id: str, run_id: str | None = None) -> Session | None:
        """The session as it is now, but for a turn of this run, which is about to be begun."""
        session = self._sessions.get(session_id)
        if session is not None and session.is_expired(self._config.session_timeout_seconds):
            await self._expire(session)
            session = self._sessions.get(session_id)  # somebody may have come in between
        found = session or Session(session_id, self._config.max_history_bytes)
        try:
            await self._book.refresh(found)
        except Missing:
            if session is not None and not session.is_beginning:
                self._drop(session)
            return self._sessions.get(session_id)
        if found.seen == 0:
            return session  # somebody is about to begin it
        session = self._keep(found)
        if session.run_id != run_id:
            await self._book.settle(session)
        return session

    def _touch(self, session: Session) -> None:
        session.used_at = _now()
        if self._sessions.get(session.session_id) is session:
            self._sessions.move_to_end(session.session_id)
        self._arm()

    def _drop(self, session: Session) -> None:
        if self._sessions.get(session.session_id) is session:
            del self._sessions[session.session_id]

    # To forget

    async def _remove(self, session: Session) -> bool:
        """Cancel its turn, and free it; False if somebody has begun another turn meanwhile."""
        if session.status is SessionStatus.STREAMING:
            with suppress(SessionBusy):
                await self.cancel(session, "deleted")
            await self._book.settle(session)
        async with session.claiming:
            epoch = await self._book.claim(session)
            if epoch is None:
                await self._book.refresh(session)
                return False
            await self._book.refresh(session)
            if session.is_active:
                await self._book.release(session, epoch)
                return False
            await self._free(session, epoch)
        return True

    async def _expire(self, session: Session) -> bool:
        """Free an idle session, unless somebody uses it; then it lives on."""
        try:
            if await self._retire(session):
                session.status = SessionStatus.EXPIRED
                return True
        except Missing:
            self._drop(session)
            return True
        except LogError:
            log.exception("Session %s: it cannot be freed now", session.session_id)
        self._touch(session)
        return False

    async def _retire(self, session: Session) -> bool:
        """Free the session, unless somebody has used it since we know of it."""
        async with session.claiming:
            seen = session.seen
            epoch = None if session.is_active else await self._book.claim(session)
            if epoch is None:
                return False
            await self._book.refresh(session)
            if session.seen != seen or session.is_active:
                await self._book.release(session, epoch)
                return False
            await self._free(session, epoch)
            return True

    async def _free(self, session: Session, epoch: int) -> None:
        self._drop(session)  # if it cannot be freed, it is read again when it is used
        self._former[session.session_id] = len(session.turns)
        if len(self._former) > FORMER_SESSIONS:
            self._former.popitem(last=False)
        await self._book.free(session, epoch)

    async def _check_on(self, session: Session) -> None:
        """A session that is active is not forgotten; but nobody may hear what its agent asks."""
        try:
            await self._book.refresh(session)
            await self._book.settle(session)
            run = self._runs.get(session.run_id or "")
            asked = [each.id for each in run.dialogue.questions] if run and not run.readers else []
            was, session.unanswered = session.unanswered, asked
            if run and asked and asked == was:
                run.cancel("abandoned")
        except LogError:
            log.exception("Session %s: it cannot be looked at now", session.session_id)
        self._touch(session)

    async def _make_room(self) -> None:
        surplus = len(self) - self.active_count - self._config.max_idle_sessions
        if surplus > 0:
            idle = (each for each in self._sessions.values() if not each.is_active)
            for session in list(islice(idle, surplus)):
                with suppress(LogError):
                    await self._retire(session)
                self._drop(session)

    def _arm(self) -> None:
        """Wake up when the session that was used longest ago expires."""
        if self._timer is None and self._sessions:
            first = next(iter(self._sessions.values()))
            when = first.used_at + self._config.session_timeout_seconds
            self._timer = asyncio.get_running_loop().call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        task = asyncio.create_task(self.cleanup_expired())
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)


def _check_idle(session: Session, run_id: str) -> None:
    if session.status is SessionStatus.STREAMING and session.run_id != run_id:
        raise SessionBusy(BUSY)


def _now() -> float:
    return asyncio.get_running_loop().time()
