"""A bot with `stream_async` as an agent."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from asgi_agent import ServerConfig, create_app
from asgi_agent.agents import Turn
from asgi_agent.agents.adapt import as_agent
from asgi_agent.agents.llamabot import chunks
from asgi_agent.testing import Server, run


class Bot:
    """As LlamaBot has them: callable too, and given all messages at once."""

    def __init__(self) -> None:
        self.is_closed = False

    def __call__(self, *messages: Any) -> str:
        raise AssertionError("a bot that can stream is asked to")

    async def stream_async(self, *messages: Any) -> AsyncGenerator[str | None, None]:
        try:
            for message in messages:
                yield f"[{message}]"
                await asyncio.sleep(1)
                yield None
        finally:
            self.is_closed = True


class Once:
    """A stream that is no generator has nothing to be closed."""

    def stream_async(self, *messages: str) -> AsyncIterator[str]:
        self._messages = list(messages)
        return self

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        if not self._messages:
            raise StopAsyncIteration
        return self._messages.pop()


async def nobody(*_: Any, **__: Any) -> Any:
    return None


def turn(prompt: str, *history: Any) -> Turn:
    async def inbox() -> AsyncGenerator[Any, None]:
        yield None

    messages = tuple({"role": "user", "content": each} for each in history)
    return Turn(prompt, messages, "s", "r", ask=nobody, approve=nobody, inbox=inbox())


def test_a_bot_is_told_the_texts_of_the_conversation() -> None:
    async def main() -> None:
        said = [each async for each in as_agent(Bot())(turn("c", "a", ["no text"], "b"))]
        assert said == ["[a]", "[b]", "[c]"]

    run(main())


def test_any_async_iterator_will_do() -> None:
    async def main() -> None:
        assert [each async for each in as_agent(Once())(turn("b", "a"))] == ["b", "a"]

    run(main())


def test_a_bot_is_closed_with_whoever_listens() -> None:
    async def main() -> None:
        bot = Bot()
        found = chunks(bot, "a", "b")
        assert await anext(found) == "[a]"
        await found.aclose()
        assert bot.is_closed

    run(main())


def test_a_bot_is_served() -> None:
    async def main() -> None:
        async with Server(create_app(Bot(), ServerConfig())) as server:
            response = await server.request("POST", "/chat", json={"messages": ["a", "b"]})
            assert response.text.removeprefix(":\n") == (
                "event: message\ndata: [a]\n\nevent: message\ndata: [b]\n\nevent: done\ndata: \n\n"
            )

    run(main())
