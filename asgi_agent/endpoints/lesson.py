"""The routes of the lesson: a message in, and its answer back, whole or as an event stream."""

from collections.abc import AsyncGenerator

from ..asgi import ASGIApp, EventStream, JSONResponse
from ..dialects.lesson import LessonEventStream, error
from ..events import Complete
from ..events import Error as RunError
from ..inputs import ChatRequest
from ..sessions import Session
from .service import Request, Service


class LessonEndpoints:
    """Each method answers one route: it returns the response, or raises what the client is told."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def chat(self, request: Request) -> ASGIApp:
        """POST /api/chat: the whole answer at once."""
        session = await self._start(request)
        run = session.run
        async for _ in self._service.runs.follow(session.turns[-1] or ""):
            pass
        outcome = run.outcome if run else None
        if isinstance(outcome, Complete):
            reply = outcome.data if isinstance(outcome.data, str) else ""
            return JSONResponse({"reply": reply, "conversation_id": session.session_id})
        said = outcome.error if isinstance(outcome, RunError) else "The run was cancelled."
        status, body = error(500, said)
        return JSONResponse(body, status)

    async def stream(self, request: Request) -> ASGIApp:
        """POST /api/chat/stream and /api/agent/stream: the answer as it comes."""
        session = await self._start(request)
        events = self._events(session.turns[-1] or "", len(session.turns))
        return EventStream(events, heartbeat=self._service.config.heartbeat_seconds)

    async def _start(self, request: Request) -> Session:
        asked = await request.json(ChatRequest, self._service.config.max_body_bytes)
        return await self._service.sessions.create_session(
            asked.prompt,
            asked.history,
            asked.session_id or asked.conversation_id,
            request.principal,
        )

    async def _events(self, run_id: str, turn: int) -> AsyncGenerator[bytes, None]:
        encoder = LessonEventStream()
        async for page in self._service.runs.follow(run_id):
            yield encoder.encode(turn, page.start, page.entries)
