"""The applications that the tests serve under real hosts: each agent shows one way to behave."""

import asyncio
from collections.abc import AsyncGenerator

from asgi_agent import Turn, create_app
from asgi_agent.events import AgentEvent, Thinking, ToolExec, ToolResult

Said = AsyncGenerator[AgentEvent | str, None]


async def assistant(turn: Turn) -> Said:
    """Does a little of everything, and names the prompt, so that a stream shows whose it is."""
    yield Thinking("Let me see.")
    yield ToolExec("call_1", "echo", {"text": turn.prompt})
    await asyncio.sleep(0.01)
    yield ToolResult("call_1", "echo", turn.prompt)
    for word in f"You said: {turn.prompt}".split(" "):
        yield f"{word} "
        await asyncio.sleep(0.01)


assistant_app = create_app(assistant)
