"""The routes of Bond's server, and what steers a run: cancel, answer, history, delete."""

import json
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ..asgi import ASGIApp, EventStream, JSONResponse, Response, header
from ..dialects.bond import FAILURE, BondEventStream
from ..events import fields_of, to_json
from ..inputs import AnswerRequest, AskRequest, HealthResponse, SessionResponse
from ..sessions import Session
from .following import Start, find_start, pages
from .service import Request, Service

# An event stream that nothing paces ends after so much, between two events, and its client comes
# back for the rest: what waits in the host for one client has a bound.
UNPACED_BYTES = 4 << 20


class BondEndpoints:
    """Each method answers one route: it returns the response, or raises what the client is told."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def health(self, _: Request) -> ASGIApp:
        """GET /health."""
        health = HealthResponse(status="healthy", agent_name=self._service.agent_name)
        return JSONResponse(health.model_dump())

    async def ask(self, request: Request) -> ASGIApp:
        """POST /ask: start a turn. It goes on whether or not anybody reads it."""
        config = self._service.config
        asked = await request.json(AskRequest, config.max_body_bytes)
        session = await self._service.sessions.create_session(
            asked.prompt,
            session_id=asked.session_id,
            principal=request.principal,
            key=request.idempotency_key,
        )
        prefix = request.place.prefix if config.public_prefix is None else config.public_prefix
        answer = SessionResponse(
            session_id=session.session_id,
            stream_url=prefix + config.get_stream_url(session.session_id),
        )
        return JSONResponse(answer.model_dump())

    async def stream(self, request: Request, session_id: str) -> ASGIApp:
        """GET /stream/{session_id}: the latest turn, or what follows the last event ID.

        WHATWG HTML 9.2.3: a client "will reconnect if the connection is closed; a client can be
        told to stop reconnecting using the HTTP 204 No Content response code."
        """
        session = await self._service.sessions.get_session(session_id)
        # WHATWG HTML 9.2.3: "the last event ID string, encoded as UTF-8".
        last = (header(request.scope, b"last-event-id") or "").encode("latin-1")
        start = await find_start(self._service.runs, session, last.decode("utf-8", "replace"))
        if start is None:
            return Response(status=204)
        heartbeat = self._service.config.heartbeat_seconds
        # Hosts may take all that is sent over HTTP/2, whatever the client reads.
        is_paced = request.scope.get("http_version", "1.1").startswith("1")
        events = self._events(session, start, math.inf if is_paced else UNPACED_BYTES)
        return EventStream(events, heartbeat=heartbeat, failure=lambda _: FAILURE)

    async def cancel(self, _: Request, session_id: str) -> ASGIApp:
        """POST /sessions/{id}/cancel: when it is answered, the run has ended."""
        session = await self._service.sessions.get_session(session_id)
        await self._service.sessions.cancel(session)
        return JSONResponse({"status": "cancelled"}, 202)

    async def answer(self, request: Request, session_id: str) -> ASGIApp:
        """POST /sessions/{id}/answer: answer what the agent has asked."""
        answer = await request.json(AnswerRequest, self._service.config.max_body_bytes)
        session = await self._service.sessions.get_session(session_id)
        await self._service.sessions.answer(session, answer.id, answer.value)
        return JSONResponse({"status": "answered"}, 202)

    async def show(self, _: Request, session_id: str) -> ASGIApp:
        """GET /sessions/{id}: the conversation so far, and what waits for an answer."""
        session = await self._service.sessions.get_session(session_id)
        asked = await self._service.sessions.questions(session)
        shown = {
            "session_id": session.session_id,
            "status": session.status.value,
            "history": session.history,
            "questions": [{"type": each.type, **fields_of(each)} for each in asked],
        }
        return JSONResponse(json.loads(to_json(shown)))

    async def delete(self, _: Request, session_id: str) -> ASGIApp:
        """DELETE /sessions/{id}: cancel, and forget."""
        await self._service.sessions.remove_session(session_id)
        return Response(status=204)

    async def _events(
        self, session: Session, start: Start, limit: float
    ) -> AsyncGenerator[bytes, None]:
        encoder = BondEventStream()
        retry = self._service.config.retry_ms
        first = b"" if retry is None else b"retry: %d\n" % retry
        async with aclosing(pages(self._service.runs, session, start)) as following:
            async for gap, page in following:
                told = b"" if gap is None else encoder.gap(gap)
                part = first + told + encoder.encode(start.turn, page.start, page.entries)
                yield part
                first = b""
                limit -= len(part)
                if limit <= 0:
                    return
