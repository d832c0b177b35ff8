"""An agent in ten lines. Run: uvicorn examples.minimal:app, then open http://127.0.0.1:8000/."""

import asyncio
from collections.abc import AsyncGenerator

from asgi_agent import AgentEvent, ToolExec, ToolResult, Turn, create_app


async def agent(turn: Turn) -> AsyncGenerator[AgentEvent | str, None]:
    yield ToolExec("call_1", "count", {"text": turn.prompt})
    yield ToolResult("call_1", "count", len(turn.prompt))
    for word in f"Your question has {len(turn.prompt)} characters.".split(" "):
        yield f"{word} "
        await asyncio.sleep(0.05)


app = create_app(agent)
