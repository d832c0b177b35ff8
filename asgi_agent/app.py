"""The application: from a scope to the endpoint that answers it, in one `match`."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from signal import SIGTERM, Signals
from typing import TypeAlias

from . import playground
from .agents import Agent
from .agents.adapt import as_agent, name_of
from .asgi import (
    ASGIApp,
    JSONResponse,
    Receive,
    Response,
    Scope,
    Send,
    StopSignals,
    WebSocket,
    lifespan,
    locate,
)
from .config import ServerConfig
from .dialects import (
    a2a,
    ag_ui,
    ai_sdk,
    anthropic_messages,
    bond,
    lesson,
    llamabot,
    openai_chat,
    openai_responses,
)
from .dialects.base import Tell, WebSocketDialect
from .dialects.exchange import Dialect
from .endpoints.bond import BondEndpoints
from .endpoints.channel import Channel
from .endpoints.conversation import Conversation
from .endpoints.exchange import Exchanges
from .endpoints.lesson import LessonEndpoints
from .endpoints.openapi import OpenAPI
from .endpoints.service import Request, Service
from .errors import (
    BadRequest,
    ClientDisconnected,
    LogError,
    TooManyRuns,
    UnsupportedContentCoding,
)
from .logs import EventLog, MemoryLog
from .middleware import CORS, Backpressure, Origin
from .runs import Runs
from .sessions import SessionManager

log = logging.getLogger("asgi_agent")

ALL_METHODS = Response(status=204, headers=[(b"allow", b"GET, POST, DELETE, HEAD, OPTIONS")])
UNKNOWN = JSONResponse(bond.error(404, "Not Found")[1], 404)

DIALECTS: tuple[Dialect, ...] = (
    openai_chat.OpenAIChat(),
    openai_responses.OpenAIResponses(),
    anthropic_messages.AnthropicMessages(),
    ai_sdk.AISDK(),
    ag_ui.AgUi(),
    a2a.A2A(),
    llamabot.LlamaBot(),
)

Endpoint: TypeAlias = Callable[[Request], Awaitable[ASGIApp]]
Middleware: TypeAlias = Callable[[ASGIApp], ASGIApp]


class AgentApp:
    """An ASGI application that serves one agent in every dialect. See `create_app`."""

    def __init__(
        self,
        agent: Agent,
        config: ServerConfig,
        eventlog: EventLog,
        middleware: Sequence[Middleware],
    ) -> None:
        runs = Runs(as_agent(agent), eventlog, config)
        sessions = SessionManager(runs, config)
        self.config = config
        self.log = eventlog
        self.service = Service(config, runs, sessions, config.name or name_of(agent))
        self.signals = StopSignals(self._stop)
        self._draining: set[asyncio.Task[None]] = set()  # the loop itself holds no task
        self._bond = BondEndpoints(self.service)
        self._lesson = LessonEndpoints(self.service)
        self._exchanges = Exchanges(self.service)
        self._openapi = OpenAPI(DIALECTS, self.service.agent_name)
        app: ASGIApp = self._serve
        for wrap in reversed(middleware):
            app = wrap(app)
        self._app = CORS(
            Origin(
                Backpressure(app, patience=config.patience, max_streams=config.max_streams),
                allow_origins=config.cors_origins,
            ),
            allow_origins=config.cors_origins,
            allow_headers=["*"],  # every SDK sends some of its own
            expose_headers=["retry-after", "x-should-retry"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send, startup=self.open, shutdown=self.close)
        else:
            self.signals.watch()  # a mounted application, and some hosts, know no lifespan
            await self._app(scope, receive, send)

    async def open(self) -> None:
        """Take new runs, also after a `drain`: a host may start one application more than once."""
        self.signals.watch()
        self.service.runs.reopen()

    async def close(self) -> None:
        """End every run, and close the event log."""
        self.signals.unwatch()
        await self.drain(0)
        await self.service.sessions.close()
        await self.log.close()

    async def drain(self, seconds: float | None = None) -> None:
        """Refuse new runs, let the active ones finish for so long, then end every one of them."""
        await self.service.runs.drain(self.config.drain_seconds if seconds is None else seconds)

    def _stop(self, received: Signals) -> None:
        # Ctrl-C: a person waits. SIGTERM: a supervisor does, and gives the runs some time.
        draining = asyncio.create_task(self.drain(None if received is SIGTERM else 0))
        self._draining.add(draining)
        draining.add_done_callback(self._draining.discard)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._converse(scope, receive, send)
        elif scope["method"] == "OPTIONS" and scope["path"] == "*":
            # RFC 9110, 9.3.7: "*" is "the server in general rather than a specific resource".
            await ALL_METHODS(scope, receive, send)
        else:
            request = Request(scope, receive, locate(scope))
            routes, tell = self._routes(request.place.segments)
            response = await self._answer(request, routes, tell)
            await response(scope, receive, send)

    def _routes(  # noqa: C901, PLR0911 - a table
        self, path: list[str]
    ) -> tuple[Mapping[str, Endpoint], Tell]:
        """The endpoints of this path by method, and how they tell an error."""
        ours, theirs = self._bond, self._lesson
        match path:
            case []:
                return {"GET": playground.page}, bond.error
            case [name] if name in playground.FILES:
                return {"GET": partial(playground.file, name=name)}, bond.error
            case ["openapi.json"]:
                return {"GET": self._openapi.show}, bond.error
            case ["health"]:
                return {"GET": ours.health}, bond.error
            case ["ask"]:
                return {"POST": ours.ask}, bond.error
            case ["stream", session_id]:
                return {"GET": partial(ours.stream, session_id=session_id)}, bond.error
            case ["sessions", session_id]:
                return {
                    "GET": partial(ours.show, session_id=session_id),
                    "DELETE": partial(ours.delete, session_id=session_id),
                }, bond.error
            case ["sessions", session_id, "cancel"]:
                return {"POST": partial(ours.cancel, session_id=session_id)}, bond.error
            case ["sessions", session_id, "answer"]:
                return {"POST": partial(ours.answer, session_id=session_id)}, bond.error
            case ["api", "chat"]:
                return {"POST": self._chat}, lesson.error
            case ["api", "chat", "stream"] | ["api", "agent", "stream"]:
                return {"POST": theirs.stream}, lesson.error
            case _:
                return self._dialect_routes(path)

    async def _chat(self, request: Request) -> ASGIApp:
        """POST /api/chat, which two dialects have: the body tells whose client asks."""
        body = await request.json_body(self.config.max_body_bytes)
        again = request.again(body)
        if not ai_sdk.is_ui_request(body):
            return await self._lesson.chat(again)
        return await self._answer(again, *self._dialect_routes(["api", "chat"]))

    def _dialect_routes(self, path: list[str]) -> tuple[Mapping[str, Endpoint], Tell]:
        for dialect in DIALECTS:
            if routes := dialect.routes(path):
                answer = self._exchanges.answer
                return {
                    method: partial(answer, parse=parse) for method, parse in routes.items()
                }, dialect.tell_error
        return {}, bond.error

    async def _answer(
        self, request: Request, routes: Mapping[str, Endpoint], tell: Tell
    ) -> ASGIApp:
        method = request.scope["method"]
        allow = (b"allow", ", ".join(_methods(routes)).encode())
        if not routes:
            status, body = tell(404, "Not Found")
            return JSONResponse(body, status)
        if method == "OPTIONS":
            return Response(status=204, headers=[allow])
        endpoint = routes.get("GET" if method == "HEAD" else method)
        if endpoint is None:
            # RFC 9110, 15.5.6: "The origin server MUST generate an Allow header field".
            status, body = tell(405, "Method Not Allowed")
            return JSONResponse(body, status, [allow])
        try:
            return await endpoint(request)
        except (BadRequest, TooManyRuns, LogError, ClientDisconnected) as error:
            return _refusal(error, tell)
        except Exception:
            log.exception("%s %s failed", method, request.scope["path"])
            status, body = tell(500, "Internal Server Error")
            return JSONResponse(body, status)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self.config.max_message_bytes
        socket = WebSocket(scope, receive, send, max_message_bytes=limit)
        path = locate(scope).segments
        principal = scope.get("principal")
        dialect: WebSocketDialect
        match path:
            case ["ws"]:
                dialect = bond.BondWebSocket()
            case ["ws", "agent"]:
                dialect = lesson.LessonWebSocket()
            case _:
                channels = (each.channel(path) for each in DIALECTS)
                channel = next((each for each in channels if each is not None), None)
                if channel is None:
                    await socket.deny(404, headers=UNKNOWN.headers, body=UNKNOWN.body)
                else:
                    await Channel(self.service, self._exchanges, socket, channel, principal).serve()
                return
        await Conversation(self.service, socket, dialect, principal).serve()


def create_app(
    agent: Agent,
    config: ServerConfig | None = None,
    *,
    log: EventLog | None = None,
    middleware: Sequence[Middleware] = (),
) -> AgentApp:
    """Serve `agent` over SSE and WebSocket, in every dialect, as one ASGI application.

    `middleware` wraps it, the first outermost, inside the CORS and Origin checks that
    `config.cors_origins` asks for. Runs live in the event loop that serves the first request.
    """
    config = ServerConfig() if config is None else config
    eventlog = MemoryLog(config.keep_bytes) if log is None else log
    return AgentApp(agent, config, eventlog, middleware)


def _methods(routes: Mapping[str, Endpoint]) -> list[str]:
    head = ["HEAD"] if "GET" in routes else []
    return [*routes, *head, "OPTIONS"]


def _refusal(error: Exception, tell: Tell) -> ASGIApp:
    match error:
        case TooManyRuns():
            status, body = tell(503, error)
            return JSONResponse(body, status, [(b"retry-after", b"%d" % error.retry_after)])
        case LogError():
            log.error("The event log failed", exc_info=error)
            status, body = tell(503, "The event log cannot be reached.")
            return JSONResponse(body, status, [(b"retry-after", b"1")])
        case UnsupportedContentCoding():
            # RFC 9110, 12.5.3: it tells "what content codings the resource was willing to accept".
            status, body = tell(error.status, error)
            return JSONResponse(body, status, [(b"accept-encoding", b"identity")])
        case BadRequest():
            status, body = tell(error.status, error)
            return JSONResponse(body, status)
        case _:  # the client has left: this goes to nobody, but a response has to be sent
            return Response(status=400)
