"""A bot under our server, and under sse-starlette with its own helper's name."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from asgi_agent import ServerConfig, create_app
from asgi_agent.compat.llamabot import sse_stream

ended: list[str] = []


class Bot:
    """Does what the last message says."""

    async def stream_async(self, *messages: Any) -> AsyncGenerator[str, None]:
        try:
            match messages[-1]:
                case "Fail.":
                    yield "So far, so good."
                    raise RuntimeError("the password is hunter2")
                case "Speak for ever.":
                    while True:
                        yield "on "
                case message:
                    yield "You said:"
                    await asyncio.sleep(0.01)
                    yield f"\n{message}"
        finally:
            ended.append(messages[-1])


async def theirs(request: Request) -> EventSourceResponse:
    """As LlamaBot's guide has it."""
    return EventSourceResponse(sse_stream(bot, (await request.json())["messages"]))


async def tell_ended(_: Request) -> JSONResponse:
    """Which bots have ended, once some have."""
    while "Speak for ever." not in ended:
        await asyncio.sleep(0.01)
    ended.clear()
    return JSONResponse(["Speak for ever."])


bot = Bot()
app = Starlette(
    routes=[
        Route("/theirs", theirs, methods=["POST"]),
        Route("/ended", tell_ended),
        Mount("/", create_app(bot, ServerConfig(on_disconnect="cancel"))),
    ]
)
