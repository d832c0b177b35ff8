"""The demo agent as it is, and as it waits for a sign; and agents that it is no example of."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.applications import Starlette
from starlette.routing import Mount

from asgi_agent import AgentError, ServerConfig, Turn, create_app
from asgi_agent.agents.demo import make_demo
from asgi_agent.asgi import ASGIApp, Receive, Scope, Send
from asgi_agent.events import AgentEvent, Data, Question, Text, Thinking, ToolExec, ToolResult

go = asyncio.Event()


async def _wait(turn: Turn) -> AsyncGenerator[AgentEvent | str, None]:
    async for said in make_demo(0)(turn):
        if isinstance(said, Text):
            await go.wait()
        yield said


class Gate:
    """An app around an app. The agent says no word of its answer before somebody asks for /go."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == "/go":
            go.set()
        await self._app(scope, receive, send)


gated = Gate(create_app(_wait))

MARKUP = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"

demo = create_app(make_demo(0.01), ServerConfig(retry_ms=100))


async def _say_markup(turn: Turn) -> AsyncGenerator[AgentEvent | str, None]:
    yield Thinking(MARKUP)
    yield ToolExec(MARKUP, MARKUP, {MARKUP: MARKUP})
    yield ToolResult(MARKUP, MARKUP, MARKUP)
    yield Data(MARKUP, MARKUP)
    yield Question(MARKUP, MARKUP, {"enum": [MARKUP]})
    yield MARKUP


markup = create_app(_say_markup)


async def _fail(turn: Turn) -> AsyncGenerator[AgentEvent | str, None]:
    yield "Well, "
    raise AgentError("I am not well.")


failing = create_app(_fail)
mounted = Starlette(routes=[Mount("/agents/one", demo)])
