"""An application whose agent does what it is told, for the clients of models to be run against."""

import asyncio
from collections.abc import AsyncGenerator

from asgi_agent import ServerConfig, Turn, create_app
from asgi_agent.errors import AgentError
from asgi_agent.events import AgentEvent, ClientTool, Complete, Thinking, ToolExec, ToolResult

Said = AsyncGenerator[AgentEvent | str, None]


async def agent(turn: Turn) -> Said:  # noqa: C901, PLR0912 - a table
    """Does what the prompt says."""
    match turn.prompt:
        case "What's the weather?":
            yield Thinking("Let me ")
            yield Thinking("look.")
            yield ToolExec("1", "get_weather", {"city": "Paris"})
            yield ToolResult("1", "get_weather", "18 °C")
            yield ToolExec("2", "get_wind", {"city": "Paris"})
            yield ToolResult("2", "get_wind", "no such sensor", is_error=True)
            yield "It is "
            yield "18 °C.\u2028"
            yield Complete(None, {"input_tokens": 11, "output_tokens": 7})
        case "Where am I?":
            yield "Let me see. "
            yield ClientTool("1", "get_location", {"accuracy": "city"})
            answer = await anext(turn.inbox)
            yield f"You are in {answer['value']}."
        case "Delete it.":
            if await turn.approve("1", "delete", {"path": "/"}, "Really?"):
                yield ToolExec("1", "delete", {"path": "/"})
                yield ToolResult("1", "delete", "gone")
                yield "It is gone."
            else:
                yield "I left it."
        case "Ask me.":
            city = await turn.ask("Which city?")
            yield f"You said {city}."
        case "Fail.":
            yield "So far, so good. "
            await asyncio.sleep(0.01)
            raise AgentError("The model is overloaded.", "model_error")
        case "Speak for ever.":
            while True:
                yield "on "
                await asyncio.sleep(0.01)
        case "Count.":
            for number in range(60):
                yield f"{number} "
                await asyncio.sleep(0.01)
        case "Say too much.":
            for _ in range(100):
                yield "much" * 25_000
                await asyncio.sleep(0)
        case "Be brief.":
            yield "No"
            yield Complete(None, finish_reason="length")
        case _:
            said = [f"{each['role']}: {each['content']}" for each in turn.history]
            yield " | ".join([*said, f"now: {turn.prompt}"])


app = create_app(agent, ServerConfig(name="demo-agent"))
