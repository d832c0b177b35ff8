"""What passes between an agent and its client while a run goes on: questions, answers, messages."""

import asyncio
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any
from uuid import uuid4

from ..errors import AlreadyAnswered, BadRequest, UnknownQuestion, UsageError
from ..events import AgentEvent, Approval, ClientTool, Question, fields_of

INBOX_MESSAGES = 1024  # what a client may send before the agent has read any of it, ...
INBOX_BYTES = 8 << 20  # ... and how much of it may be sound
ANSWERED = "This question has been answered."
NOBODY_ASKED = "Nobody has asked this question."
ASK = "ask_"  # how the ID of a question begins that a function of the agent's waits for


class Inbox:
    """What the client sends while the run goes on, in order. It has no end of its own."""

    def __init__(self) -> None:
        self._bytes = 0

    @cached_property
    def _messages(self) -> asyncio.Queue[Any]:
        return asyncio.Queue()  # 3 kB, which most runs never need

    def put(self, message: Any) -> None:
        """Add a message. Raises `BadRequest` if the agent has left too many unread."""
        size = self._bytes + _size(message)
        if self._messages.qsize() >= INBOX_MESSAGES or size > INBOX_BYTES:
            raise BadRequest("The agent does not read its messages.")
        self._bytes = size
        self._messages.put_nowait(message)

    def __aiter__(self) -> "Inbox":
        return self

    async def __anext__(self) -> Any:
        message = await self._messages.get()
        self._bytes -= _size(message)
        return message


class Dialogue:
    """The questions of one run, each answered once, and the inbox of its agent."""

    def __init__(self, say: Callable[[AgentEvent], None]) -> None:
        self._say = say
        self._open: dict[str, Question | Approval | ClientTool] = {}
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._answered: set[str] = set()
        self._earlier: list[Question | Approval] = []  # asked on another worker; see `restore`
        self._given: dict[str, Any] = {}  # the answers to those
        self._is_over = False
        self.inbox = Inbox()

    def close(self) -> None:
        """The run has ended: nobody can answer any more. Who still waits is cancelled."""
        self._is_over = True
        for waiting in self._answers.values():
            waiting.cancel()

    def restore(self, said: Iterable[AgentEvent]) -> None:
        """The run has said this on another worker, and its agent begins again.

        What it asks for the first time of these is not said again: a question that is equal to one
        asked before has that one's ID, in the order in which they were asked, and its answer. All
        else that the client has sent comes to the inbox once more.
        """
        for event in said:
            self.expect(event)
            if isinstance(event, Question | Approval) and event.id.startswith(ASK):
                self._earlier.append(event)

    @property
    def questions(self) -> list[Question | Approval | ClientTool]:
        """What still has to be answered, in the order in which it was asked."""
        return list(self._open.values())

    @property
    def answered(self) -> frozenset[str]:
        """The IDs of what has its answer."""
        return frozenset(self._answered)

    async def ask(self, prompt: str, schema: dict[str, Any] | None = None) -> Any:
        """Ask the client, and wait for the answer."""
        return await self._answer_to(Question(ASK + uuid4().hex, prompt, schema))

    async def approve(self, tool_id: str, name: str, args: Any, message: str = "") -> bool:
        """Ask whether a tool may run; only a true `true` is a yes."""
        question = Approval(ASK + uuid4().hex, tool_id, name, args, message)
        return await self._answer_to(question) is True

    def expect(self, event: AgentEvent) -> None:
        """Note what the agent itself has said that wants an answer. It comes to the inbox."""
        if isinstance(event, ClientTool | Question | Approval):
            self._open[event.id] = event
            self._answered.discard(event.id)  # an agent may ask under the same ID again

    def answer(self, question_id: str, value: Any) -> None:
        """Answer a question. Raises `UnknownQuestion` or `AlreadyAnswered`."""
        self.check(question_id)
        waiting = self._answers.pop(question_id, None)
        if any(question_id == each.id for each in self._earlier):
            self._given[question_id] = value
        elif waiting is None:
            self.inbox.put({"id": question_id, "value": value})
        elif not waiting.done():
            waiting.set_result(value)
        del self._open[question_id]
        self._answered.add(question_id)

    def check(self, question_id: str) -> None:
        """Raise what `answer` would raise."""
        if question_id in self._answered:
            raise AlreadyAnswered(ANSWERED)
        if question_id not in self._open:
            raise UnknownQuestion(NOBODY_ASKED)

    async def _answer_to(self, question: Question | Approval) -> Any:
        if self._is_over:
            raise UsageError("the run has ended, and nobody can answer")
        earlier = self._take_earlier(question)
        if earlier and earlier.id in self._given:
            return self._given.pop(earlier.id)
        question = earlier or question
        self._answers[question.id] = asyncio.get_running_loop().create_future()
        try:
            if earlier is None:
                self._say(question)
            return await self._answers[question.id]
        finally:
            self._answers.pop(question.id, None)
            self._open.pop(question.id, None)

    def _take_earlier(self, question: Question | Approval) -> Question | Approval | None:
        asked = _content(question) if self._earlier else {}
        for index, earlier in enumerate(self._earlier):
            if _content(earlier) == asked:
                return self._earlier.pop(index)
        return None


def _content(question: Question | Approval) -> dict[str, Any]:
    return {**fields_of(question), "type": question.type, "id": None}


def _size(message: Any) -> int:
    return len(message) if isinstance(message, bytes) else 0
