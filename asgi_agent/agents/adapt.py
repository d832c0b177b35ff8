"""Take what a user calls an agent as one."""

import inspect
from collections.abc import AsyncGenerator
from functools import wraps
from typing import Any, cast

from ..errors import UsageError
from ..events import AgentEvent, Complete
from . import llamabot
from .base import Agent, Turn


def as_agent(agent: Any) -> Agent:
    """The agent as an async generator function of a `Turn`.

    A coroutine function is one that says nothing but its result, and a bot one that says what its
    `stream_async` does. Raises `UsageError` for what cannot be an agent, now rather than with the
    first prompt.
    """
    if isinstance(agent, llamabot.Bot) and not inspect.isclass(agent):
        return llamabot.as_agent(agent)
    if not callable(agent) or inspect.isclass(agent):
        raise UsageError(f"an agent is an async generator function of a Turn: {agent!r}")
    functions = (agent, type(agent).__call__)  # it may be an object with a `__call__` of its own
    if any(map(inspect.isgeneratorfunction, functions)):
        raise UsageError(f"an agent is an async generator function, with `async def`: {agent!r}")
    if any(map(inspect.iscoroutinefunction, functions)):
        return _say_result(agent)
    return cast(Agent, agent)


def name_of(agent: Any) -> str:
    """What to call the agent."""
    return str(getattr(agent, "name", None) or getattr(agent, "__name__", "agent"))


def _say_result(agent: Any) -> Agent:
    @wraps(agent, updated=())
    async def say_result(turn: Turn) -> AsyncGenerator[AgentEvent | str, None]:
        result = await agent(turn)
        yield result if isinstance(result, str | AgentEvent) else Complete(result)

    return say_result
