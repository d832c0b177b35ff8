"""The same stream in several frameworks, as their users write it."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.sse import EventSourceResponse as FastAPIResponse
from fastapi.sse import ServerSentEvent as FastAPIEvent
from litestar import Litestar, get
from litestar.response import ServerSentEvent
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from asgi_agent import Turn, create_app
from asgi_agent.asgi import EventStream
from asgi_agent.sse import Event


async def ticks() -> AsyncGenerator[int, None]:
    for number in range(1, 5):
        yield number
        await asyncio.sleep(20 if number == 3 else 1)


async def events() -> AsyncGenerator[Event, None]:
    async for number in ticks():
        yield Event(f"tick {number}", id=str(number))


async def dicts() -> AsyncGenerator[dict[str, Any], None]:
    async for number in ticks():
        yield {"data": f"tick {number}", "id": str(number)}


async def blocks() -> AsyncGenerator[str, None]:
    async for number in ticks():
        yield f"id: {number}\ndata: tick {number}\n\n"


def slow_dicts() -> Iterator[dict[str, Any]]:
    for number in range(1, 5):
        time.sleep(0.01)
        yield {"data": f"tick {number}", "id": str(number)}


async def agent(turn: Turn) -> AsyncGenerator[str, None]:
    yield "Let me see. "
    await asyncio.sleep(20)
    yield f"You said: {turn.prompt}"


async def streaming_response(request: Request) -> StreamingResponse:
    return StreamingResponse(blocks(), media_type="text/event-stream")


async def event_source_response(request: Request) -> EventSourceResponse:
    return EventSourceResponse(dicts())


async def threaded_response(request: Request) -> EventSourceResponse:
    return EventSourceResponse(slow_dicts())


@get("/", sync_to_thread=False)
def litestar_handler() -> ServerSentEvent:
    return ServerSentEvent(dicts())


event_stream = EventStream(lambda _: events())
agent_app = create_app(agent)
starlette_app = Starlette(routes=[Route("/", streaming_response)])
sse_starlette_app = Starlette(routes=[Route("/", event_source_response)])
threaded_app = Starlette(routes=[Route("/", threaded_response)])
litestar_app = Litestar([litestar_handler])
fastapi_app = FastAPI()


@fastapi_app.get("/", response_class=FastAPIResponse)
async def fastapi_handler() -> AsyncIterable[FastAPIEvent]:
    async for number in ticks():
        yield FastAPIEvent(data=f"tick {number}", id=str(number))
