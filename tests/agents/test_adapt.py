"""What a user may hand over as an agent."""

from collections.abc import AsyncGenerator, Generator
from functools import partial
from typing import Any

import pytest

from asgi_agent.agents import Turn
from asgi_agent.agents.adapt import as_agent, name_of
from asgi_agent.errors import UsageError
from asgi_agent.events import Complete
from asgi_agent.testing import run


async def echo(turn: Turn) -> AsyncGenerator[str, None]:
    yield turn.prompt


async def shout(turn: Turn) -> str:
    return turn.prompt.upper()


async def measure(turn: Turn) -> dict[str, int]:
    return {"length": len(turn.prompt)}


async def conclude(_: Turn) -> Complete:
    return Complete("done")


class Echo:
    name = "echo the first"

    async def __call__(self, turn: Turn) -> AsyncGenerator[str, None]:
        yield turn.prompt


class Shout:
    async def __call__(self, turn: Turn) -> str:
        return turn.prompt.upper()


def generate(turn: Turn) -> Generator[str, None, None]:
    yield turn.prompt


class Generate:
    def __call__(self, turn: Turn) -> Generator[str, None, None]:
        yield turn.prompt


async def no_one(*_: Any, **__: Any) -> Any:
    return None


TURN = Turn("hello", (), "s", "r", ask=no_one, approve=no_one, inbox=echo)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (echo, ["hello"]),
        (Echo(), ["hello"]),
        (Echo().__call__, ["hello"]),
        (partial(echo), ["hello"]),
        (shout, ["HELLO"]),
        (Shout(), ["HELLO"]),
        (partial(shout), ["HELLO"]),
        (measure, [Complete({"length": 5})]),
        (conclude, [Complete("done")]),
    ],
)
def test_whoever_speaks_or_returns_what_it_has_to_say_is_an_agent(
    agent: Any, said: list[Any]
) -> None:
    async def test() -> list[Any]:
        return [event async for event in as_agent(agent)(TURN)]

    assert run(test()) == said


@pytest.mark.parametrize("agent", ["echo", None, Echo, generate, Generate(), partial(generate)])
def test_what_cannot_be_an_agent_is_refused_before_the_first_prompt(agent: Any) -> None:
    with pytest.raises(UsageError, match="async generator function"):
        as_agent(agent)


def test_an_agent_is_called_what_it_calls_itself_else_what_it_was_defined_as() -> None:
    assert [name_of(each) for each in (Echo(), echo, Shout())] == [
        "echo the first",
        "echo",
        "agent",
    ]
