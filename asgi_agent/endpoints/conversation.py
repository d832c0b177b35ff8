"""One WebSocket, many turns: what the client says is heard while the agent speaks.

One task receives, one answers the prompts in their order, one pings in silence, one waits for the
server to stop. The first to end ends the others, and the connection.
"""

import asyncio
import logging
from contextlib import aclosing
from functools import partial
from typing import Any, TypeAlias
from uuid import uuid4

from ..asgi import WebSocket
from ..dialects.base import WebSocketDialect
from ..errors import (
    BadRequest,
    LogError,
    SessionBusy,
    TooManyRuns,
    UnknownQuestion,
)
from ..inputs import AnswerMessage, CancelMessage, PromptMessage, ResumeMessage
from ..middleware.backpressure import SLOW
from ..runs.dialogue import NOBODY_ASKED
from ..sessions import Session
from .asked import entries_of
from .connection import Connection
from .following import Start, find_start, pages
from .service import Service

log = logging.getLogger("asgi_agent")

Asked: TypeAlias = PromptMessage | ResumeMessage

LOG_FAILED = "The event log cannot be reached."
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
        self._asked: asyncio.Queue[tuple[Asked, int]] = asyncio.Queue(QUEUED_PROMPTS)
        self._asked_size = 0  # of the messages that wait, so that few large ones are too many too
        self._is_beginning = False  # a prompt has left the queue, and its turn has not begun
        self._cancel_next = False
        self._idle = asyncio.Event()  # everything that was to be told has been told
        self._idle.set()
        self._connection = Connection(socket, service.config.ping_seconds)

    async def serve(self) -> None:
        """Accept the connection, and serve it until either side ends it."""
        await self._connection.serve(
            self._listen,
            self._answer,
            partial(self._connection.ping, self._dialect.ping),
            self._end_with_server,
        )

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear(await self._socket.receive())
            except BadRequest as error:
                await self._connection.send(self._dialect.refuse(error))
            except LogError:
                log.exception("The event log failed")
                await self._connection.send(self._dialect.refuse(LOG_FAILED))

    async def _hear(self, message: str | bytes) -> None:
        sessions, current = self._service.sessions, self._current
        if isinstance(message, bytes):
            if current is None or not current.is_active:
                raise BadRequest("Expected a text message")
            await sessions.send(current, message)
            return
        match self._dialect.parse(message):
            case CancelMessage():
                await self._cancel()
            case AnswerMessage() as answer:
                if current is None:
                    raise UnknownQuestion(NOBODY_ASKED)
                await sessions.answer(current, answer.id, answer.value)
            case asked:
                self._queue(asked, len(message))

    async def _cancel(self) -> None:
        if self._current is not None and self._current.is_active:
            await self._service.sessions.cancel(self._current)
        elif self._is_beginning or not self._asked.empty():
            self._cancel_next = True  # a prompt and its cancel may arrive together
        else:
            raise SessionBusy("Nothing is running.")

    def _queue(self, asked: Asked, size: int) -> None:
        is_too_much = self._asked_size + size > self._service.config.max_message_bytes
        if self._asked.full() or (self._asked_size and is_too_much):
            raise BadRequest("Too many prompts are waiting.")
        self._asked.put_nowait((asked, size))
        self._asked_size += size

    async def _answer(self) -> None:
        while True:
            asked, size = await self._asked.get()
            self._asked_size -= size
            self._is_beginning = True
            self._idle.clear()
            try:
                if isinstance(asked, PromptMessage):
                    await self._start(asked)
                else:
                    await self._resume(asked)
            except (BadRequest, TooManyRuns) as error:
                await self._refuse(str(error))
            except LogError:
                log.exception("The event log failed")
                await self._refuse(LOG_FAILED)
            self._idle.set()

    async def _refuse(self, why: str) -> None:
        self._is_beginning = self._cancel_next = False
        await self._connection.send(self._dialect.refuse(why))

    async def _start(self, asked: PromptMessage) -> None:
        history = None
        if asked.history is not None:
            history = [message.model_dump() for message in asked.history]
        session = await self._service.sessions.create_session(
            asked.prompt, history, asked.session_id or self._session_id, self._principal
        )
        await self._tell(session, Start(len(session.turns)))

    async def _resume(self, asked: ResumeMessage) -> None:
        session = await self._service.sessions.get_session(asked.session_id)
        start = await find_start(self._service.runs, session, asked.last_event_id)
        if start is None:
            raise BadRequest("Nothing follows this event ID.")
        await self._tell(session, start)

    async def _tell(self, session: Session, start: Start) -> None:
        self._current = session
        is_cancelled = self._cancel_next
        self._is_beginning = self._cancel_next = False
        if is_cancelled and session.is_active:
            await self._service.sessions.cancel(session)
        has_ended = False
        async with aclosing(pages(self._service.runs, session, start)) as following:
            async for gap, page in following:
                for each in entries_of(gap, page):
                    for message in self._dialect.messages(each):
                        await self._connection.send(message)
                has_ended = page.is_end
        self._current = None
        if not has_ended and self._service.runs.drained.is_set():
            await self._connection.restart()
        elif not has_ended:
            # It did not read for too long, or what it read was deleted. An end without a terminal
            # event means "come again"; on a WebSocket only the close can say so.
            await self._socket.close(SLOW, "cut off: reconnect and resume")

    async def _end_with_server(self) -> None:
        # Hosts tell an open WebSocket nothing when they stop, and some wait until it is closed.
        await self._service.runs.drained.wait()
        await self._idle.wait()
        await self._connection.restart()
