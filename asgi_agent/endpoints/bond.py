"""The routes of Bond's server, and what steers a run: cancel, answer, history, delete."""

from collections.abc import AsyncGenerator
from dataclasses import asdict

from ..asgi import ASGIApp, EventStream, JSONResponse, Response, header
from ..dialects.bond import BondEventStream, event_id, parse_event_id
from ..errors import Missing, SessionBusy, UnknownSession
from ..inputs import AnswerRequest, AskRequest, HealthResponse, SessionResponse
from ..sessions import Session
from .service import Request, Service


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
            asked.prompt, session_id=asked.session_id, principal=request.principal
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
        last = header(request.scope, b"last-event-id") or ""
        found = await self._find(session, last)
        if found is None:
            return Response(status=204)
        turn, after, gap = found
        config = self._service.config
        return EventStream(
            self._events(session, turn, after, gap), heartbeat=config.heartbeat_seconds
        )

    async def cancel(self, _: Request, session_id: str) -> ASGIApp:
        """POST /sessions/{id}/cancel: when it is answered, the run has ended."""
        session = await self._service.sessions.get_session(session_id)
        run = session.run
        if run is None:
            raise SessionBusy("Nothing is running.")
        run.cancel()
        await run.ended.wait()
        return JSONResponse({"status": "cancelled"}, 202)

    async def answer(self, request: Request, session_id: str) -> ASGIApp:
        """POST /sessions/{id}/answer: answer what the agent has asked."""
        answer = await request.json(AnswerRequest, self._service.config.max_body_bytes)
        session = await self._service.sessions.get_session(session_id)
        if session.run is None:
            raise UnknownSession("Nobody has asked this question.")
        session.run.dialogue.answer(answer.id, answer.value)
        return JSONResponse({"status": "answered"}, 202)

    async def show(self, _: Request, session_id: str) -> ASGIApp:
        """GET /sessions/{id}: the conversation so far, and what waits for an answer."""
        session = await self._service.sessions.get_session(session_id)
        asked = session.run.dialogue.questions if session.run else []
        return JSONResponse(
            {
                "session_id": session.session_id,
                "status": session.status.value,
                "history": session.history,
                "questions": [{"type": each.type, **asdict(each)} for each in asked],
            }
        )

    async def delete(self, _: Request, session_id: str) -> ASGIApp:
        """DELETE /sessions/{id}: cancel, and forget."""
        await self._service.sessions.remove_session(session_id)
        return Response(status=204)

    async def _find(self, session: Session, last: str) -> tuple[int, int, str | None] | None:
        """The turn, the entry after which to begin, and the ID that left a gap; None: no more."""
        latest = len(session.turns)
        place = parse_event_id(last)
        if place is None:
            return latest, 0, last or None
        turn, seq = place
        run_id = session.turns[turn - 1] if turn <= latest else None
        try:
            page = await self._service.runs.read(run_id, seq) if run_id else None
        except Missing:
            page = None
        if page is None or seq > page.last or page.start > seq + 1:
            return latest, 0, last
        if page.end is None or seq < page.last:
            return turn, seq, None
        return (turn + 1, 0, None) if turn < latest else None

    async def _events(
        self, session: Session, turn: int, after: int, asked: str | None
    ) -> AsyncGenerator[bytes, None]:
        encoder = BondEventStream()
        retry = self._service.config.retry_ms
        first = b"" if retry is None else b"retry: %d\n" % retry
        expected = after + 1
        async for page in self._service.runs.follow(session.turns[turn - 1] or "", after):
            if asked is not None or page.start > expected:
                missed = event_id(turn, expected - 1) if asked is None else asked
                yield first + encoder.gap(missed, event_id(turn, page.start))
                first, asked = b"", None
            yield first + encoder.encode(turn, page.start, page.entries)
            first = b""
            expected = page.start + len(page.entries)
