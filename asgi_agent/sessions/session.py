"""One conversation, as the log of its turns tells it.

The log has an entry when a turn begins and one when it has ended; each says the number of its turn,
so that what is left is right though older entries are kept no longer. Of two entries that tell
the same, as two workers may write them, the first counts.
"""

import asyncio
import json
import math
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Any
from uuid import uuid4

from ..agents import Message
from ..errors import UnknownSession
from ..events import Cancelled, Complete, Error, Terminal, to_json
from ..logs import Page
from ..runs import Ending, Run
from ..runs.keys import session_log

KEPT_TURNS = 8  # whose event streams can still be read; the history has all turns


class SessionStatus(StrEnum):
    """How a session stands: how its latest turn does."""

    PENDING = "pending"
    STREAMING = "streaming"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ERROR = "error"
    EXPIRED = "expired"


class Session:
    """One conversation. Its turns are numbered from 1; each is one run.

    Every worker has its own copy, which is as new as what it has last read of the log.
    """

    def __init__(
        self, session_id: str, history_bytes: int = 4 << 20, former_turns: int = 0
    ) -> None:
        self.session_id = session_id
        self.key = session_log(session_id)  # of its log
        self.meta = b""  # of its log: another one of the same name has another
        self.created_at = time.time()  # Unix time
        self.seen = 0  # the number of the newest entry that is told here
        self.reading = asyncio.Lock()  # who reads on in the log, one after the other
        self.claiming = asyncio.Lock()  # who claims its log here
        self.is_beginning = False  # a turn is about to begin, here
        self.run: Run | None = None  # of the latest turn, while it is active on this worker
        self.used_at = asyncio.get_running_loop().time()  # on the event loop's clock
        self.noted_at = -math.inf  # when this worker has last told the log that it is used
        self.unanswered: list[str] = []  # the IDs of what was asked, and nobody followed, last time
        self.answered: frozenset[str] = frozenset()  # the IDs of what was, in the turn before
        self._history_bytes = history_bytes
        # Where the session was there before, a client may come back with an event ID of that time:
        # its turns are counted on, so that no ID is given to two events.
        self._former_turns = former_turns
        self._reset()

    def _reset(self) -> None:
        self.prompt = ""  # of the latest turn
        self.status = SessionStatus.PENDING
        self.history: list[Message] = []
        self._sizes: list[int] = []  # of its messages when they were told: agents get them too
        self._history_size = 0  # the sum
        self.error: str | None = None
        # Run IDs; None where the run is kept no longer.
        self.turns: list[str | None] = [None] * self._former_turns

    def turn_of(self, run_id: str) -> int:
        """The number of the turn that is this run. Raises `UnknownSession` if there is none."""
        if run_id not in self.turns:
            raise UnknownSession("This turn is kept no longer.")
        return self.turns.index(run_id) + 1

    @property
    def run_id(self) -> str | None:
        """The run of the latest turn, if it is kept."""
        return self.turns[-1] if self.turns else None

    @property
    def is_active(self) -> bool:
        """Whether a turn is under way, or about to be."""
        return self.is_beginning or self.status is SessionStatus.STREAMING

    def is_expired(self, timeout_seconds: float) -> bool:
        """Whether nobody has used the session for so long. One with an active run never is."""
        idle = asyncio.get_running_loop().time() - self.used_at
        return not self.is_active and idle >= timeout_seconds

    def read(self, page: Page) -> bool:
        """Go on with a page of its log; whether that was all of it."""
        if page.meta != self.meta or page.last < self.seen:
            is_new = self.meta == b""
            self.meta = page.meta
            self.created_at = json.loads(page.meta)["created_at"]
            if not is_new:  # it was deleted, and another one has its name
                self._reset()
                self.seen = 0
                return page.last == 0
        if page.start > self.seen + 1:  # what is between is kept no longer
            self._reset()
        for kept in page.entries:
            self.tell(kept)
        self.seen = page.through
        return self.seen >= page.last

    def tell(self, kept: bytes) -> None:
        """Go on with an entry of its log."""
        self.used_at = asyncio.get_running_loop().time()
        value = json.loads(kept)
        match value["type"]:
            case "begun":
                self._begin(value["turn"], value["run"], value["prompt"], value["history"])
            case "ended":
                self._end(value["turn"], value)
            case _:
                pass  # it is used: that is all

    def _begin(
        self, turn: int, run_id: str, prompt: str, history: Sequence[Message] | None
    ) -> None:
        if turn <= len(self.turns):
            if self.run_id is not None:
                return  # it was written twice
            self.turns = []  # those of before: another worker, which knew none, has made its log
        self.turns += [None] * (turn - 1 - len(self.turns))
        self.turns.append(run_id)
        self.prompt = prompt
        self.error = None
        self.status = SessionStatus.STREAMING
        if history is not None:
            self.history, self._sizes, self._history_size = [], [], 0
        self._remember([*(history or ()), {"role": "user", "content": prompt}])

    def _end(self, turn: int, value: dict[str, Any]) -> None:
        if turn > len(self.turns):  # its beginning is kept no longer
            self.turns += [None] * (turn - len(self.turns))
        elif turn < len(self.turns) or self.status is not SessionStatus.STREAMING:
            return
        self.status = SessionStatus(value["status"])
        self.error = value["error"]
        if value["answer"]:
            # Also of a turn that was cancelled or failed: the client has read it.
            message = {"role": "assistant", "content": value["answer"]}
            cut = {} if value["is_whole"] else {"truncated": True}
            self._remember([{**message, **cut}])

    def _remember(self, messages: Sequence[Message]) -> None:
        """Add to the history, of which the oldest messages go where there are too many bytes."""
        sizes = [_size(message) for message in messages]
        self.history += messages
        self._sizes += sizes
        self._history_size += sum(sizes)
        first, newest = 0, len(self.history) - 1  # which is never forgotten
        while self._history_size > self._history_bytes and first < newest:
            self._history_size -= self._sizes[first]
            first += 1
        del self.history[:first], self._sizes[:first]

    def forget_turns(self, kept: int) -> list[str]:
        """Forget all but the latest turns: the IDs of their runs."""
        forgotten: list[str] = []
        for index in range(len(self.turns) - kept):
            run_id, self.turns[index] = self.turns[index], None
            if run_id is not None:
                forgotten.append(run_id)
        return forgotten


def created() -> bytes:
    """The `meta` of the log of a session that begins now."""
    return to_json({"created_at": time.time(), "nonce": uuid4().hex})


def begun(turn: int, run_id: str, prompt: str, history: Sequence[Message] | None) -> bytes:
    """The entry of a turn that begins. `history` takes the place of what is remembered."""
    told = None if history is None else [dict(message) for message in history]
    return to_json(
        {"type": "begun", "turn": turn, "run": run_id, "prompt": prompt, "history": told}
    )


def ended(turn: int, ending: Ending) -> bytes:
    """The entry of a turn that has ended."""
    error = ending.outcome.error if isinstance(ending.outcome, Error) else None
    return to_json(
        {
            "type": "ended",
            "turn": turn,
            "status": _status(ending.outcome),
            "error": error,
            "answer": ending.answer,
            "is_whole": ending.is_whole,
        }
    )


USED = to_json({"type": "used"})


def _status(outcome: Terminal) -> SessionStatus:
    match outcome:
        case Complete():
            return SessionStatus.COMPLETED
        case Cancelled():
            return SessionStatus.CANCELLED
        case _:
            return SessionStatus.ERROR


def _size(message: Message) -> int:
    content = message.get("content", "")
    return len(content) if isinstance(content, str) else len(to_json(content))
