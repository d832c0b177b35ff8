"""Agents that the endpoints are tested with, and a client that asks them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asgi_agent import AgentApp, ServerConfig, Turn, create_app
from asgi_agent.agents import Agent
from asgi_agent.logs import EventLog
from asgi_agent.sse import Event
from asgi_agent.testing import Server

FOREVER = 1e6  # seconds


async def counter(turn: Turn) -> Any:
    """Says as many words as it is asked for, one a second."""
    for number in range(int(turn.prompt)):
        await asyncio.sleep(1)
        yield f"{number} "


async def parrot(turn: Turn) -> Any:
    """Says what it was asked, after what it remembers."""
    for message in turn.history:
        yield f"[{message['role']}: {message['content']}] "
    yield turn.prompt


async def silent(turn: Turn) -> Any:
    yield "..."
    await asyncio.sleep(FOREVER)


async def asking(turn: Turn) -> Any:
    city = await turn.ask("Which city?")
    if await turn.approve("c", "weather", {"city": city}, "May I?"):
        yield f"sunny in {city}"
    else:
        yield "never mind"


async def failing(turn: Turn) -> Any:
    yield "half"
    raise ValueError("db password=hunter2")


def app_of(agent: Agent, *, log: EventLog | None = None, **settings: Any) -> AgentApp:
    return create_app(agent, ServerConfig(**settings), log=log)


@asynccontextmanager
async def serving(app: AgentApp, **options: Any) -> AsyncIterator[Server]:
    async with Server(app, **options) as server:
        yield server


async def ask(server: Server, prompt: str, session_id: str | None = "s") -> Any:
    """Ask, and be told where to read the answer."""
    body = {"prompt": prompt, "session_id": session_id}
    response = await server.request("POST", "/ask", json=body)
    assert response.status == 200, response.text
    return response.json()


async def read(server: Server, path: str = "/stream/s", last: str | None = None) -> list[Event]:
    """What the session's stream says to its end."""
    headers = {} if last is None else {"last-event-id": last}
    response = await server.request("GET", path, headers=headers)
    assert response.status == 200, response.text
    return response.events()


def ids(events: list[Event]) -> list[str | None]:
    return [event.id for event in events]


def kinds(events: list[Event]) -> list[str]:
    return [event.event for event in events]
