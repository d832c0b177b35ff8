"""The application that the clients of the Vercel AI SDK are run against."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator

from asgi_agent import Turn, create_app
from asgi_agent.asgi import Receive, Response, Scope, Send
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

released: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)  # by session


def agent(turn: Turn) -> Said:  # noqa: PLR0911 - a table
    """Does what the prompt says."""
    match turn.prompt:
        case "Hello!":
            return hello()
        case "Where am I?":
            return locate(turn)
        case "Delete it." | "Delete it slowly.":
            return delete(turn)
        case "Ask me.":
            return ask(turn)
        case "Fail.":
            return fail()
        case "Speak for ever.":
            return speak_for_ever()
        case "Speak slowly.":
            return speak_slowly(turn)
        case _:
            return remember(turn)


async def hello() -> Said:
    """Has a little of everything."""
    yield Status("Looking")
    yield Thinking("Let me see.")
    yield ToolDelta("call_1", "weather", '{"city": ')
    yield ToolDelta("call_1", "weather", '"Tokyo"}')
    yield ToolExec("call_1", "weather", {"city": "Tokyo"})
    yield ToolResult("call_1", "weather", "sunny")
    yield ToolExec("call_2", "break", None)
    yield ToolResult("call_2", "break", "it broke", is_error=True)
    yield Data("progress", {"percent": 10}, id="p")
    yield Data("progress", {"percent": 100}, id="p")
    yield Data("cursor", 7, transient=True)
    yield "It is "
    await asyncio.sleep(0.01)
    yield "sunny."
    yield Complete(None, {"input_tokens": 11, "output_tokens": 7}, "stop")


async def locate(turn: Turn) -> Said:
    """Lets the client call a tool."""
    yield "One moment. "
    yield ClientTool("call_where", "get_location", {"precise": True})
    async for answer in turn.inbox:
        yield f"You are in {answer['value']}."
        return


async def delete(turn: Turn) -> Said:
    """Asks before it acts."""
    yield "May I? "
    if not await turn.approve("call_rm", "remove", {"path": "a.txt"}, "Gone for ever."):
        yield "It was kept."
        return
    yield ToolExec("call_rm", "remove", {"path": "a.txt"})
    yield ToolResult("call_rm", "remove", {"removed": 1})
    yield "It was "
    if turn.prompt == "Delete it slowly.":
        await released[turn.session_id].wait()
    yield "removed."


async def ask(turn: Turn) -> Said:
    """Asks two questions, one after the other."""
    yield "Hm. "
    city = await turn.ask("Which city?")
    days = await turn.ask("How many days?", {"type": "integer"})
    yield f"{days!r} days in {city}."


async def fail() -> Said:
    """Begins well."""
    yield "So far, so good."
    await asyncio.sleep(0.01)
    raise RuntimeError("the password is hunter2")


async def speak_for_ever() -> Said:
    """Has to be cancelled."""
    while True:
        yield "on "
        await asyncio.sleep(0.01)


async def speak_slowly(turn: Turn) -> Said:
    """Says the rest when the client wants to hear it."""
    yield Thinking("Slowly.")
    yield "Ready, "
    await asyncio.sleep(0)
    yield "steady, "
    await released[turn.session_id].wait()
    yield "go."


async def remember(turn: Turn) -> Said:
    """Tells what was said before."""
    for message in turn.history:
        yield f"{message['role']}: {message['content']}\n"
    yield turn.prompt


agent_app = create_app(agent)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The agent's application, beside a route that releases who speaks slowly."""
    kind, _, session_id = scope.get("path", "").removeprefix("/").partition("/")
    if kind == "release":
        released[session_id].set()
        await Response(status=204)(scope, receive, send)
    else:
        await agent_app(scope, receive, send)
