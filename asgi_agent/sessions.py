"""Conversations: their turns, their history, and when they are forgotten."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from enum import StrEnum
from itertools import islice
from typing import Any
from uuid import uuid4

from .agents import Message
from .config import ServerConfig
from .errors import AlreadyAnswered, SessionBusy, UnknownQuestion, UnknownSession
from .events import Cancelled, Complete, Error, to_json
from .runs import Run, Runs

KEPT_TURNS = 8  # whose event streams can still be read; the history has all turns
FORMER_SESSIONS = 10_000  # of which the number of turns is still known


class SessionStatus(StrEnum):
    """How a session stands: how its latest turn does."""

    PENDING = "pending"
    STREAMING = "streaming"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ERROR = "error"
    EXPIRED = "expired"


class Session:
    """One conversation. Its turns are numbered from 1; each is one run."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.prompt = ""  # of the latest turn
        self.status = SessionStatus.PENDING
        self.created_at = time.time()  # Unix time
        self.history: list[Message] = []
        self.error: str | None = None
        self.turns: list[str | None] = []  # run IDs; None where the run is kept no longer
        self.run: Run | None = None  # of the latest turn, while it is active
        self.used_at = asyncio.get_running_loop().time()  # on the event loop's clock
        self.unanswered: list[str] = []  # the IDs of what was asked, and nobody followed, last time
        self.answered: frozenset[str] = frozenset()  # the IDs of what was, in the latest turn

    def remember(self, messages: Sequence[Message], limit: int) -> None:
        """Add to the history, of which the oldest messages go beyond `limit` bytes."""
        self.history = [*self.history, *messages]
        sizes = [_size(message) for message in self.history]
        surplus = sum(sizes) - limit
        first = 0
        while surplus > 0 and first < len(sizes) - 1:  # what was said last is never forgotten
            surplus -= sizes[first]
            first += 1
        self.history = self.history[first:]

    def is_abandoned(self) -> bool:
        """Whether the agent waits for an answer, as it did last time, and nobody follows it."""
        run = self.run
        asked = [each.id for each in run.dialogue.questions] if run and not run.readers else []
        was, self.unanswered = self.unanswered, asked
        return bool(asked) and asked == was

    @property
    def is_active(self) -> bool:
        """Whether a turn is under way, or about to be."""
        return self.status is SessionStatus.STREAMING

    def is_expired(self, timeout_seconds: float) -> bool:
        """Whether nobody has used the session for so long. One with an active run never is."""
        idle = asyncio.get_running_loop().time() - self.used_at
        return not self.is_active and idle >= timeout_seconds


class SessionManager:
    """All sessions of one server, least recently used first."""

    def __init__(self, runs: Runs, config: ServerConfig) -> None:
        self._runs = runs
        self._config = config
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._cleaning: set[asyncio.Task[int]] = set()
        self._former: OrderedDict[str, int] = OrderedDict()  # sessions that are gone: their turns

    @property
    def active_count(self) -> int:
        """How many sessions have an active run."""
        return self._runs.active_count

    def __len__(self) -> int:
        return len(self._sessions)

    async def create_session(
        self,
        prompt: str,
        history: Sequence[Message] | None = None,
        session_id: str | None = None,
        principal: Any = None,
    ) -> Session:
        """Start a turn: of the session that `session_id` names, or else of a new one.

        `history` takes the place of what the session remembers. Raises `SessionBusy` while a turn
        is under way, and `TooManyRuns` at the limit; then nothing has changed.
        """
        known = await self._find(session_id) if session_id else None
        session = known or self._new(session_id or str(uuid4()))
        if session.is_active:
            raise SessionBusy("This session has a turn under way.")
        before = session.status
        session.status = SessionStatus.STREAMING
        said = tuple(session.history if history is None else history)
        self._sessions[session.session_id] = session
        try:
            session.run = await self._runs.start(
                prompt, said, session.session_id, principal, lambda run: self._ended(session, run)
            )
        except BaseException:
            session.status = before
            if known is None:
                await self._remove(session)
            raise
        session.prompt = prompt
        session.error = None
        session.history = list(said)
        self._remember(session, "user", prompt)
        session.turns.append(session.run.id)
        self._touch(session)
        await self._forget_turns(session, KEPT_TURNS)
        await self._make_room()
        return session

    async def get_session(self, session_id: str) -> Session:
        """The session. Raises `UnknownSession` if it never was, or has expired."""
        session = await self._find(session_id)
        if session is None:
            raise UnknownSession("Session not found or expired")
        self._touch(session)
        return session

    async def cancel(self, session: Session, reason: str | None = None) -> None:
        """End the turn that is under way; when this returns, it has. Raises `SessionBusy`."""
        run = session.run
        if run is None:
            raise SessionBusy("Nothing is running.")
        run.cancel(reason)
        await run.ended.wait()

    async def answer(self, session: Session, question_id: str, value: Any) -> None:
        """Answer a question. Raises `UnknownQuestion` or `AlreadyAnswered`."""
        if session.run is None:
            if question_id in session.answered:
                raise AlreadyAnswered("This question has been answered.")
            raise UnknownQuestion("Nobody has asked this question.")
        session.run.dialogue.answer(question_id, value)

    async def remove_session(self, session_id: str) -> None:
        """Cancel what the session is doing, and free all that is kept of it."""
        session = await self.get_session(session_id)
        while session.run is not None:  # again, if somebody has begun another turn meanwhile
            session.run.cancel("deleted")
            await session.run.ended.wait()
        await self._remove(session)

    async def cleanup_expired(self) -> int:
        """Free the sessions that have expired; how many there were. A timer calls it in time.

        A run that waits for an answer, without a follower, is cancelled when it is found so twice.
        """
        count = 0
        now = asyncio.get_running_loop().time()
        for session in list(self._sessions.values()):
            if session.used_at + self._config.session_timeout_seconds > now:
                break
            if session.is_active:
                if session.run and session.is_abandoned():
                    session.run.cancel("abandoned")
                self._touch(session)
            else:
                count += 1
                await self._expire(session)
        self._arm()
        return count

    def _new(self, session_id: str) -> Session:
        session = Session(session_id)
        # It may have been there before, and a client may come back with an event ID of that time:
        # the turns are counted on, so that no ID is given to two events.
        session.turns = [None] * self._former.pop(session_id, 0)
        return session

    async def _find(self, session_id: str) -> Session | None:
        session = self._sessions.get(session_id)
        if session is None or not session.is_expired(self._config.session_timeout_seconds):
            return session
        await self._expire(session)
        return self._sessions.get(session_id)  # somebody may have come in between

    async def _expire(self, session: Session) -> None:
        session.status = SessionStatus.EXPIRED
        await self._remove(session)

    def _touch(self, session: Session) -> None:
        session.used_at = asyncio.get_running_loop().time()
        if self._sessions.get(session.session_id) is session:
            self._sessions.move_to_end(session.session_id)
        self._arm()

    def _ended(self, session: Session, run: Run) -> None:
        session.run = None
        session.answered = run.dialogue.answered
        match run.outcome:
            case Complete():
                session.status = SessionStatus.COMPLETED
            case Cancelled():
                session.status = SessionStatus.CANCELLED
            case Error(error=error):
                session.status = SessionStatus.ERROR
                session.error = error
            case _:
                session.status = SessionStatus.ERROR
        answer = _answer(run)
        if answer:
            # Also of a turn that was cancelled or failed: the client has read it.
            self._remember(session, "assistant", answer, is_whole=run.is_output_whole)
        self._touch(session)

    def _remember(
        self, session: Session, role: str, content: str, *, is_whole: bool = True
    ) -> None:
        message: Message = {"role": role, "content": content}
        if not is_whole:
            message = {**message, "truncated": True}
        session.remember([message], self._config.max_history_bytes)

    async def _remove(self, session: Session) -> None:
        if self._sessions.get(session.session_id) is session:
            del self._sessions[session.session_id]
            self._former[session.session_id] = len(session.turns)
            if len(self._former) > FORMER_SESSIONS:
                self._former.popitem(last=False)
        await self._forget_turns(session, 0)

    async def _forget_turns(self, session: Session, kept: int) -> None:
        for index in range(len(session.turns) - kept):
            run_id, session.turns[index] = session.turns[index], None
            if run_id is not None:
                await self._runs.delete(run_id)

    async def _make_room(self) -> None:
        surplus = len(self) - self.active_count - self._config.max_idle_sessions
        if surplus > 0:
            idle = (each for each in self._sessions.values() if not each.is_active)
            for session in list(islice(idle, surplus)):
                await self._remove(session)

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


def _size(message: Message) -> int:
    content = message.get("content", "")
    return len(content) if isinstance(content, str) else len(to_json(content))


def _answer(run: Run) -> str:
    match run.outcome:
        case Complete(data=str(data)) if not run.output:
            return data  # an agent may say its answer only as a whole
        case _:
            return run.output.decode("utf-8", "ignore")
