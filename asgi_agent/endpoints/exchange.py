"""What the dialects of requests and responses want done: a turn started, followed, cancelled."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from ..asgi import ASGIApp, EventStream, JSONResponse, Response, UntilDisconnect
from ..dialects.exchange import (
    QUESTIONS,
    Action,
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
    questions_in,
    to_sse,
)
from ..errors import (
    AlreadyAnswered,
    BadRequest,
    ClientDisconnected,
    Missing,
    SessionBusy,
    UnknownQuestion,
    UnknownSession,
)
from ..events import Entry, Question
from ..logs import Page
from ..runs.dialogue import NOBODY_ASKED
from ..sessions import Session
from ..sessions.keys import names_of
from .asked import (
    entries_of,
    is_asked,
    is_latest,
    named,
    place_of,
    prompt_of,
    to_question,
)
from .continuing import branch, end_of_response, is_continued, joined, mark
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
        action = parse(await self._received(request))
        try:
            return await self._do(request, action)
        except BadRequest as error:
            encoder = None if isinstance(action, Reply | RemoveSession) else action.encoder
            told = None if encoder is None else encoder.refuse(error)
            if told is None:
                raise
            return JSONResponse(told)

    async def _do(self, request: Request, action: Action) -> ASGIApp:
        match action:
            case Reply(content, status):
                return _reply(content, status)
            case RemoveSession(session_id, content):
                await self._service.sessions.remove_session(session_id)
                return _reply(content, 200)
            case CancelTurn():
                return await self._cancelled(action)
            case FollowTurn():
                return await self._followed(action)
            case _:
                return await self._started(request, action)

    async def start(self, asked: StartTurn, principal: Any, key: str | None = None) -> Telling:
        """Start the turn, or answer the one that waits, and tell what it says from then on.

        With a `key` that came before, with the same, that turn is told again.
        """
        request = [asked.prompt, asked.history, asked.session_id, asked.continues]
        if asked.continues is not None and not asked.answers:
            asked = await self._continue(asked, asked.continues)
        if asked.answers:
            try:
                return await self._go_on(asked)
            except (UnknownSession, UnknownQuestion):
                if asked.history is None:
                    raise  # there is nothing but the answer
        names = names_of(
            asked.prompt, asked.history, asked.session_id, principal, key, request=request
        )
        arguments = (names, asked.prompt, asked.history, principal)
        try:
            session = await self._service.sessions.begin(*arguments)
        except SessionBusy:
            await self._give_up(asked)
            session = await self._service.sessions.begin(*arguments)
        place = place_of(session, session.turn_of(names.run_id))
        return Telling(session, place, asked.encoder, asked.is_kept)

    async def follow(self, asked: FollowTurn) -> Telling | None:
        """Tell a turn that was started before; None if it has to be active, and is not.

        Raises `UnknownSession`.
        """
        try:
            telling = await self._follow(asked)
        except UnknownSession:
            if asked.only_active:
                return None
            raise
        return telling if not asked.only_active or await self._is_active(telling) else None

    async def _follow(self, asked: FollowTurn) -> Telling:
        session = await self._service.sessions.get_session(asked.session_id)
        turn = len(session.turns) if asked.turn is None else asked.turn
        place = place_of(session, turn)
        if asked.run_id not in (None, place.run_id):
            raise UnknownSession("This turn is kept no longer.")
        if asked.after != 0:
            said = await self._entries_so_far(place.run_id)
            after = asked.after
            if not isinstance(after, int):
                after = after(said, await self._waiting(session, turn))
            if after > (said[-1].seq if said else 0):
                raise UnknownSession("The run has not come so far.")
            asked.encoder.skip([each for each in said if each.seq <= after])
            place = place._replace(after=after)
        return Telling(session, place, asked.encoder)

    async def _waiting(self, session: Session, turn: int) -> frozenset[str]:
        """The IDs of what the turn has asked, and nobody has answered."""
        if turn != len(session.turns):
            return frozenset()
        return frozenset(each.id for each in await self._service.sessions.questions(session))

    async def _is_active(self, telling: Telling) -> bool:
        """Whether the run that is told has not ended."""
        try:
            return (await self._service.runs.read(telling.place.run_id, 0)).end is None
        except Missing:
            return False

    async def cancel(self, asked: CancelTurn) -> None:
        """Cancel the turn, if it is the one under way."""
        session = await self._service.sessions.get_session(asked.session_id)
        if asked.run_id is not None and asked.run_id not in session.turns:
            raise UnknownSession("This turn is kept no longer.")
        if asked.turn in (None, len(session.turns)):
            with suppress(SessionBusy):  # nothing is running
                await self._service.sessions.cancel(session)

    async def frames(self, telling: Telling) -> AsyncGenerator[list[Frame], None]:
        """The response, as it comes; in the end, in any case, the frames that end it.

        By the time these leave, nothing is left to be done: who has read them may hang up, or send
        the next request, at once.
        """
        encoder, place = telling.encoder, telling.place
        last: list[Frame] | None = None
        yield encoder.begin(self._named(place))
        start = Start(place.turn, place.after)
        async with aclosing(pages(self._service.runs, telling.session, start)) as following:
            async for gap, page in following:
                now, later = to_question(entries_of(gap, page), page)
                if any(each.type in QUESTIONS for each in now):
                    encoder.waiting(await self._waiting(telling.session, place.turn))
                frames = encoder.encode(now)
                await self._refuse(telling)
                if page.is_end or encoder.is_whole:
                    last = frames
                    self._expect_client(telling, page)
                    break
                pause = encoder.pause() if is_latest(page) else None
                if pause is not None:
                    last = [*frames, *pause.frames]
                    await self._pause(telling, pause)
                    break
                yield [*frames, *encoder.encode(later)]
        if last is None:
            last = telling.cut_off(CUT_OFF)
        elif not telling.is_kept:
            await self._forget(telling)
        telling.is_over = True
        yield last

    def _expect_client(self, telling: Telling, page: Page) -> None:
        """Where nothing was said after a response that is whole, its client has to act."""
        if is_latest(page) and not page.is_end:
            self._service.runs.expect_client(telling.place.run_id)

    async def _refuse(self, telling: Telling) -> None:
        for approval in telling.encoder.refused():
            with suppress(UnknownQuestion):  # it was long ago, or the agent waits no longer
                await self._answer(telling.session, Answer("", approval, False))

    async def _pause(self, telling: Telling, pause: Pause) -> None:
        if not pause.is_final:
            self._service.runs.expect_client(telling.place.run_id)
            return
        with suppress(SessionBusy):  # it has ended meanwhile
            await self._service.sessions.cancel(telling.session, "nobody can answer")

    async def _forget(self, telling: Telling) -> None:
        session = telling.session
        if not session.is_active:  # else it waits for the client's next request
            with suppress(UnknownSession):  # somebody else was quicker
                await self._service.sessions.remove_session(session.session_id)

    async def _followed(self, asked: FollowTurn) -> ASGIApp:
        telling = await self.follow(asked)
        if telling is None:
            return Response(status=204)
        return self._stream(telling) if asked.is_streamed else await self._so_far(telling)

    async def _started(self, request: Request, asked: StartTurn) -> ASGIApp:
        telling = await self.start(asked, request.principal, request.idempotency_key)
        if asked.is_streamed:
            return self._stream(telling)
        if asked.is_background:
            return await self._so_far(telling)
        return await self._whole(request, telling)

    async def _received(self, request: Request) -> Received:
        limit = self._service.config.max_body_bytes
        return Received(
            await request.json_body(limit) if request.has_body else b"",
            dict(parse_qsl(request.scope.get("query_string", b"").decode("latin-1"))),
            request.headers,
            self._service.agent_name,
            request.place.prefix,
            request.scope.get("scheme", "http"),
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
        return JSONResponse(body, status, telling.encoder.headers)

    async def _so_far(self, telling: Telling) -> ASGIApp:
        """The same without waiting for the rest."""
        encoder, place = telling.encoder, telling.place
        encoder.begin(self._named(place))
        said = await self._entries_so_far(place.run_id, place.after)
        encoder.waiting(await self._waiting(telling.session, place.turn))
        encoder.encode(said)
        status, body = encoder.whole()
        return JSONResponse(body, status)

    async def _cancelled(self, asked: CancelTurn) -> ASGIApp:
        await self.cancel(asked)
        if asked.encoder is None:
            return Response(status=204)
        telling = await self._follow(
            FollowTurn(
                encoder=asked.encoder,
                session_id=asked.session_id,
                turn=asked.turn,
                run_id=asked.run_id,
                after=asked.after,
            )
        )
        return await self._so_far(telling)

    async def _give_up(self, asked: StartTurn) -> None:
        """Cancel the turn if it is for the client to go on. Raises `SessionBusy` if it is not."""
        session_id = asked.session_id or ""
        if not asked.takes_over and not await self._waits(session_id):
            raise SessionBusy("This session has a turn under way.")
        await self.cancel(CancelTurn(session_id=session_id))

    async def _waits(self, session_id: str) -> bool:
        """Whether what the turn has said last is for the client."""
        session = await self._service.sessions.get_session(session_id)
        said = await self._entries_so_far(place_of(session, len(session.turns)).run_id)
        return bool(said) and said[-1].type in QUESTIONS

    async def _continue(self, asked: StartTurn, told: Continued) -> StartTurn:
        """The same as the next turn of its session, as an answer, or as a session of its own."""
        session = await self._service.sessions.get_session(told.session_id)
        if not 1 <= told.turn <= len(session.turns):
            raise UnknownSession("There was no such response.")
        run_id = session.turns[told.turn - 1]
        said = await self._entries_so_far(run_id) if run_id else []  # the history has all turns
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
        return replace(asked, session_id=told.session_id, history=joined(session.history, added))

    async def _go_on(self, asked: StartTurn) -> Telling:
        """Answer the run that waits, and tell what follows the last that it has asked.

        What was answered before is no error: a client that was cut off sends its request again.
        """
        session = await self._service.sessions.get_session(asked.answers[0].session_id)
        place = place_of(session, len(session.turns))
        said = await self._entries_so_far(place.run_id)
        questions = questions_in(said)
        answers = [named(each, questions) for each in asked.answers]
        if not all(is_asked(each, place, questions) for each in answers):
            raise UnknownQuestion(NOBODY_ASKED)
        if not asked.is_prompt_an_answer and asked.prompt not in ("", prompt_of(session)):
            raise UnknownQuestion("The client has said something else.")
        for each in answers:
            await self._answer(session, each)
        after = max(questions[each.id] for each in answers)
        asked.encoder.skip([each for each in said if each.seq <= after])
        return Telling(session, place._replace(after=after), asked.encoder, asked.is_kept)

    def _named(self, place: Place) -> Place:
        return place._replace(agent_name=self._service.agent_name)

    async def _answer(self, session: Session, answer: Answer) -> None:
        with suppress(AlreadyAnswered):
            await self._service.sessions.answer(session, answer.id, answer.value)

    async def _entries_so_far(self, run_id: str, after: int = 0) -> list[Entry]:
        """What the run has said so far."""
        said: list[Entry] = []
        try:
            while (page := await self._service.runs.read(run_id, after, PAGE_ENTRIES)).entries:
                said += entries_of(None, page)
                after = said[-1].seq
        except Missing:
            raise UnknownSession("Session not found or expired") from None
        return said


def _reply(content: Any, status: int) -> ASGIApp:
    return Response(status=204) if status == 204 else JSONResponse(content, status)
