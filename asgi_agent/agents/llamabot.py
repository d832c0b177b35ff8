"""A LlamaBot bot, or whatever has a `stream_async` like one, as an agent."""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import AsyncExitStack, aclosing
from typing import Any, Protocol, cast, runtime_checkable

from ..events import AgentEvent
from .base import Agent, Turn


@runtime_checkable
class Bot(Protocol):
    """What streams the answer to some messages."""

    def stream_async(self, *messages: Any) -> AsyncIterable[str | None]: ...


def as_agent(bot: Bot) -> Agent:
    """The bot as an agent. It is told texts, and so takes all of the history for its user's."""

    async def answer(turn: Turn) -> AsyncGenerator[AgentEvent | str, None]:
        said = [each["content"] for each in turn.history if isinstance(each["content"], str)]
        async with aclosing(chunks(bot, *said, turn.prompt)) as found:
            async for chunk in found:
                yield chunk

    return answer


async def chunks(bot: Bot, *messages: Any) -> AsyncGenerator[str, None]:
    """What the bot says; with this, its stream is closed. What is None says nothing."""
    stream = bot.stream_async(*messages)
    async with AsyncExitStack() as stack:
        if isinstance(stream, AsyncGenerator):
            await stack.enter_async_context(aclosing(cast(AsyncGenerator[Any, None], stream)))
        async for chunk in stream:
            if chunk is not None:
                yield chunk
