"""The routes of the lesson: a message in, and its answer back, whole or as an event stream."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ..asgi import ASGIApp, EventStream, JSONResponse, UntilDisconnect
from ..dialects.base import EventStreamDialect
from ..dialects.exchange import CANCELLED
from ..dialects.lesson import CUT_OFF, FAILURE, LessonEventStream, error
from ..errors import ClientDisconnected
from ..events import Cancelled, Complete, scrub
from ..events import Error as RunError
from ..inputs import ChatRequest
from ..runs import Ending
from ..sessions import Session
from .following import Start, pages
from .service import Request, Service


class LessonEndpoints:
    """Each method answers one route: it returns the response, or raises what the client is told."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def chat(self, request: Request) -> ASGIApp:
        """POST /api/chat: the whole answer at once."""
        session = await self._start(request)
        run, run_id = session.run, session.turns[-1] or ""
        async with UntilDisconnect(request.receive) as client:
            client.watch()
            following = self._service.runs.follow(run_id)
            async with aclosing(following):
                async for _ in following:
                    pass
        if client.gone:
            raise ClientDisconnected("the client left before the answer was whole")
        ending = (run and run.ending) or await self._service.runs.ending(run_id)
        match ending and ending.outcome:
            case Complete(data):
                reply = _reply(data, ending)
                if reply is not None:
                    return JSONResponse({"reply": reply, "conversation_id": session.session_id})
                status, body = error(500, "The answer is too long to be told at once.")
            case RunError(message):
                status, body = error(500, message)
            case Cancelled():
                status, body = error(500, CANCELLED)
            case _:  # another worker goes on with it
                status, body = error(503, "The server is shutting down.")
        return JSONResponse(body, status)

    async def stream(self, request: Request) -> ASGIApp:
        """POST /api/chat/stream and /api/agent/stream: the answer as it comes."""
        session = await self._start(request)
        await asyncio.sleep(0)  # the run takes its first step: a short answer leaves in one write
        events = self._events(session, Start(len(session.turns)))
        heartbeat = self._service.config.heartbeat_seconds
        return EventStream(
            events, heartbeat=heartbeat, failure=lambda _: FAILURE, interrupted=CUT_OFF
        )

    async def _start(self, request: Request) -> Session:
        asked = await request.json(ChatRequest, self._service.config.max_body_bytes)
        return await self._service.sessions.create_session(
            asked.prompt,
            asked.history,
            asked.session_id or asked.conversation_id,
            request.principal,
            key=request.idempotency_key,
        )

    async def _events(self, session: Session, start: Start) -> AsyncGenerator[bytes, None]:
        encoder: EventStreamDialect = LessonEventStream()
        has_ended = False
        async with aclosing(pages(self._service.runs, session, start)) as following:
            async for gap, page in following:
                if gap is not None:
                    yield encoder.encode(start.turn, 0, [gap])
                yield encoder.encode(start.turn, page.start, page.entries)
                has_ended = page.is_end
        if not has_ended:
            yield CUT_OFF.encode()


def _reply(data: Any, ending: Ending | None) -> str | None:
    """The whole answer; None if it is longer than what is kept."""
    if isinstance(data, str):
        return scrub(data)
    return ending.output if ending and ending.is_whole else None
