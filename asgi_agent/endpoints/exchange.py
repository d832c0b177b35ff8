"""What the dialects of requests and responses want done: a turn started, followed, cancelled."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from ..asgi import ASGIApp, EventStream, JSONResponse, Response, UntilDisconnect
from ..dialects.exchange import (
    Answer,
    CancelTurn,
    Continued,
    Encoder,
    FollowTurn,
    Frame,
    Parse,
    Pause,
    Place,
    Received,
    RemoveSession,
    Reply,
    StartTurn,
    to_sse,
)
from ..errors import (
    AlreadyAnswered,
    ClientDisconnected,
    Missing,
    SessionBusy,
    UnknownQuestion,
    UnknownSession,
)
from ..events import Approval, ClientTool, Entry, Question, entry
from ..logs import Page
from ..sessions import Session
from .continuing import QUESTIONS, branch, end_of_response, is_continued, joined, mark
from .following import Start, pages
from .service import Request, Service

FAILED = "The stream failed."
CUT_OFF = "The stream ended before the answer did."
PAGE_ENTRIES = 256


@dataclass(slots=True)
class Telling:
    """A response to be: which part of a turn it tells, and how."""

    session: Session
    place: Place
    encoder: Encoder
    is_kept: bool = True  # whether the session outlives it
    is_over: bool = False  # its last frame was made

    def cut_off(self, why: str) -> list[Frame]:
        """The frames that end it here, unless it has ended."""
        if self.is_over:
            return []
        self.is_over = True
        return self.encoder.cut_off(why)


class Exchanges:
    """Does what any `Dialect` asks for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, request: Request, parse: Parse) -> ASGIApp:
        """The response to an HTTP request. Raises what the client is told."""
        match parse(await self._received(request)):
            case Reply(content, status):
                return _reply(content, status)
            case CancelTurn() as action:
                return await self._cancelled(action)
            case RemoveSession(session_id, content):
                await self._service.sessions.remove_session(session_id)
                return _reply(content, 200)
            case FollowTurn() as action:
                return await self._followed(action)
            case StartTurn() as action:
                return await self._started(request, action)

    async def start(self, asked: StartTurn, principal: Any) -> Telling:
        """Start the turn, or answer the one that waits, and tell what it says from then on."""
        if asked.continues is not None and not asked.answers:
            asked = await self._continue(asked, asked.continues)
        if asked.answers:
            try:
                return await self._go_on(asked)
            except (UnknownSession, UnknownQuestion):
                if asked.history is None:
                    raise  # there is nothing but the answer
        try:
            session = await self._begin(asked, principal)
        except SessionBusy:
            if not await self._waits(asked.session_id or ""):
                raise
            await self.cancel(CancelTurn(session_id=asked.session_id or ""))
            session = await self._begin(asked, principal)
        place = _place(session, len(session.turns))
        return Telling(session, place, asked.encoder, asked.is_kept)

    async def follow(self, asked: FollowTurn) -> Telling:
        """Tell a turn that was started before. Raises `UnknownSession`."""
        session = await self._service.sessions.get_session(asked.session_id)
        turn = len(session.turns) if asked.turn is None else asked.turn
        place = _place(session, turn, asked.after or 0)
        if asked.after != 0:
            said = await self._entries(place.run_id)
            after = _last_answered(said) if asked.after is None else asked.after
            if after > len(said) and after > max((each.seq for each in said), default=0):
                raise UnknownSession("The run has not come so far.")
            place = place._replace(after=after)
            asked.encoder.skip([each for each in said if each.seq <= after])
        return Telling(session, place, asked.encoder)

    async def cancel(self, asked: CancelTurn) -> None:
        """Cancel the turn, if it is the one under way."""
        session = await self._service.sessions.get_session(asked.session_id)
        if asked.turn in (None, len(session.turns)):
            with suppress(SessionBusy):  # nothing is running
                await self._service.sessions.cancel(session)

    async def frames(self, telling: Telling) -> AsyncGenerator[list[Frame], None]:
        """The response, as it comes; in the end, in any case, the frames that end it."""
        encoder, place = telling.encoder, telling.place
        yield encoder.begin(self._named(place))
        has_ended = False
        start = Start(place.turn, place.after)
        async with aclosing(pages(self._service.runs, telling.session, start)) as following:
            async for gap, page in following:
                has_ended = telling.is_over = page.is_end
                yield encoder.encode(_entries(gap, page))
                for approval in encoder.refused():
                    await self._answer(telling.session, Answer(place.session_id, approval, False))
                is_latest = page.start + len(page.entries) > page.last
                if encoder.is_whole and not has_ended:
                    telling.is_over = True
                    if is_latest:
                        self._service.runs.expect_client(place.run_id)
                    return
                if is_latest and not has_ended:
                    pause = encoder.pause()
                    if pause is not None:
                        telling.is_over = True
                        yield pause.frames
                        await self._pause(telling, pause)
                        return
        if not has_ended:
            yield telling.cut_off(CUT_OFF)
        elif not telling.is_kept:
            await self._service.sessions.remove_session(place.session_id)

    async def _pause(self, telling: Telling, pause: Pause) -> None:
        if pause.is_final:
            with suppress(SessionBusy):  # it has ended meanwhile
                await self._service.sessions.cancel(telling.session, "nobody can answer")
        else:
            self._service.runs.expect_client(telling.place.run_id)

    async def _followed(self, asked: FollowTurn) -> ASGIApp:
        telling = await self.follow(asked)
        if not asked.is_streamed:
            return await self._so_far(telling)
        if asked.only_active and not telling.session.is_active:
            return Response(status=204)
        return self._stream(telling)

    async def _started(self, request: Request, asked: StartTurn) -> ASGIApp:
        telling = await self.start(asked, request.principal)
        if asked.is_streamed:
            return self._stream(telling)
        if asked.is_background:
            return await self._so_far(telling)
        return await self._whole(request, telling)

    async def _received(self, request: Request) -> Received:
        has_body = request.scope["method"] == "POST"
        limit = self._service.config.max_body_bytes
        return Received(
            await request.json_body(limit) if has_body else b"",
            dict(parse_qsl(request.scope.get("query_string", b"").decode("latin-1"))),
            request.headers,
            self._service.agent_name,
            request.place.prefix,
        )

    def _stream(self, telling: Telling) -> ASGIApp:
        async def events() -> AsyncGenerator[bytes, None]:
            async with aclosing(self.frames(telling)) as frames:
                async for some in frames:
                    yield to_sse(some)

        return EventStream(
            events(),
            heartbeat=self._service.config.heartbeat_seconds,
            headers=telling.encoder.headers,
            failure=lambda _: to_sse(telling.cut_off(FAILED)),
            interrupted=lambda: to_sse(telling.cut_off(CUT_OFF)),
        )

    async def _whole(self, request: Request, telling: Telling) -> ASGIApp:
        """The response to a client that does not stream, when it is whole."""
        async with UntilDisconnect(request.receive) as client:
            client.watch()
            async with aclosing(self.frames(telling)) as frames:
                async for _ in frames:
                    pass
        if client.gone:
            raise ClientDisconnected("the client left before the answer was whole")
        status, body = telling.encoder.whole()
        return JSONResponse(body, status)

    async def _so_far(self, telling: Telling) -> ASGIApp:
        """The same without waiting for the rest."""
        encoder, place = telling.encoder, telling.place
        encoder.begin(self._named(place))
        for page in await self._said(place.run_id, place.after):
            encoder.encode(_entries(None, page))
        status, body = encoder.whole()
        return JSONResponse(body, status)

    async def _cancelled(self, asked: CancelTurn) -> ASGIApp:
        await self.cancel(asked)
        if asked.encoder is None:
            return Response(status=204)
        return await self._so_far(
            await self.follow(
                FollowTurn(
                    encoder=asked.encoder,
                    session_id=asked.session_id,
                    turn=asked.turn,
                    after=asked.after,
                )
            )
        )

    async def _continue(self, asked: StartTurn, told: Continued) -> StartTurn:
        """The same as the next turn of its session, as an answer, or as a session of its own."""
        session = await self._service.sessions.get_session(told.session_id)
        if not 1 <= told.turn <= len(session.turns):
            raise UnknownSession("There was no such response.")
        run_id = session.turns[told.turn - 1]
        said = await self._entries(run_id) if run_id else []  # the history has all turns
        end = end_of_response(said, told.after)
        if told.turn < len(session.turns) or is_continued(said, end):
            history = branch(session, told.turn, said, end)
            return replace(asked, history=joined(history, asked.history or ()))
        if end is not None and session.is_active:
            if isinstance(end.event, Question):
                answer = Answer(told.session_id, end.event.id, asked.prompt)
                return replace(asked, prompt="", history=None, answers=(answer,))
            await self.cancel(CancelTurn(session_id=told.session_id))  # nobody will answer it
            session = await self._service.sessions.get_session(told.session_id)
        added = mark(asked.history or (), len(session.turns) + 1)
        history = joined(session.history, added)
        return replace(asked, session_id=told.session_id, history=history)

    async def _begin(self, asked: StartTurn, principal: Any) -> Session:
        return await self._service.sessions.create_session(
            asked.prompt, asked.history, asked.session_id, principal
        )

    async def _waits(self, session_id: str) -> bool:
        """Whether what the turn has said last is for the client to answer."""
        session = await self._service.sessions.get_session(session_id)
        said = await self._entries(_place(session, len(session.turns)).run_id)
        return bool(said) and said[-1].type in QUESTIONS

    async def _go_on(self, going_on: StartTurn) -> Telling:
        """Answer the run that waits, and tell what follows the last that it has asked.

        What was answered before is no error: a client that was cut off sends its request again.
        """
        answers, encoder = going_on.answers, going_on.encoder
        session = await self._service.sessions.get_session(answers[0].session_id)
        place = _place(session, len(session.turns))
        said = await self._entries(place.run_id)
        asked = {each.id: seq for seq, each in _questions(said)}
        if not all(each.id in asked and each.run_id in (None, place.run_id) for each in answers):
            raise UnknownQuestion("Nobody has asked this question.")
        if going_on.prompt not in ("", _prompt(session)):
            raise UnknownQuestion("The client has asked something else meanwhile.")
        last = max(asked[each.id] for each in answers)
        encoder.skip([each for each in said if each.seq <= last])
        for each in answers:
            await self._answer(session, each)
        return Telling(session, place._replace(after=last), encoder, going_on.is_kept)

    def _named(self, place: Place) -> Place:
        return place._replace(agent_name=self._service.agent_name)

    async def _answer(self, session: Session, answer: Answer) -> None:
        with suppress(AlreadyAnswered):
            await self._service.sessions.answer(session, answer.id, answer.value)

    async def _entries(self, run_id: str) -> list[Entry]:
        return [each for page in await self._said(run_id) for each in _entries(None, page)]

    async def _said(self, run_id: str, after: int = 0) -> list[Page]:
        """What the run has said so far."""
        found: list[Page] = []
        try:
            while (page := await self._service.runs.read(run_id, after, PAGE_ENTRIES)).entries:
                found.append(page)
                after = page.start + len(page.entries) - 1
        except Missing:
            raise UnknownSession("Session not found or expired") from None
        return found


def _place(session: Session, turn: int, after: int = 0) -> Place:
    run_id = session.turns[turn - 1] if 1 <= turn <= len(session.turns) else None
    if run_id is None:
        raise UnknownSession("This turn is kept no longer.")
    return Place(session.session_id, turn, run_id, after)


def _entries(gap: bytes | None, page: Page) -> list[Entry]:
    told = [] if gap is None else [entry(0, gap)]
    return [*told, *(entry(seq, kept) for seq, kept in enumerate(page.entries, page.start))]


def _prompt(session: Session) -> object:
    """What the turn was asked that is under way."""
    asked = (each["content"] for each in reversed(session.history) if each["role"] == "user")
    return next(asked, "")


def _last_answered(said: Sequence[Entry]) -> int:
    """The number of the last question that the run went on after; 0 if it has not."""
    first_open = len(said)
    while first_open and said[first_open - 1].type in QUESTIONS:
        first_open -= 1  # what is asked at the end still waits, or will be found to be answered
    return max((each.seq for each in said[:first_open] if each.type in QUESTIONS), default=0)


def _questions(said: Sequence[Entry]) -> list[tuple[int, Question | Approval | ClientTool]]:
    found = [(each.seq, each.event) for each in said if each.type in QUESTIONS]
    return [
        (seq, event) for seq, event in found if isinstance(event, Question | Approval | ClientTool)
    ]


def _reply(content: Any, status: int) -> ASGIApp:
    return Response(status=204) if status == 204 else JSONResponse(content, status)
