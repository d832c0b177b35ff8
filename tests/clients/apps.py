"""The application that the clients are run against, and a witness of what they ask of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from asgi_agent import ServerConfig, Turn, create_app
from asgi_agent.agents.demo import demo
from asgi_agent.asgi import ASGIApp, JSONResponse, Message, Receive, Scope, Send, header
from asgi_agent.events import AgentEvent
from tests.apps import assistant

Said = AsyncGenerator[AgentEvent | str, None]

BYTES_BEFORE_THE_CUT = 700  # in the middle of the eleventh event: the last word

begun: list[str] = []  # the prompts of the runs
ended: list[str] = []
requests: list[dict[str, Any]] = []


async def agent(turn: Turn) -> Said:
    """Does what the prompt says."""
    begun.append(turn.prompt)
    try:
        async with aclosing(speech(turn)) as sayings:
            async for said in sayings:
                yield said
    finally:
        ended.append(turn.prompt)


def speech(turn: Turn) -> Said:
    """The agent for such a prompt, speaking."""
    match turn.prompt:
        case "Fail.":
            return fail()
        case "Think for six seconds.":
            return think()
        case "Speak for ever.":
            return speak_for_ever()
        case "My name is Alice." | "What's my name?":
            return demo(turn)
        case _:
            return assistant(turn)


async def fail() -> Said:
    """Begins well."""
    yield "So far, so good. "
    await asyncio.sleep(0.01)
    raise RuntimeError("the password is hunter2")


async def think() -> Said:
    """Is silent for longer than httpx, by default, waits for a byte."""
    await asyncio.sleep(6)
    yield "Here I am."


async def speak_for_ever() -> Said:
    """Has to be cancelled."""
    while True:
        yield "on "
        await asyncio.sleep(0.01)


class Witness:
    """An app around an app that notes each request, and tells them at /witness.

    Told once, they are forgotten. The first event stream of a session whose ID begins with "cut"
    is cut off in the middle of an event.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/witness":
            told = {"requests": requests, "begun": begun, "ended": ended}
            await JSONResponse(told)(scope, receive, send)
            requests.clear()
            begun.clear()
            ended.clear()
        else:
            await self._note(scope, receive, send)

    async def _note(self, scope: Scope, receive: Receive, send: Send) -> None:
        last_event_id = header(scope, b"last-event-id")
        noted = {
            "method": scope["method"],
            "path": scope["path"],
            "last_event_id": last_event_id,
            "client": scope["client"],
        }
        is_cut = scope["path"].startswith("/stream/cut") and last_event_id is None

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                requests.append({**noted, "status": message["status"]})
            await send(message)

        await self._app(scope, receive, cut(note) if is_cut else note)


def cut(send: Send) -> Send:
    """`send`, for the beginning of a response only."""
    left = BYTES_BEFORE_THE_CUT

    async def send_beginning(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.body":
            if left == 0:
                return
            body = message["body"][:left]
            left -= len(body)
            message = {**message, "body": body, "more_body": left > 0}
        await send(message)

    return send_beginning


app = Witness(create_app(agent, ServerConfig(retry_ms=100)))
