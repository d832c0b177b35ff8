"""An agent for each thing that the JavaScript client has to cope with, and a host that fails."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from asgi_agent import AgentError, ServerConfig, Turn, create_app
from asgi_agent.asgi import ASGIApp, Receive, Response, Scope, Send
from asgi_agent.events import AgentEvent, Audio, ClientTool, ToolDelta
from tests.apps import assistant

Said = AsyncGenerator[AgentEvent | str, None]


async def agent(turn: Turn) -> Said:
    """Does what the prompt says."""
    async with aclosing(SPEECHES.get(turn.prompt, assistant)(turn)) as speech:
        async for said in speech:
            yield said


async def ask(turn: Turn) -> Said:
    yield f"You said {await turn.ask('What?')}."


async def wait_for_approval(turn: Turn) -> Said:
    yield f"You said {await turn.approve('call_1', 'rm', {'path': '/'})}."


async def use_the_client(turn: Turn) -> Said:
    yield ClientTool("call_1", "where", {})
    yield f"You said {(await anext(turn.inbox))['value']}."


async def sing(turn: Turn) -> Said:
    yield Audio("audio/pcm", bytes(range(256)))
    yield Audio("audio/pcm", b"\0")


async def write(turn: Turn) -> Said:
    yield ToolDelta("call_1", "pen", '{"a"')


async def fail(turn: Turn) -> Said:
    yield "Well, "
    raise AgentError("I am not well.", "unwell")


async def count(turn: Turn) -> Said:
    for number in range(1, 31):
        yield f"{number} "
        await asyncio.sleep(0.01)


async def speak_for_ever(turn: Turn) -> Said:
    while True:
        yield "on "
        await asyncio.sleep(0.01)


SPEECHES = {
    "Ask me.": ask,
    "May you?": wait_for_approval,
    "Use my tool.": use_the_client,
    "Sing.": sing,
    "Write.": write,
    "Fail.": fail,
    "Count.": count,
    "Speak for ever.": speak_for_ever,
}


class Failing:
    """An app around an app that answers wrongly to what sessions of certain names ask for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._failed: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = self._wrong_response(scope.get("path", ""))
        await (response or self._app)(scope, receive, send)

    def _wrong_response(self, path: str) -> Response | None:
        if path == "/stream/page":
            return Response(b"<p>", 200, [(b"content-type", b"text/html")])
        if path.startswith("/stream/unready") and path not in self._failed:
            self._failed.add(path)
            return Response(b"", 503)
        return None


app = Failing(create_app(agent, ServerConfig(retry_ms=50)))
