"""What a run is told from outside, whichever worker hears it: a log of its own, beside the run's.

Everybody may append; the owner reads it. The first letter is the prompt itself, where another
worker may have to go on with the run. Of two answers to one question the earlier one counts.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias

from ..agents import Message
from ..errors import Missing
from ..events import to_json
from ..logs import EventLog, Page, Wake
from .keys import mailbox_of

PAGE_LETTERS = 256


@dataclass(frozen=True, slots=True)
class Asked:
    """What a turn was asked. The principal comes back as its JSON."""

    type: ClassVar[str] = "asked"
    prompt: str
    history: tuple[Message, ...] = ()
    session_id: str = ""
    principal: Any = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the run."""

    type: ClassVar[str] = "cancel"
    reason: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question, an approval or a client tool."""

    type: ClassVar[str] = "answer"
    id: str
    value: Any


@dataclass(frozen=True, slots=True)
class Tell:
    """A message for the agent's inbox."""

    type: ClassVar[str] = "tell"
    message: Any


@dataclass(frozen=True, slots=True)
class Attends:
    """A worker follows the run, or none of its clients does any more."""

    type: ClassVar[str] = "attends"
    worker: str
    seconds: float  # for how long this is true, unless it is said again; 0: nobody does
    is_expecting: bool  # who has left comes back with an answer


@dataclass(frozen=True, slots=True)
class Tried:
    """A worker goes on with the run; or it has done so for a while, and was not lost."""

    type: ClassVar[str] = "tried"
    last: int  # the newest entry then
    has_come_through: bool = False


Letter: TypeAlias = Asked | Cancel | Answer | Tell | Attends | Tried

# What is kept of these is their fields.
PLAIN: dict[str, Callable[..., Letter]] = {
    each.type: each for each in (Cancel, Answer, Tell, Attends, Tried)
}


class Mailbox:
    """The mailbox of one run."""

    def __init__(self, eventlog: EventLog, run_id: str) -> None:
        self.key = mailbox_of(run_id)
        self._log = eventlog

    async def open(self, *letters: Letter) -> None:
        """Begin it with these letters, unless it has some."""
        await self._log.create(self.key)
        if letters:
            # `at` keeps a second attempt from adding them again.
            await self._log.append(self.key, list(map(_encode, letters)), at=0)

    async def send(self, letter: Letter) -> int:
        """Add a letter: its number. It is not sent again here, as nothing could tell the two."""
        try:
            return await self.add(letter)
        except Missing:
            await self._log.create(self.key)
            return await self.add(letter)

    async def add(self, letter: Letter) -> int:
        """The same where there is a mailbox. Raises `Missing`."""
        return await self._log.append(self.key, [_encode(letter)])

    async def read(self, after: int = 0) -> list[tuple[int, Letter]]:
        """All letters numbered above `after` that are kept, with their numbers."""
        letters: list[tuple[int, Letter]] = []
        while True:
            try:
                page = await self._log.read(self.key, after, PAGE_LETTERS)
            except Missing:
                return letters
            letters += _letters(page)
            after = page.through
            if not page.entries or after >= page.last:
                return letters

    async def watch(self, wake: Wake) -> Callable[[], Awaitable[None]]:
        """Call `wake` when a letter may have come; see `EventLog.watch`."""
        return await self._log.watch(self.key, wake)


def answers(letters: Sequence[tuple[int, Letter]], question_id: str) -> int:
    """How often the question was answered."""
    return sum(isinstance(each, Answer) and each.id == question_id for _, each in letters)


def tries(letters: Iterable[Letter], last: int) -> int:
    """How many workers in a row went on with the run after this entry, and were soon lost."""
    count = 0
    for letter in letters:
        if isinstance(letter, Tried):
            count = 0 if letter.has_come_through or letter.last != last else count + 1
    return count


def _letters(page: Page) -> Iterator[tuple[int, Letter]]:
    for number, kept in enumerate(page.entries, page.start):
        yield number, _decode(kept)


def _encode(letter: Letter) -> bytes:
    return to_json({"type": letter.type, **_fields(letter)})


def _fields(letter: Letter) -> dict[str, Any]:
    match letter:
        case Asked(prompt, history, session_id, principal):
            return {
                "prompt": prompt,
                "history": [dict(message) for message in history],
                "session_id": session_id,
                "principal": principal,
            }
        case Tell(bytes(sound)):
            return {"bytes": base64.b64encode(sound).decode()}
        case _:
            return {each.name: getattr(letter, each.name) for each in fields(letter)}


def _decode(kept: bytes) -> Letter:
    value = json.loads(kept)
    match value.pop("type"):
        case Asked.type:
            value["history"] = tuple(value["history"])
            return Asked(**value)
        case Tell.type if "bytes" in value:
            return Tell(base64.b64decode(value["bytes"]))
        case kind:
            return PLAIN[kind](**value)
