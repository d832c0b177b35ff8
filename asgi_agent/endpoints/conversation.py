"""One WebSocket, many turns: what the client says is heard while the agent speaks.

One task receives, one answers the prompts in their order, one pings in silence. The first to end
ends the others, and the connection.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from ..asgi import WebSocket, silence
from ..dialects.base import WebSocketDialect
from ..dialects.bond import parse_event_id
from ..errors import BadRequest, ClientDisconnected, TooManyRuns
from ..events import Entry, entry
from ..inputs import AnswerMessage, CancelMessage, PromptMessage, ResumeMessage
from ..sessions import Session
from .service import Service

QUEUED_PROMPTS = 16


class Conversation:
    """The turns of one WebSocket connection, in one dialect."""

    def __init__(
        self, service: Service, socket: WebSocket, dialect: WebSocketDialect, principal: Any
    ) -> None:
        self._service = service
        self._socket = socket
        self._dialect = dialect
        self._principal = principal
        self._session_id = str(uuid4())  # of prompts that name none: this connection's own
        self._current: Session | None = None
        self._asked: asyncio.Queue[PromptMessage | ResumeMessage] = asyncio.Queue(QUEUED_PROMPTS)
        self._is_beginning = False  # a prompt has left the queue, and its turn has not begun
        self._cancel_next = False
        self._heard: Callable[[], None] = lambda: None

    async def serve(self) -> None:
        """Accept the connection, and serve it until either side ends it."""
        await self._socket.accept()
        tasks = [asyncio.create_task(each()) for each in (self._listen, self._answer, self._ping)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._socket.close()
        for task in tasks:
            with suppress(asyncio.CancelledError, ClientDisconnected):
                task.result()

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear(await self._socket.receive())
            except BadRequest as error:
                await self._send(self._dialect.refuse(error))

    async def _hear(self, message: str | bytes) -> None:
        run = self._current.run if self._current else None
        if isinstance(message, bytes):
            if run is None:
                raise BadRequest("Expected a text message")
            run.dialogue.inbox.put(message)
            return
        match self._dialect.parse(message):
            case CancelMessage():
                if run is not None:
                    run.cancel()
                elif self._is_beginning or not self._asked.empty():
                    self._cancel_next = True  # a prompt and its cancel may arrive together
                else:
                    raise BadRequest("Nothing is running.")
            case AnswerMessage(id=question_id, value=value):
                if run is None:
                    raise BadRequest("Nobody has asked this question.")
                run.dialogue.answer(question_id, value)
            case PromptMessage() | ResumeMessage() as asked:
                try:
                    self._asked.put_nowait(asked)
                except asyncio.QueueFull:
                    raise BadRequest("Too many prompts are waiting.") from None

    async def _answer(self) -> None:
        while True:
            asked = await self._asked.get()
            self._is_beginning = True
            try:
                if isinstance(asked, PromptMessage):
                    await self._start(asked)
                else:
                    await self._resume(asked)
            except (BadRequest, TooManyRuns) as error:
                self._is_beginning = self._cancel_next = False
                await self._send(self._dialect.refuse(str(error)))

    async def _start(self, asked: PromptMessage) -> None:
        history = None
        if asked.history is not None:
            history = [message.model_dump() for message in asked.history]
        session = await self._service.sessions.create_session(
            asked.prompt, history, asked.session_id or self._session_id, self._principal
        )
        await self._tell(session, len(session.turns), 0)

    async def _resume(self, asked: ResumeMessage) -> None:
        session = await self._service.sessions.get_session(asked.session_id)
        turn, after = parse_event_id(asked.last_event_id) or (len(session.turns), 0)
        if turn > len(session.turns) or session.turns[turn - 1] is None:
            raise BadRequest("Unknown event ID")
        await self._tell(session, turn, after)

    async def _tell(self, session: Session, turn: int, after: int) -> None:
        self._current = session
        if self._cancel_next and session.run is not None:
            session.run.cancel()
        self._is_beginning = self._cancel_next = False
        async for page in self._service.runs.follow(session.turns[turn - 1] or "", after):
            for seq, kept in enumerate(page.entries, page.start):
                await self._tell_entry(entry(seq, kept))

    async def _tell_entry(self, said: Entry) -> None:
        for message in self._dialect.messages(said):
            await self._send(message)

    async def _ping(self) -> None:
        due = asyncio.Event()
        with silence(self._service.config.ping_seconds).broken_by(due.set) as self._heard:
            while True:
                await due.wait()
                due.clear()
                await self._send(self._dialect.ping)

    async def _send(self, message: str | bytes) -> None:
        self._heard()
        if isinstance(message, str):
            await self._socket.send_text(message)
        else:
            await self._socket.send_bytes(message)
