"""What the command is told to serve in its tests."""

import asyncio
from typing import Any

from asgi_agent import ServerConfig, Turn, create_app


async def agent(turn: Turn) -> Any:
    """Says that it is there, and goes on for as many seconds as it is asked for."""
    yield "..."
    await asyncio.sleep(float(turn.prompt))
    yield "done"


async def flood(turn: Turn) -> Any:
    """Says more than any buffer takes."""
    while True:
        yield "x" * 10_000
        await asyncio.sleep(0)


app = create_app(agent, ServerConfig(name="the app"))

NOT_AN_AGENT = 5
