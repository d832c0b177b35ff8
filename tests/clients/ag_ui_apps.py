"""The agent that the AG-UI clients talk to. It does what the prompt says."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from asgi_agent import ServerConfig, Turn, create_app
from asgi_agent.events import (
    AgentEvent,
    ClientTool,
    Complete,
    Data,
    Status,
    Thinking,
    ToolDelta,
    ToolExec,
    ToolResult,
)

Said = AsyncGenerator[AgentEvent | str, None]

asked: list[dict[str, Any]] = []


async def agent(turn: Turn) -> Said:  # noqa: C901 - a table
    """Does what the prompt says."""
    match turn.prompt:
        case "What is the weather?":
            yield Thinking("Let me ")
            yield Thinking("look.")
            yield ToolDelta("call_1", "weather", '{"city":')
            yield ToolDelta("call_1", "", ' "Paris"}')
            yield ToolExec("call_1", "weather", {"city": "Paris"})
            await asyncio.sleep(0.01)
            yield ToolResult("call_1", "weather", {"sky": None, "degrees": 18})
            yield Status("Writing")
            yield Data("chart", [1, None], id="c1")
            yield "It is "
            await asyncio.sleep(0.01)
            yield "18 °C."
            yield Complete("It is 18 °C.", {"input_tokens": 11, "output_tokens": 7})
        case "Where am I?":
            yield "Wait. "
            yield ClientTool("call_1", "locate", {"accuracy": "city"})
            answer = await anext(turn.inbox)
            yield f"You are in {answer['value']}."
        case "Clear my disk.":
            is_allowed = await turn.approve("call_1", "clear", {"disk": "c"}, "Really?")
            if is_allowed:
                yield ToolExec("call_1", "clear", {"disk": "c"})
                yield ToolResult("call_1", "clear", "cleared")
            yield "Done." if is_allowed else "I leave it as it is."
        case "Ask me.":
            city = await turn.ask("Which city?", {"type": "string"})
            day = await turn.ask("Which day?")
            yield f"{city}, {day}."
        case "Fail.":
            yield "So far, so good. "
            await asyncio.sleep(0.01)
            raise RuntimeError("the password is hunter2")
        case "Count to twenty.":
            for number in range(1, 21):
                yield f"{number} "
                await asyncio.sleep(0.05)
        case "Speak for ever.":
            while True:
                yield "on "
                await asyncio.sleep(0.01)
        case prompt:
            said = [each["content"] for each in turn.history if each["role"] == "user"]
            yield f"You said: {'; '.join([*said, prompt])}"


app = create_app(agent, ServerConfig())
