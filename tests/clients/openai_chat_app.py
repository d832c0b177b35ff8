"""The application that the clients of Chat Completions are run against."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from asgi_agent import AgentError, ServerConfig, Turn, create_app
from asgi_agent.events import AgentEvent, ClientTool, Complete, Thinking, ToolExec, ToolResult
from tests.clients.apps import Witness, begun, ended

Said = AsyncGenerator[AgentEvent | str, None]


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
    speakers: dict[str, Callable[[Turn], Said]] = {
        "Where am I?": locate,
        "Delete it.": delete,
        "How is the weather?": ask,
        "Fail.": fail,
        "Fail at once.": fail_at_once,
        "Speak for ever.": speak_for_ever,
    }
    return speakers.get(turn.prompt, answer)(turn)


async def answer(turn: Turn) -> Said:
    """A little of everything, and how much of the conversation it knows."""
    yield Thinking("Let me ")
    yield Thinking("see.")
    yield ToolExec("call_1", "search", {"q": turn.prompt})
    await asyncio.sleep(0.01)
    yield ToolResult("call_1", "search", "found")
    for word in ("You ", "said\u2028: ", turn.prompt):
        yield word
        await asyncio.sleep(0.001)
    yield f" After {len(turn.history)}."
    yield Complete(None, {"input_tokens": 11, "output_tokens": 7}, "length")


async def locate(turn: Turn) -> Said:
    """Needs two tools of the client."""
    yield "One moment. "
    yield ClientTool("c1", "get_location", {"accuracy": "high"})
    yield ClientTool("c2", "get_time", None)
    answers: dict[str, Any] = {}
    while len(answers) < 2:
        message = await anext(aiter(turn.inbox))
        answers[message["id"]] = message["value"]
    yield f"You are in {answers['c1']} at {answers['c2']}."


async def delete(turn: Turn) -> Said:
    """Needs the consent of a person."""
    yield "Deleted." if await turn.approve("d1", "delete", {}, "May I?") else "Not deleted."


async def ask(turn: Turn) -> Said:
    """Needs to know more."""
    yield "Let me see."
    yield str(await turn.ask("In which city?"))


async def fail(turn: Turn) -> Said:
    """Begins well."""
    yield "So far, so good. "
    await asyncio.sleep(0.01)
    raise RuntimeError("the password is hunter2")


async def fail_at_once(turn: Turn) -> Said:
    """Has a reason that may be told."""
    raise AgentError("The model is overloaded.", "overloaded")
    yield ""


async def speak_for_ever(turn: Turn) -> Said:
    """Has to be cancelled."""
    while True:
        yield "on "
        await asyncio.sleep(0.01)


app = Witness(create_app(agent, ServerConfig(name="demo", on_disconnect="cancel")))
