"""Take what a user calls an agent as one."""

import inspect
from collections.abc import AsyncGenerator
from functools import partial, wraps
from typing import Any, cast

from ..errors import UsageError
from ..events import AgentEvent, Complete
from . import llamabot
from .base import Agent, Turn
from .openjarvis import openjarvis_agent


def as_agent(agent: Any) -> Agent:
    """The agent as an async generator function of a `Turn`.

    A coroutine function is one that says nothing but its result; what has a `run` and an `agent_id`
    is an agent of OpenJarvis, and what has a `stream_async` a bot of LlamaBot. Raises `UsageError`
    for what cannot be an agent, now rather than with the first prompt.
    """
    if hasattr(agent, "agent_id") and callable(getattr(agent, "run", None)):
        return openjarvis_agent(agent)
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
    names = (getattr(agent, each, None) for each in ("name", "agent_id", "__name__"))
    return str(next(filter(None, names), "agent"))


def is_resumable(agent: Any) -> bool:
    """Whether the agent declares that it can go on after what it has said on another worker.

    It does so by a true attribute `resumable`, its own or that of what it wraps.
    """
    while agent is not None:
        if hasattr(agent, "resumable"):
            return bool(agent.resumable)
        agent = agent.func if isinstance(agent, partial) else getattr(agent, "__wrapped__", None)
    return False


def _say_result(agent: Any) -> Agent:
    @wraps(agent, updated=())
    async def say_result(turn: Turn) -> AsyncGenerator[AgentEvent | str, None]:
        result = await agent(turn)
        yield result if isinstance(result, str | AgentEvent) else Complete(result)

    return say_result
